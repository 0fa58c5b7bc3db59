package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.ImageStages;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.SharedStatistics;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Runs stages on one image in tiles; see {@link Tiling}. */
final class TiledStages {
  private final ImageStages stages;
  private final Session session;
  private final Tiling tiling;
  private final SharedStatistics statistics = new SharedStatistics();

  TiledStages(ImageStages stages, Session session, Tiling tiling) {
    this.stages = stages;
    this.session = session;
    this.tiling = tiling;
  }

  /**
   * Runs all stages.
   *
   * @param first what the first one gets, {@code [1, h, w, c]}; stays the caller's
   * @param pixels of the image along a side of a pixel of {@code first}
   * @return what the last one gives
   */
  Tensor run(Tensor first, int pixels) {
    Tensor x = first;
    int pixel = pixels;
    for (int stage = 0; stage < stages.count(); stage++) {
      Tensor y = run(stage, x, Math.max(1, tiling.size() / (pixel * stages.cell(stage))));
      pixel = pixel * x.shape().size(1) / y.shape().size(1);
      if (stage > 0) {
        x.arena().release(x);
      }
      x = y;
    }
    return x;
  }

  private Tensor run(int stage, Tensor x, int size) {
    int halo = stages.halo(stage);
    int cell = stages.cell(stage);
    TileAxis rows = new TileAxis(x.shape().size(1) / cell, size, halo);
    TileAxis columns = new TileAxis(x.shape().size(2) / cell, size, halo);
    List<GroupNorm> norms = stages.norms(stage);
    for (int norm = 0; norm < norms.size(); norm++) {
      for (int i = 0; i < rows.count(); i++) {
        for (int j = 0; j < columns.count(); j++) {
          tile(stage, norm, x, rows, columns, i, j, norms.get(norm), null);
        }
      }
    }
    Tensor whole = null;
    for (int i = 0; i < rows.count(); i++) {
      for (int j = 0; j < columns.count(); j++) {
        whole = tile(stage, norms.size(), x, rows, columns, i, j, null, whole);
      }
    }
    if (whole == null) {
      throw new EqvaeException.Internal("an image without tiles");
    }
    return whole;
  }

  /** Measures what goes into a norm, or puts the result of the stage where it belongs. */
  private @Nullable Tensor tile(
      int stage,
      int norm,
      Tensor x,
      TileAxis rows,
      TileAxis columns,
      int i,
      int j,
      @Nullable GroupNorm measured,
      @Nullable Tensor whole) {
    TensorArena arena = x.arena();
    int cell = stages.cell(stage);
    int height = rows.to(i) - rows.from(i);
    int width = columns.to(j) - columns.from(j);
    Tensor view =
        x.narrow(1, (long) cell * rows.from(i), (long) cell * height)
            .narrow(2, (long) cell * columns.from(j), (long) cell * width);
    Tensor part = arena.tensor(view.shape(), view.dtype());
    view.copyTo(session.stream(), part);
    Tape tape = session.tape();
    Tensor y = statistics.run(() -> stages.run(tape, stage, part, norm));
    int k = y.shape().size(1) / height; // pixels of y along a side of a cell
    Tensor core =
        y.narrow(1, k * (rows.start(i) - rows.from(i)), k * (rows.end(i) - rows.start(i)))
            .narrow(
                2,
                k * (columns.start(j) - columns.from(j)),
                k * (columns.end(j) - columns.start(j)));
    Tensor result = whole;
    if (measured != null) {
      statistics.add(measured, tape, core);
    } else {
      if (result == null) {
        Shape shape =
            x.shape().with(1, k * x.shape().dim(1) / cell).with(2, k * x.shape().dim(2) / cell);
        result = arena.tensor(shape.with(3, y.shape().dim(3)), y.dtype());
      }
      core.copyTo(
          session.stream(),
          result
              .narrow(1, k * (long) rows.start(i), core.shape().dim(1))
              .narrow(2, k * (long) columns.start(j), core.shape().dim(2)));
    }
    tape.releaseAll();
    arena.release(part);
    return result;
  }
}
