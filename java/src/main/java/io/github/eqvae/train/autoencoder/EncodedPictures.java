package io.github.eqvae.train.autoencoder;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.HostBatch;
import java.util.HashMap;
import java.util.Map;

/**
 * A cache of latents in host memory, for a frozen encoder and pictures that are always cropped in
 * the same way. If a picture of a batch is missing, the whole batch is encoded as without a cache,
 * so a miss costs only time.
 */
final class EncodedPictures {
  /** The field of a batch: the result of {@link Autoencoder#encode}, {@code [N, h, w, c]}. */
  static final String ENCODED = "encoded";

  /** The field of a batch: which picture each sample is. */
  static final String PICTURES = "pictures";

  /** An entry of the map and the array's header, about. */
  private static final int OVERHEAD = 80;

  private final Autoencoder vae;
  private final Stream stream;
  private final Shape images;
  private final long most;
  private final Map<Integer, float[]> kept = new HashMap<>();
  private long used;
  private long found;

  EncodedPictures(Autoencoder vae, Stream stream, Shape images, long mostBytes) {
    this.vae = vae;
    this.stream = stream;
    this.images = images;
    most = mostBytes;
  }

  /** The shape of an encoded batch. */
  static Shape shape(Autoencoder vae, Shape images) {
    int f = vae.config().downsamplingFactor();
    int channels = vae.config().embedDim() * (vae instanceof VqModel ? 1 : 2);
    return Shape.of(images.dim(0), images.dim(1) / f, images.dim(2) / f, channels);
  }

  /** Bytes that a picture takes here. */
  static long bytes(ModelRecipe model, int side) {
    long latent = side / model.downsamplingFactor();
    int channels = model.embedDim() * (model.kind() == ModelRecipe.Kind.VQ ? 1 : 2);
    return latent * latent * channels * Float.BYTES + OVERHEAD;
  }

  /** Fills the field of a batch whose images are there. */
  void complete(HostBatch batch) {
    int[] pictures = batch.ints(PICTURES);
    float[] to = batch.floats(ENCODED);
    int each = to.length / pictures.length;
    boolean whole = true;
    for (int i = 0; i < pictures.length && whole; i++) {
      float[] known = kept.get(pictures[i]);
      whole = known != null;
      if (known != null) {
        System.arraycopy(known, 0, to, i * each, each);
      }
    }
    if (whole) {
      found++;
      return;
    }
    float[] encoded = encode(batch.floats(AutoencoderTask.IMAGES));
    System.arraycopy(encoded, 0, to, 0, to.length);
    for (int i = 0; i < pictures.length; i++) {
      long bytes = (long) each * Float.BYTES + OVERHEAD;
      if (used + bytes <= most && !kept.containsKey(pictures[i])) {
        kept.put(pictures[i], java.util.Arrays.copyOfRange(to, i * each, (i + 1) * each));
        used += bytes;
      }
    }
  }

  /** How many batches were complete in the cache. */
  long found() {
    return found;
  }

  private float[] encode(float[] pixels) {
    try (TensorArena arena = new TensorArena(stream.device(), "encoding")) {
      Tensor x = arena.tensor(images);
      x.set(stream, pixels);
      return vae.encode(new Tape(stream, arena, Tape.Mode.INFERENCE), x).toFloats(stream);
    }
  }

  /** The device's memory that encoding takes, found on a device that only plans. */
  static long plan(Autoencoder vae, Shape images, Stream stream) {
    try (TensorArena arena = new TensorArena(stream.device(), "encoding")) {
      arena.reserve(1L << 45); // the planner's memory is only addresses
      Tensor x = arena.tensor(images);
      vae.encode(new Tape(stream, arena, Tape.Mode.INFERENCE), x);
      return arena.extent();
    }
  }
}
