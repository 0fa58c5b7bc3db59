package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.ImageStages;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.SharedStatistics;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
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
   * @param first input of the first stage, {@code [1, h, w, c]}; stays the caller's
   * @param pixels image pixels along the side of a pixel of {@code first}
   * @return output of the last stage
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
    if (rows.count() == 0 || columns.count() == 0) {
      throw new EqvaeException.Internal("an image without tiles");
    }
    Tensor whole = null;
    while (whole == null) {
      whole = pass(stage, x, rows, columns);
    }
    return whole;
  }

  /**
   * Runs all tiles up to the next unmeasured norm and adds its input to the norm's statistics. When
   * all norms are measured, runs the tiles to the end of the stage and joins them.
   *
   * @return the stage's output; null if a norm was measured
   */
  private @Nullable Tensor pass(int stage, Tensor x, TileAxis rows, TileAxis columns) {
    Tensor whole = null;
    GroupNorm measured = null;
    for (int i = 0; i < rows.count(); i++) {
      for (int j = 0; j < columns.count(); j++) {
        Tensor tile = cut(x, stages.cell(stage), rows, columns, i, j);
        Tape tape = session.tape();
        SharedStatistics.Run run = statistics.run(() -> stages.run(tape, stage, tile));
        Tensor y = run.result();
        int k =
            y.shape().size(1)
                / (rows.to(i) - rows.from(i)); // output pixels along the side of a cell
        Tensor core =
            y.narrow(1, k * (rows.start(i) - rows.from(i)), k * (rows.end(i) - rows.start(i)))
                .narrow(
                    2,
                    k * (columns.start(j) - columns.from(j)),
                    k * (columns.end(j) - columns.start(j)));
        measured = run.norm();
        if (measured != null) {
          statistics.add(measured, tape, core);
        } else {
          whole = whole == null ? like(x, stages.cell(stage), k, y) : whole;
          core.copyTo(
              session.stream(),
              whole
                  .narrow(1, k * (long) rows.start(i), core.shape().dim(1))
                  .narrow(2, k * (long) columns.start(j), core.shape().dim(2)));
        }
        tape.releaseAll();
        tile.arena().release(tile);
      }
    }
    if (measured != null) {
      statistics.complete(measured);
    }
    return whole;
  }

  /** Copies a tile with its halo. */
  private Tensor cut(Tensor x, int cell, TileAxis rows, TileAxis columns, int i, int j) {
    Tensor view =
        x.narrow(1, (long) cell * rows.from(i), (long) cell * (rows.to(i) - rows.from(i)))
            .narrow(
                2, (long) cell * columns.from(j), (long) cell * (columns.to(j) - columns.from(j)));
    Tensor tile = x.arena().tensor(view.shape(), view.dtype());
    view.copyTo(session.stream(), tile);
    return tile;
  }

  /** Memory for the stage's output for the whole of x; y is the output for a tile. */
  private static Tensor like(Tensor x, int cell, int k, Tensor y) {
    Shape shape =
        x.shape().with(1, k * x.shape().dim(1) / cell).with(2, k * x.shape().dim(2) / cell);
    return x.arena().tensor(shape.with(3, y.shape().dim(3)), y.dtype());
  }
}
