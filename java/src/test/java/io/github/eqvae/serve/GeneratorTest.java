package io.github.eqvae.serve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.Denoiser;
import io.github.eqvae.diffusion.Guidance;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.generator.checkpoint.GeneratorSamples;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Sampling behind the embedding interface. */
class GeneratorTest {
  /** Wide enough that products take the ways that they take in networks of use. */
  private static final DitConfig WIDE =
      new DitConfig(4, 8, 2, 128, 2, 4, 4, 10, true, true, false, false, false, false, true);

  private static final SamplingOptions GUIDED =
      SamplingOptions.defaults().withSteps(2).withGuidance(2);

  @TempDir private Path folder;
  private final Device device = Device.open("cpu");

  @AfterEach
  void close() {
    device.close();
  }

  private Path file(DitConfig config, GeneratorProcess process) throws IOException {
    GeneratorMetadata metadata =
        new GeneratorMetadata(config, process, Optional.empty(), List.of());
    return GeneratorSamples.safetensors(
        folder.resolve(process.hashCode() + ".safetensors"),
        GeneratorSamples.tensors(config, 5),
        metadata.toMap());
  }

  private static int[] labels(int count) {
    int[] labels = new int[count];
    Arrays.setAll(labels, i -> i % 11 == 10 ? Generator.NO_LABEL : i % 11);
    return labels;
  }

  private static GeneratorProcess process(SamplingMethod method) {
    return method.isOfDit() ? GeneratorProcess.DIT : GeneratorProcess.SIT;
  }

  /** Products of a few rows have other bits than products of more, unless all have as many. */
  @ParameterizedTest
  @EnumSource(SamplingMethod.class)
  void aSampleDoesNotDependOnItsBatch(SamplingMethod method) throws IOException {
    Path file = file(WIDE, process(method));
    SamplingOptions options = GUIDED.withMethod(method);
    int[] labels = labels(20);
    float[] expected;
    try (Generator g = Generator.load(file, device)) {
      expected = g.sample(labels, 7, 0, options).values();
      Latents alone = g.sample(Arrays.copyOfRange(labels, 5, 6), 7, 5, options);
      int each = expected.length / 20;
      assertArrayEquals(Arrays.copyOfRange(expected, 5 * each, 6 * each), alone.values());
    }
    for (int batch : new int[] {1, 3, 8}) {
      GeneratorOptions cut =
          GeneratorOptions.defaults().withBatch(batch).withSessions(batch % 2 + 1);
      try (Generator g = Generator.load(file, device, cut)) {
        assertArrayEquals(expected, g.sample(labels, 7, 0, options).values(), "batch " + batch);
      }
    }
  }

  /** The same for a published network: DiT-S/4 on latents of 32×32×4. */
  @Test
  @Tag("full")
  void aSampleOfAPublishedNetworkDoesNotDependOnItsBatch() throws IOException {
    Path file = file(DitConfig.of(DitSize.S, 4), GeneratorProcess.DIT);
    float[] expected = new float[0];
    for (int batch : new int[] {8, 3}) {
      try (Generator g =
          Generator.load(file, device, GeneratorOptions.defaults().withBatch(batch))) {
        float[] values = g.sample(labels(8), 7, 0, GUIDED).values();
        expected = expected.length == 0 ? values : expected;
        assertArrayEquals(expected, values, "batch " + batch);
      }
    }
  }

  static List<Arguments> methods() {
    List<Arguments> all = new ArrayList<>();
    for (SamplingMethod method : SamplingMethod.values()) {
      all.add(Arguments.of(method, process(method)));
    }
    GeneratorProcess cosine = new GeneratorProcess.Repa(Interpolant.GVP);
    all.add(Arguments.of(SamplingMethod.EULER, GeneratorProcess.REPA));
    all.add(Arguments.of(SamplingMethod.HEUN2, GeneratorProcess.REPA));
    all.add(Arguments.of(SamplingMethod.SDE_EULER, cosine));
    return all;
  }

  /** The same sampler around the network itself, sample by sample, without anything between. */
  @ParameterizedTest
  @MethodSource("methods")
  void theSamplerGetsWhatTheNetworkSays(SamplingMethod method, GeneratorProcess process)
      throws IOException {
    DitConfig c = GeneratorSamples.dit();
    Path file = file(c, process);
    SamplingOptions options = GUIDED.withMethod(method);
    float[] sampled;
    try (Generator g = Generator.load(file, device)) {
      sampled = g.sample(new int[] {2}, 3, 9, options).values();
    }
    try (GeneratorCheckpoint checkpoint = GeneratorCheckpoint.open(file);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Dit dit = checkpoint.load(stream, false);
      boolean sit = !(process instanceof GeneratorProcess.Steps);
      Denoiser two = (x, t) -> direct(dit, stream, arena, x, t, 2, sit);
      Denoiser none = (x, t) -> direct(dit, stream, arena, x, t, 3, sit);
      SampleNoise noise = new SampleNoise(3, 9);
      Denoiser guided = Guidance.of(2).guide(two, none, c.channels());
      float[] expected =
          options.sampler(process, c.channels()).sample(guided, noise.start(48), noise::step);
      assertArrayEquals(expected, sampled);
      dit.parameters().close();
    }
  }

  private static float[] direct(
      Dit dit, Stream stream, TensorArena arena, float[] x, double t, int label, boolean half) {
    arena.reset();
    Tensor image = arena.tensor(Shape.of(16, 4, 4, 3));
    float[] all = new float[16 * x.length];
    float[] times = new float[16];
    int[] labels = new int[16];
    for (int i = 0; i < 16; i++) {
      System.arraycopy(x, 0, all, i * x.length, x.length);
      times[i] = (float) t;
      labels[i] = label;
    }
    image.set(stream, all);
    Tensor time = arena.tensor(Shape.of(16));
    time.set(stream, times);
    Tensor y = arena.tensor(Shape.of(16), DType.I32);
    y.setInts(stream, labels);
    float[] out =
        dit.forward(new Tape(stream, arena, Tape.Mode.INFERENCE), image, time, y).toFloats(stream);
    float[] answer = Arrays.copyOf(out, half ? x.length : 2 * x.length);
    for (int i = 0; half && i < x.length; i++) {
      answer[i] = out[i / 3 * 6 + i % 3];
    }
    return answer;
  }

  @Test
  void seedsNumbersAndLabelsMakeTheDifference() throws IOException {
    try (Generator g = Generator.load(file(GeneratorSamples.dit(), GeneratorProcess.SIT), device)) {
      SamplingOptions options = SamplingOptions.defaults().withSteps(2);
      float[] first = g.sample(new int[] {1}, 0, 0, options).values();
      assertTrue(
          g.toString().matches("Generator\\[latents \\d+×\\d+×\\d+, \\d+ classes]"), g.toString());
      assertArrayEquals(first, g.sample(new int[] {1}, 0, 0, options).values());
      assertFalse(Arrays.equals(first, g.sample(new int[] {1}, 1, 0, options).values()));
      assertFalse(Arrays.equals(first, g.sample(new int[] {1}, 0, 1, options).values()));
      assertFalse(Arrays.equals(first, g.sample(new int[] {2}, 0, 0, options).values()));
    }
  }

  @Test
  void manyThreadsGetTheSameBits() throws Exception {
    GeneratorOptions two = GeneratorOptions.defaults().withSessions(2).withBatch(2);
    try (Generator g =
            Generator.load(file(GeneratorSamples.lightning(), GeneratorProcess.SIT), device, two);
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      SamplingOptions options = GUIDED.withMethod(SamplingMethod.DOPRI5);
      int[] labels = {0, 1, 2, 0, 1};
      float[] expected = g.sample(labels, 1, 0, options).values();
      Callable<float[]> call = () -> g.sample(labels, 1, 0, options).values();
      for (Future<float[]> f : threads.invokeAll(Collections.nCopies(6, call))) {
        assertArrayEquals(expected, f.get());
      }
    }
  }

  @Test
  void theNoiseIsNormal() {
    double sum = 0;
    double squares = 0;
    int count = 100_000;
    for (float v : new SampleNoise(1, 2).start(count)) {
      sum += v;
      squares += v * v;
    }
    // Five standard errors of a mean, and of a mean of squares whose variance is 2.
    assertEquals(0, sum / count, 5 / Math.sqrt(count));
    assertEquals(1, squares / count, 5 * Math.sqrt(2.0 / count));
  }

  @Test
  void whatCannotBeIsRefused() throws IOException {
    try (Generator g = Generator.load(file(GeneratorSamples.dit(), GeneratorProcess.DIT), device)) {
      assertSays("0 to 2", () -> g.sample(new int[] {3}, 0));
      assertSays("no labels", () -> g.sample(new int[0], 0));
      assertSays(
          "trained as DiT",
          () ->
              g.sample(
                  new int[] {0},
                  0,
                  0,
                  SamplingOptions.defaults().withMethod(SamplingMethod.EULER)));
      assertSays("pass labels", () -> g.sample(new int[] {Generator.NO_LABEL}, 0, 0, GUIDED));
    }
    DitConfig unconditional = GeneratorSamples.dit().forClasses(0, false);
    try (Generator g = Generator.load(file(unconditional, GeneratorProcess.DIT), device)) {
      assertSays("has no classes", () -> g.sample(new int[] {0}, 0));
      Latents latents =
          g.sample(new int[] {Generator.NO_LABEL}, 0, 0, SamplingOptions.defaults().withSteps(2));
      assertTrue(latents.scaled());
      assertEquals(48, latents.values().length);
    }
    Path unknown =
        GeneratorSamples.safetensors(
            folder.resolve("u.safetensors"),
            GeneratorSamples.tensors(GeneratorSamples.lightning().forClasses(0, false), 1),
            Map.of());
    try (Generator g = Generator.load(unknown, device)) {
      assertEquals(GeneratorProcess.SIT, g.process(), "LightningDiT's options tell it");
    }
  }

  private static void assertSays(String part, Executable call) {
    EqvaeException e = assertThrows(EqvaeException.Argument.class, call);
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @Test
  void repaHasThreeSamplers() throws IOException {
    try (Generator repa =
        Generator.load(file(GeneratorSamples.dit(), GeneratorProcess.REPA), device)) {
      assertSays(
          "not for networks trained as REPA",
          () ->
              repa.sample(
                  new int[] {1},
                  1,
                  0,
                  SamplingOptions.defaults().withMethod(SamplingMethod.DOPRI5)));
    }
  }

  @Test
  void theReferencesGuideThreeOfFourChannels() {
    SamplingOptions.GuidanceOptions plain = SamplingOptions.GuidanceOptions.of(2);
    assertEquals(3, plain.guidance(GeneratorProcess.SIT, 4).channels());
    assertEquals(Guidance.ALL, plain.guidance(GeneratorProcess.SIT, 16).channels());
    assertEquals(Guidance.ALL, plain.guidance(GeneratorProcess.REPA, 4).channels());
    SamplingOptions.GuidanceOptions four =
        new SamplingOptions.GuidanceOptions(2, OptionalInt.of(4), 0, 1);
    assertEquals(4, four.guidance(GeneratorProcess.DIT, 4).channels());
  }

  private static final DitConfig TOY =
      new DitConfig(2, 4, 2, 16, 1, 2, 2, 3, true, true, false, false, false, false, true);

  static List<String> otherDevices() {
    return Devices.computing().stream().filter(d -> !d.equals("cpu")).toList();
  }

  /** Samples of the CUDA kernels: those of the CPU up to rounding, and in any batch the same. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("otherDevices")
  void otherDevicesSampleAsTheCpuDoes(String name) throws IOException {
    Path file = file(TOY, GeneratorProcess.SIT);
    SamplingOptions options = SamplingOptions.defaults().withSteps(2).withGuidance(2);
    int[] labels = {0, 2, Generator.NO_LABEL};
    float[] expected;
    try (Generator g = Generator.load(file, device)) {
      expected = g.sample(labels, 7, 0, options).values();
    }
    try (Device other = Device.open(name);
        Generator g = Generator.load(file, other)) {
      float[] values = g.sample(labels, 7, 0, options).values();
      assertArrayEquals(expected, values, 1e-4f);
      int each = values.length / labels.length;
      assertArrayEquals(
          Arrays.copyOfRange(values, each, 2 * each),
          g.sample(new int[] {2}, 7, 1, options).values());
    }
  }
}
