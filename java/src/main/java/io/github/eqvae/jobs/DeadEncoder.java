package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.eval.LatentRange;
import io.github.eqvae.io.Image;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Tells an encoder that ignores its pictures from pictures that show nothing: the latents of a
 * shard are the same everywhere, although its pictures are not.
 */
final class DeadEncoder {
  private @Nullable LatentRange range;
  private byte @Nullable [] first;
  private boolean differ;
  private boolean content;
  private OptionalInt code = OptionalInt.empty();

  /** Starts anew. */
  void clear() {
    range = null;
    first = null;
    differ = false;
    content = false;
    code = OptionalInt.empty();
  }

  /** Takes pictures and their latents {@code [N, h, w, channels]}. */
  void add(List<Image> images, float[] latents, int channels) {
    for (Image image : images) {
      byte[] data = image.data();
      differ |= first != null && !Arrays.equals(first, data);
      content |= differ || !isFlat(data, image.channels());
      first = data;
    }
    if (range == null) {
      range = new LatentRange(channels);
    }
    range.add(latents);
    // A latent of one pixel is the same at all its places, and only other pictures can change it.
    content = latents.length == images.size() * channels ? differ : content;
  }

  /** Takes pictures and their codes {@code [N, h, w]}, whole in a float up to 2²⁴. */
  void add(List<Image> images, int[] codes) {
    float[] numbers = new float[codes.length];
    for (int i = 0; i < codes.length; i++) {
      numbers[i] = codes[i];
    }
    code = OptionalInt.of(codes[0]);
    add(images, numbers, 1);
  }

  /** Fails if the pictures have content and the latents have none. */
  void require(String model) {
    if (range != null && content) {
      if (code.isPresent() && range.isConstant()) {
        throw new EqvaeException.Argument(
            "%s: every picture has the code %d everywhere: its codebook has collapsed, or its encoder"
                    .formatted(model, code.getAsInt())
                + " ignores what it sees");
      }
      range.requireContent(model);
    }
  }

  private static boolean isFlat(byte[] data, int channels) {
    return Arrays.equals(data, 0, data.length - channels, data, channels, data.length);
  }
}
