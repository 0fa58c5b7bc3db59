package io.github.eqvae.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** The kernel benchmarks on tiny shapes: all available peers compute the same. */
class KernelBenchmarkTest {
  private static KernelSpec spec(KernelBenchmark b, String shape, KernelDirection direction)
      throws ReflectiveOperationException {
    b.getClass().getField("shape").set(b, shape);
    b.getClass().getField("direction").set(b, direction);
    return b.spec();
  }

  static List<Arguments> specs() throws ReflectiveOperationException {
    List<Arguments> out = new ArrayList<>();
    for (KernelDirection d : KernelDirection.values()) {
      if (d != KernelDirection.BACKWARD) {
        out.add(Arguments.of("conv", spec(new ConvKernels(), "2-9-8-16-3-1", d)));
        out.add(Arguments.of("conv 4x4", spec(new ConvKernels(), "1-10-8-16-4-2", d)));
        out.add(Arguments.of("linear", spec(new LinearKernels(), "10-16-24", d)));
      }
      if (d == KernelDirection.FORWARD || d == KernelDirection.BACKWARD) {
        out.add(Arguments.of("group_norm", spec(new GroupNormKernels(), "2-5-64", d)));
        out.add(Arguments.of("attention", spec(new AttentionKernels(), "2-12-16", d)));
        out.add(Arguments.of("resample", spec(new ResampleKernels(), "2-8-3", d)));
        out.add(Arguments.of("loss", spec(new LossKernels(), "2-6-3", d)));
      }
    }
    return out;
  }

  private static float[] result(Work work) {
    try (work) {
      work.run();
      work.run(); // a second run must give the same result
      return work.result();
    }
  }

  private static void close(float[] expected, float[] actual, double tolerance) {
    assertEquals(expected.length, actual.length);
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(expected[i] - actual[i], 2);
      size += Math.pow(expected[i], 2);
    }
    double error = Math.sqrt(difference / size);
    assertTrue(error <= tolerance, () -> error + " of the result's size"); // not for NaN
  }

  @ParameterizedTest(name = "{0} {index}")
  @MethodSource("specs")
  void weComputeWhatLibtorchComputes(String name, KernelSpec spec) {
    float[] torch = result(spec.work("cpu", "f32", KernelPeer.TORCH));
    close(torch, result(spec.work("cpu", "f32", KernelPeer.EQVAE)), 1e-5);
  }

  @ParameterizedTest(name = "{0} {index}")
  @MethodSource("specs")
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  void kernelsComputeItInEveryDtype(String name, KernelSpec spec) {
    float[] cpu = result(spec.work("cpu", "f32", KernelPeer.EQVAE));
    close(cpu, result(spec.work("simt", "f32", KernelPeer.EQVAE)), 1e-5);
    close(cpu, result(spec.work("simt", "bf16", KernelPeer.EQVAE)), 0.01);
  }

  @Test
  void optimisersAgree() {
    float[] torch = result(AdamKernels.work(8, "cpu", KernelPeer.TORCH));
    close(torch, result(AdamKernels.work(8, "cpu", KernelPeer.EQVAE)), 1e-5);
  }

  /** Tests run without CUDA libraries: the error must say that they are missing, and what to do. */
  @Test
  void librariesOfCudaAreOnlyLookedForWhenAskedFor() throws Exception {
    KernelSpec linear = spec(new LinearKernels(), "10-16-24", KernelDirection.FORWARD);
    IllegalStateException none =
        assertThrows(
            IllegalStateException.class, () -> linear.work("cuda", "bf16", KernelPeer.CUBLAS));
    assertTrue(none.getMessage().contains("EQVAE_BENCH_MAVEN=-Pcudnn"), none::getMessage);
    assertThrows(
        IllegalArgumentException.class, () -> linear.work("cpu", "f32", KernelPeer.CUBLAS));
    assertThrows(
        IllegalArgumentException.class, () -> linear.work("cuda", "f32", KernelPeer.CUDNN));
    KernelSpec spec = spec(new ConvKernels(), "2-9-8-16-3-1", KernelDirection.FORWARD);
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class, () -> spec.work("cuda", "bf16", KernelPeer.CUDNN));
    assertTrue(e.getMessage().contains("EQVAE_BENCH_MAVEN=-Pcudnn"), e::getMessage);
    KernelSpec attention = spec(new AttentionKernels(), "2-9-8", KernelDirection.FORWARD);
    e =
        assertThrows(
            IllegalStateException.class, () -> attention.work("cuda", "bf16", KernelPeer.CUDNN));
    assertTrue(e.getMessage().contains("EQVAE_BENCH_MAVEN=-Pcudnn"), e::getMessage);
    KernelSpec backward = spec(new AttentionKernels(), "2-9-8", KernelDirection.BACKWARD);
    assertThrows(
        IllegalArgumentException.class, () -> backward.work("cuda", "bf16", KernelPeer.CUDNN));
    assertThrows(IllegalArgumentException.class, () -> spec.work("cpu", "f32", KernelPeer.CUDNN));
    assertThrows(IllegalArgumentException.class, () -> spec.work("cuda", "f32", KernelPeer.TORCH));
  }

  @Test
  void jmhWritesJson(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("jmh.json");
    new Runner(
            new OptionsBuilder()
                .include(LinearKernels.class.getName())
                .param("shape", "10-16-24")
                .param("direction", "FORWARD")
                .forks(0)
                .warmupIterations(0)
                .measurementIterations(1)
                .measurementTime(TimeValue.milliseconds(20))
                .verbosity(VerboseMode.SILENT)
                .resultFormat(ResultFormatType.JSON)
                .result(file.toString())
                .build())
        .run();
    JsonNode run = new ObjectMapper().readTree(file.toFile()).get(0);
    assertEquals("EQVAE", run.get("params").get("peer").asText());
    assertTrue(run.get("primaryMetric").get("score").asDouble() > 0);
  }
}
