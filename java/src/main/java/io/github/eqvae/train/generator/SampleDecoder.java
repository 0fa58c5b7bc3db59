package io.github.eqvae.train.generator;

import io.github.eqvae.io.Image;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Decodes latents with the autoencoder that made them. */
final class SampleDecoder {
  private final GeneratorRecipe recipe;
  private final LatentData data;
  private final LatentsAutoencoder autoencoder;

  SampleDecoder(GeneratorRecipe recipe, LatentData data, LatentsAutoencoder autoencoder) {
    this.recipe = recipe;
    this.data = data;
    this.autoencoder = autoencoder;
  }

  /**
   * What decoding needs: the autoencoder and one batch of pictures.
   *
   * @param recipe names the autoencoder, or latents that do
   * @param stream of a device that only plans
   * @return bytes; 0 if it is not there
   */
  static long plannedBytes(GeneratorRecipe recipe, Stream stream) {
    NetworkRecipe m = recipe.model();
    int n = Math.min(recipe.samples().batch(), recipe.samples().count());
    return LatentsAutoencoder.plannedBytes(
        recipe.samples().autoencoder(),
        recipe.data().path(),
        stream,
        (vae, tape) ->
            vae.decode(tape, tape.arena().tensor(Shape.of(n, m.side(), m.side(), m.channels()))));
  }

  /**
   * Makes pictures. Without the autoencoder, the latents themselves are shown.
   *
   * @param latents as the network makes them, {@code [N, H, W, C]}
   * @param count N
   * @param stream orders the work; the autoencoder is loaded for this call
   */
  List<Image> decode(float[] latents, int count, Stream stream) throws IOException {
    if (autoencoder.path().isEmpty()) {
      return shown(latents, count);
    }
    try (Autoencoder vae = autoencoder.load(stream);
        TensorArena arena = new TensorArena(stream.device(), "pictures")) {
      float[] z = unscaled(latents);
      int each = data.elements();
      int batch = recipe.samples().batch();
      int side = recipe.model().side() * vae.config().downsamplingFactor();
      int channels = vae.config().outChannels();
      List<Image> pictures = new ArrayList<>();
      for (int from = 0; from < count; from += batch) {
        int n = Math.min(batch, count - from);
        float[] part = Arrays.copyOfRange(z, from * each, (from + n) * each);
        float[] pixels = pixels(vae, part, n, stream, arena);
        for (int i = 0; i < n; i++) {
          pictures.add(
              Image.ofFloats(side, side, channels, pixels, i * side * side * channels, -1, 1));
        }
      }
      return pictures;
    }
  }

  private float[] unscaled(float[] latents) {
    LatentScaling scaling = data.wholeScaling();
    int c = recipe.model().channels();
    float[] z = new float[latents.length];
    for (int i = 0; i < z.length; i++) {
      z[i] = (float) scaling.unscale(latents[i], i % c);
    }
    return z;
  }

  private float[] pixels(Autoencoder vae, float[] z, int n, Stream stream, TensorArena arena) {
    int side = recipe.model().side();
    Tensor latents = arena.tensor(Shape.of(n, side, side, recipe.model().channels()));
    latents.set(stream, z);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    float[] pixels = vae.decode(tape, latents).toFloats(stream);
    arena.reset();
    return pixels;
  }

  /**
   * The latents themselves: gray of one channel, or the first three as colours, ±2 from end to end.
   */
  private List<Image> shown(float[] latents, int count) {
    NetworkRecipe model = recipe.model();
    int channels = model.channels() < 3 ? 1 : 3;
    int pixels = model.side() * model.side();
    List<Image> pictures = new ArrayList<>();
    for (int n = 0; n < count; n++) {
      float[] part = new float[pixels * channels];
      for (int i = 0; i < part.length; i++) {
        part[i] = latents[(n * pixels + i / channels) * model.channels() + i % channels];
      }
      pictures.add(Image.ofFloats(model.side(), model.side(), channels, part, 0, -2, 2));
    }
    return pictures;
  }
}
