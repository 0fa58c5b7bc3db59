package io.github.eqvae.bench;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** The nearest codes by libtorch. */
final class TorchNearestCode implements Work {
  private final boolean cdist;
  private final Tensor z;
  private final Tensor codebook;
  private final long[] index;

  TorchNearestCode(int vectors, int codes, int length, boolean cdist) {
    this.cdist = cdist;
    torch.set_num_threads(Peer.threads());
    z = Tensor.create(Numbers.uniform(1, (long) vectors * length), vectors, length);
    codebook = Tensor.create(Numbers.uniform(2, (long) codes * length), codes, length);
    index = new long[vectors];
  }

  private static Tensor squares(Tensor x, boolean keep) {
    return x.square().sum(new long[] {1}, keep, new ScalarTypeOptional());
  }

  private Tensor distances() {
    return cdist
        ? torch.cdist(z, codebook)
        : squares(z, true)
            .add(squares(codebook, false))
            .sub(torch.matmul(z, codebook.t()).mul(new Scalar(2)));
  }

  @Override
  public void run() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard guard = new NoGradGuard()) {
      Tensor nearest = distances().argmin(new LongOptional(1), false);
      new LongPointer(nearest.data_ptr()).get(index);
    }
  }

  @Override
  public float[] result() {
    float[] out = new float[index.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = index[i];
    }
    return out;
  }

  @Override
  public void close() {
    z.close();
    codebook.close();
  }
}
