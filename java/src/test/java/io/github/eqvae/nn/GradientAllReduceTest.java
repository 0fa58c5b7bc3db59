package io.github.eqvae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.DeviceCommunicator;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.NcclStandIn;
import io.github.eqvae.testing.TestRanks;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Gradients of three ranks on simt, through the library that stands in for NCCL. */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class GradientAllReduceTest {
  private static final int RANKS = 3;
  private static final int NUMBERS = 16; // stores have multiples of it

  /** What a rank's gradients are in a round, one for each number. */
  private interface Gradients {
    float of(int rank, int round, int number);
  }

  /**
   * What each rank has at the end, and whether its own numbers of the last round are not finite.
   */
  private record Result(float[] sum, boolean notFinite) {}

  private static List<Result> sum(boolean ordered, int bucket, int rounds, Gradients gradients)
      throws Exception {
    return TestRanks.run(
        RANKS,
        ranks -> {
          ParameterStore.Builder builder = new ParameterStore.Builder();
          builder.root().parameter("weight", new Init.Uniform(1), NUMBERS);
          try (Device device = Device.open("simt", 1);
              Stream stream = new Stream(device);
              ParameterStore store = builder.build(stream, 1, true);
              TensorArena arena = new TensorArena(device, "sums", false);
              DeviceCommunicator gpus = DeviceCommunicator.open(device, ranks).orElseThrow()) {
            GradientAllReduce all =
                new GradientAllReduce(store, stream, gpus, arena, ordered, bucket);
            Tensor mine = arena.tensor(store.values().shape());
            for (int round = 0; round < rounds; round++) {
              float[] values = new float[NUMBERS];
              for (int i = 0; i < NUMBERS; i++) {
                values[i] = gradients.of(ranks.rank(), round, i);
              }
              mine.set(stream, values);
              store.newUpdate();
              store.gradientsWritten();
              mine.copyTo(stream, store.gradients(stream)); // a kernel
              all.begin(round == 0, round == rounds - 1, false);
              all.sendRest();
              all.await();
            }
            float[] sum = store.gradients(stream).toFloats(stream);
            return new Result(sum, all.isOwnNotFinite());
          }
        });
  }

  /** Numbers whose sums are rounded: another order would have other bits. */
  private static float rounded(int rank, int round, int number) {
    return (float) Math.pow(-7.3, (rank + 2 * round + 3 * number) % 9);
  }

  @Test
  void theOrderIsRoundByRoundAndRankByRank() throws Exception {
    float[] expected = new float[NUMBERS];
    for (int round = 0; round < 2; round++) {
      for (int rank = 0; rank < RANKS; rank++) {
        for (int i = 0; i < NUMBERS; i++) {
          float summand = rounded(rank, round, i);
          expected[i] = round + rank == 0 ? summand : expected[i] + summand;
        }
      }
    }
    // Shares of 6, 6 and 4; of 3, 3 and 1, with a last bucket for one rank only; of one number.
    for (int bucket : new int[] {NUMBERS, 7, 1}) {
      try (NcclStandIn _ = new NcclStandIn()) {
        for (Result each : sum(true, bucket, 2, GradientAllReduceTest::rounded)) {
          assertArrayEquals(expected, each.sum());
        }
      }
    }
  }

  @Test
  void oneRankKnowsThatItsNumbersAreNotFinite() throws Exception {
    try (NcclStandIn _ = new NcclStandIn()) {
      for (boolean ordered : List.of(true, false)) {
        List<Result> all =
            sum(ordered, NUMBERS, 1, (rank, round, i) -> rank == 1 && i == 6 ? Float.NaN : 1);
        assertEquals(List.of(false, true, false), all.stream().map(Result::notFinite).toList());
        for (Result each : all) {
          float[] expected = new float[NUMBERS];
          Arrays.fill(expected, 3);
          expected[6] = Float.NaN;
          assertArrayEquals(expected, each.sum());
        }
      }
    }
  }

  /** The child process of the next test. */
  public static void main(String[] arguments) throws Exception {
    try (NcclStandIn _ = new NcclStandIn()) {
      // The first round also waits because scratch memory grows, the second one does not.
      for (Result each : sum(true, NUMBERS, 2, (rank, round, i) -> (rank + 1) * (round + 1))) {
        System.out.println(each.sum()[0]);
      }
    }
    System.exit(0);
  }

  /**
   * Kernels run as late as possible: only if NCCL's stream waits for them, it sends what they
   * computed.
   */
  @Test
  @Execution(ExecutionMode.CONCURRENT)
  void theGradientsAreWaitedFor() throws Exception {
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + "/bin/java");
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("-Deqvae.native.dir=" + System.getProperty("eqvae.native.dir"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(GradientAllReduceTest.class.getName());
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("SIMT_LATE", "1");
    Process process = builder.start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    assertEquals("18.0\n".repeat(RANKS), said);
  }
}
