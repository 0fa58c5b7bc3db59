package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.op.Embedding;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Decodes codes with the autoencoder that made them. */
final class CodeDecoder {
  private final MaskGitRecipe recipe;
  private final LatentsAutoencoder autoencoder;

  CodeDecoder(MaskGitRecipe recipe, LatentsAutoencoder autoencoder) {
    this.recipe = recipe;
    this.autoencoder = autoencoder;
  }

  /**
   * What decoding needs: the autoencoder and one batch of pictures.
   *
   * @param recipe names the autoencoder, or codes that do
   * @param stream of a device that only plans
   * @return bytes; 0 if it is not there
   */
  static long plannedBytes(MaskGitRecipe recipe, Stream stream) {
    int side = recipe.model().side();
    int n = Math.min(recipe.samples().batch(), recipe.samples().count());
    return LatentsAutoencoder.plannedBytes(
        recipe.samples().autoencoder(),
        recipe.data().path(),
        stream,
        (vae, tape) -> {
          if (vae instanceof VqModel vq) {
            Tensor numbers = tape.arena().tensor(Shape.of(n, side, side), DType.I32);
            vae.decode(tape, tape.apply(new Embedding(), vq.codebook().value(), numbers));
          }
        });
  }

  /**
   * Makes pictures. Without the autoencoder, codes are shown as shades of gray.
   *
   * @param codes of each, row by row
   * @param stream orders the work; the autoencoder is loaded for this call
   */
  List<Image> decode(List<int[]> codes, Stream stream) throws IOException {
    if (autoencoder.path().isEmpty()) {
      return codes.stream().map(this::shown).toList();
    }
    try (Autoencoder vae = autoencoder.load(stream);
        TensorArena arena = new TensorArena(stream.device(), "pictures")) {
      if (!(vae instanceof VqModel vq) || vq.codebook().shape().size(0) != recipe.model().codes()) {
        throw new EqvaeException.Argument(
            "%s has no codebook of %d entries"
                .formatted(autoencoder.path().orElseThrow(), recipe.model().codes()));
      }
      int batch = recipe.samples().batch();
      List<Image> pictures = new ArrayList<>();
      for (int from = 0; from < codes.size(); from += batch) {
        decode(vq, codes.subList(from, Math.min(codes.size(), from + batch)), stream, arena)
            .forEach(pictures::add);
      }
      return pictures;
    }
  }

  private List<Image> decode(VqModel vae, List<int[]> codes, Stream stream, TensorArena arena) {
    int n = codes.size();
    int side = recipe.model().side();
    int[] all = new int[n * side * side];
    for (int i = 0; i < n; i++) {
      System.arraycopy(codes.get(i), 0, all, i * side * side, side * side);
    }
    Tensor numbers = arena.tensor(Shape.of(n, side, side), DType.I32);
    numbers.setInts(stream, all);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor vectors = tape.apply(new Embedding(), vae.codebook().value(), numbers);
    float[] pixels = vae.decode(tape, vectors).toFloats(stream);
    arena.reset();
    int pictureSide = side * vae.config().downsamplingFactor();
    int channels = vae.config().outChannels();
    int each = pictureSide * pictureSide * channels;
    List<Image> pictures = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      pictures.add(Image.ofFloats(pictureSide, pictureSide, channels, pixels, i * each, -1, 1));
    }
    return pictures;
  }

  private Image shown(int[] codes) {
    int side = recipe.model().side();
    float[] shades = new float[codes.length];
    for (int i = 0; i < shades.length; i++) {
      shades[i] = codes[i];
    }
    return Image.ofFloats(side, side, 1, shades, 0, 0, recipe.model().codes());
  }
}
