package io.github.eqvae.bench;

import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.TensorVector;

/** Updates of all weights of a 3×3 convolution of so many channels, by us and by libtorch. */
final class AdamWork {
  private static final double RATE = 1e-3;

  private AdamWork() {}

  private static float[] weights(int channels) {
    return Numbers.uniform(1, 9L * channels * channels);
  }

  private static float[] gradient(int channels) {
    return Numbers.uniform(2, 9L * channels * channels);
  }

  /** Ours. */
  static final class Eqvae implements Work {
    private final Device device;
    private final Stream stream;
    private final ParameterStore store;
    private final AdamOptimizer adam;

    Eqvae(int channels, String deviceName) {
      device = Device.open(deviceName, deviceName.equals("cpu") ? Peer.threads() : 0);
      stream = new Stream(device);
      ParameterStore.Builder builder = new ParameterStore.Builder();
      Conv2d conv =
          new Conv2d(
              builder.root().in("conv"),
              channels,
              channels,
              3,
              new io.github.eqvae.op.Conv2d(1, 1));
      store = builder.build(stream, 1, true);
      conv.weight().value().set(stream, weights(channels));
      store.gradients(stream); // zeros, and written over from now on
      conv.weight().gradient().set(stream, gradient(channels));
      adam = new AdamOptimizer(store, stream, new AdamSettings(0.9, 0.999, 1e-8, 0, false));
    }

    @Override
    public void run() {
      adam.step(stream, RATE, 1);
      stream.sync();
    }

    @Override
    public float[] result() {
      Tensor w = store.get("conv.weight").value();
      return w.toFloats(stream);
    }

    @Override
    public void close() {
      store.close();
      stream.close();
      device.close();
    }
  }

  /** libtorch's. */
  static final class Torch implements Work {
    private final org.bytedeco.pytorch.Tensor weight;
    private final Adam adam;

    Torch(int channels) {
      org.bytedeco.pytorch.global.torch.set_num_threads(Peer.threads());
      weight = org.bytedeco.pytorch.Tensor.create(weights(channels)).clone();
      weight.set_requires_grad(true);
      weight.mutable_grad().put(org.bytedeco.pytorch.Tensor.create(gradient(channels)).clone());
      adam = new Adam(new TensorVector(weight), new AdamOptions(RATE));
    }

    @Override
    public void run() {
      try (PointerScope scope = new PointerScope()) {
        adam.step();
      }
    }

    @Override
    public float[] result() {
      float[] out = new float[(int) weight.numel()];
      new FloatPointer(weight.data_ptr()).get(out);
      return out;
    }

    @Override
    public void close() {
      adam.close();
      weight.close();
    }
  }
}
