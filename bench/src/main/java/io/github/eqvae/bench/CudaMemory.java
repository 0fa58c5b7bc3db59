package io.github.eqvae.bench;

import static org.bytedeco.cuda.global.cudart.cudaDeviceSynchronize;
import static org.bytedeco.cuda.global.cudart.cudaFree;
import static org.bytedeco.cuda.global.cudart.cudaMalloc;
import static org.bytedeco.cuda.global.cudart.cudaMemcpy;
import static org.bytedeco.cuda.global.cudart.cudaMemcpyDeviceToHost;
import static org.bytedeco.cuda.global.cudart.cudaMemcpyHostToDevice;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;

/** Arrays of fp32 or bf16 on a GPU, for the peers that use NVIDIA's libraries. */
final class CudaMemory implements AutoCloseable {
  private final boolean bf16;
  private final List<Pointer> all = new ArrayList<>();

  CudaMemory(String dtype) {
    bf16 = dtype.equals("bf16");
  }

  /**
   * Loads the runtime and a library.
   *
   * @throws IllegalStateException with what to do, when they are not there
   */
  static void load(KernelPeer peer, Class<?> library) {
    try {
      Loader.load(org.bytedeco.cuda.global.cudart.class);
      Loader.load(library);
    } catch (LinkageError e) {
      throw new IllegalStateException(
          "The peer "
              + peer
              + " needs CUDA 13, cuDNN 9 and their Java binding, which were not found ("
              + e.getMessage()
              + "). Install both and set EQVAE_BENCH_MAVEN=-Pcudnn for bench/run, which adds the"
              + " binding's native part",
          e);
    }
  }

  boolean isBf16() {
    return bf16;
  }

  Pointer allocate(long bytes) {
    Pointer p = new Pointer();
    check(cudaMalloc(p, bytes));
    all.add(p);
    return p;
  }

  Pointer upload(float[] values) {
    long bytes = (long) values.length * (bf16 ? Short.BYTES : Float.BYTES);
    Pointer p = allocate(bytes);
    try (Pointer host = bf16 ? new ShortPointer(rounded(values)) : new FloatPointer(values)) {
      check(cudaMemcpy(p, host, bytes, cudaMemcpyHostToDevice));
    }
    return p;
  }

  private static short[] rounded(float[] values) {
    short[] out = new short[values.length];
    for (int i = 0; i < out.length; i++) {
      int bits = Float.floatToRawIntBits(values[i]);
      out[i] = (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }
    return out;
  }

  float[] download(Pointer from, int count) {
    float[] out = new float[count];
    if (bf16) {
      try (ShortPointer host = new ShortPointer(count)) {
        check(cudaMemcpy(host, from, 2L * count, cudaMemcpyDeviceToHost));
        for (int i = 0; i < count; i++) {
          out[i] = Float.intBitsToFloat(host.get(i) << 16);
        }
      }
    } else {
      try (FloatPointer host = new FloatPointer(count)) {
        check(cudaMemcpy(host, from, 4L * count, cudaMemcpyDeviceToHost));
        host.get(out);
      }
    }
    return out;
  }

  static void sync() {
    check(cudaDeviceSynchronize());
  }

  private static void check(int status) {
    if (status != 0) {
      throw new IllegalStateException("CUDA: error " + status);
    }
  }

  @Override
  public void close() {
    all.forEach(p -> cudaFree(p));
    all.clear();
  }
}
