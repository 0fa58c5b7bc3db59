package io.github.eqvae.serve;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.DecoderStages;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.SharedStatistics;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Decodes one image in tiles; see {@link Tiling}. */
final class TiledDecoder {
  private final DecoderStages stages;
  private final Session session;
  private final int factor;
  private final Tiling tiling;
  private final SharedStatistics statistics = new SharedStatistics();

  TiledDecoder(Autoencoder model, Session session, Tiling tiling) {
    this.stages = model.decoderStages();
    this.factor = model.config().downsamplingFactor();
    this.session = session;
    this.tiling = tiling;
  }

  /**
   * Decodes.
   *
   * @param value what the decoder gets, {@code [1, h, w, c]}
   * @return the image, {@code [H, W, C]}
   */
  float[] decode(Tensor value) {
    Tape tape = session.tape();
    Tensor x = tape.keep(stages.middle(tape, value));
    tape.releaseAll();
    // Pixels of the image per pixel of x.
    int pixel = factor / (x.shape().size(1) / value.shape().size(1));
    for (int stage = 0; stage < stages.count(); stage++) {
      Tensor y = run(stage, x, Math.max(1, tiling.size() / pixel));
      if (stage > 0) {
        x.arena().release(x);
      }
      x = y;
      pixel /= stages.scale(stage);
    }
    return session.download(x);
  }

  private Tensor run(int stage, Tensor x, int size) {
    int halo = stages.halo(stage);
    TileAxis rows = new TileAxis(x.shape().size(1), size, halo);
    TileAxis columns = new TileAxis(x.shape().size(2), size, halo);
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
      throw new io.github.eqvae.EqvaeException.Internal("an image without tiles");
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
    Arena arena = x.arena();
    Tensor view =
        x.narrow(1, rows.from(i), rows.to(i) - rows.from(i))
            .narrow(2, columns.from(j), columns.to(j) - columns.from(j));
    Tensor part = arena.tensor(view.shape(), view.dtype());
    view.copyTo(session.stream(), part);
    Tape tape = session.tape();
    Tensor y = statistics.run(() -> stages.run(tape, stage, part, norm));
    int k = stages.scale(stage);
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
        Shape shape = x.shape().with(1, k * x.shape().dim(1)).with(2, k * x.shape().dim(2));
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
