package io.github.eqvae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.testing.NcclStandIn;
import io.github.eqvae.testing.TestRanks;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks on simt, through the library that stands in for NCCL; and those of GPUs, through NCCL. */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class DeviceCommunicatorTest {
  private interface Work<R> {
    R run(DeviceCommunicator gpus, TensorArena arena) throws Exception;
  }

  private static <R> R on(Communicator ranks, Work<R> work) throws Exception {
    return on("simt", ranks, work);
  }

  private static <R> R on(String name, Communicator ranks, Work<R> work) throws Exception {
    try (Device device = Device.ofRank(name, 1, ranks.rank());
        TensorArena arena = new TensorArena(device, "numbers", false);
        DeviceCommunicator gpus = DeviceCommunicator.open(device, ranks).orElseThrow()) {
      return work.run(gpus, arena);
    }
  }

  private static <R> List<R> ranks(int size, Work<R> work) throws Exception {
    return TestRanks.run(size, ranks -> on(ranks, work));
  }

  private static Tensor tensor(DeviceCommunicator gpus, TensorArena arena, float... values) {
    Tensor tensor = arena.tensor(Shape.of(values.length));
    tensor.set(gpus.stream(), values);
    return tensor;
  }

  private static float[] read(DeviceCommunicator gpus, Tensor tensor) {
    gpus.await();
    return tensor.toFloats(gpus.stream());
  }

  /** On GPUs as many ranks as there are: NCCL wants one GPU for each. */
  static Stream<Arguments> devices() {
    return Devices.computing().stream()
        .filter(name -> !name.equals("cpu"))
        .flatMap(
            name ->
                IntStream.rangeClosed(1, name.equals("cuda") ? Math.min(2, Device.count(name)) : 3)
                    .mapToObj(size -> Arguments.of(name, size)));
  }

  /** On a GPU with NCCL itself, which is the system's or the one that EQVAE_NCCL names. */
  @ParameterizedTest
  @MethodSource("devices")
  void numbersTravel(String name, Integer size) throws Exception {
    try (AutoCloseable _ = name.equals("cuda") ? () -> {} : new NcclStandIn()) {
      Work<String> work =
          (gpus, arena) -> {
            int rank = gpus.ranks().rank();
            Tensor mine = tensor(gpus, arena, rank, 10 * rank);
            Tensor all = arena.tensor(Shape.of(2 * size));
            gpus.allGather(mine, all);
            float[] expected = new float[2 * size];
            for (int r = 0; r < size; r++) {
              expected[2 * r] = r;
              expected[2 * r + 1] = 10 * r;
            }
            assertArrayEquals(expected, read(gpus, all));

            gpus.allReduce(mine, mine);
            float sum = size * (size - 1) / 2f;
            assertArrayEquals(new float[] {sum, 10 * sum}, read(gpus, mine));

            Tensor given = tensor(gpus, arena, rank + 5, rank + 6, rank + 7);
            gpus.broadcast(given);
            assertArrayEquals(new float[] {5, 6, 7}, read(gpus, given));

            // Each sends its number and the other's, but nothing to itself and to the rank after
            // it.
            Tensor[] out = new Tensor[size];
            Tensor[] in = new Tensor[size];
            for (int r = 0; r < size; r++) {
              out[r] = r == rank || r == rank + 1 ? null : tensor(gpus, arena, 100 * rank + r);
              in[r] = r == rank || r + 1 == rank ? null : arena.tensor(Shape.of(1));
            }
            gpus.exchange(out, in);
            for (int r = 0; r < size; r++) {
              if (in[r] != null) {
                assertArrayEquals(new float[] {100 * r + rank}, read(gpus, in[r]));
              }
            }
            gpus.barrier();
            return gpus.version();
          };
      List<String> versions =
          size == 1
              ? List.of(on(name, Communicator.alone(), work))
              : TestRanks.run(size, ranks -> on(name, ranks, work));
      assertEquals(Collections.nCopies(size, versions.getFirst()), versions);
    }
  }

  /** What NCCL's own sum may do: three equal numbers have other sums at other places. */
  @Test
  void theLibrarysOrderDependsOnThePlace() throws Exception {
    float[] summands = {1, 1e8f, -1e8f};
    try (NcclStandIn _ = new NcclStandIn()) {
      List<float[]> sums =
          ranks(
              3,
              (gpus, arena) -> {
                float[] mine = new float[6];
                Arrays.fill(mine, summands[gpus.ranks().rank()]);
                Tensor values = tensor(gpus, arena, mine);
                gpus.allReduce(values, values);
                return read(gpus, values);
              });
      assertArrayEquals(sums.get(0), sums.get(1));
      assertArrayEquals(sums.get(0), sums.get(2));
      assertTrue(sums.get(0)[0] != sums.get(0)[5], Arrays.toString(sums.get(0)));
    }
  }

  private static List<String> failures(int size, Work<String> work) throws Exception {
    return TestRanks.run(
        size,
        ranks -> {
          try {
            on(ranks, work);
            return "nothing";
          } catch (EqvaeException e) {
            ranks.abort(String.valueOf(e.getMessage())); // as the command line does
            return String.valueOf(e.getMessage());
          }
        });
  }

  private static String gathers(DeviceCommunicator gpus, TensorArena arena) {
    for (int i = 0; i < 3; i++) {
      Tensor all = arena.tensor(Shape.of(gpus.ranks().size()));
      gpus.allGather(tensor(gpus, arena, i), all);
      read(gpus, all);
    }
    return "";
  }

  /** The rank with the fault says it, and the others say that it is gone, within the time. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "refuse 1 2 | NCCL failed in rank 1 of 3, in its all-gather (call 2): internal error: a"
            + " planted fault",
        "fail 1 2   | NCCL failed in rank 1 of 3, in its all-gather (call 2): unhandled system"
            + " error: a planted fault",
        "refuse 2 0 | NCCL failed in rank 2 of 3, in its start (call 0): internal error: a planted"
            + " fault",
        "fail 0 0   | NCCL failed in rank 0 of 3, in its start (call 0): unhandled system error: a"
            + " planted fault",
      })
  void aFailureNamesTheRank(String fault, String said) throws Exception {
    int rank = Integer.parseInt(fault.split(" ")[1]);
    try (NcclStandIn _ = new NcclStandIn(fault, 60)) {
      List<String> all = new ArrayList<>(failures(3, DeviceCommunicatorTest::gathers));
      assertEquals(said, all.remove(rank));
      String told = "rank " + rank + " ended: " + said;
      assertEquals(List.of(told, told), all);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"hang 1 2", "hang 1 0"})
  void aRankThatHangsIsWaitedForInVainForSoLong(String fault) throws Exception {
    long start = System.nanoTime();
    try (NcclStandIn _ = new NcclStandIn(fault, 1)) {
      for (String said : failures(2, DeviceCommunicatorTest::gathers)) {
        assertTrue(
            said.matches(
                "(rank [01] ended: )?rank [01] of 2 has waited 1 s in NCCL's (start|exchange of"
                    + " numbers): another rank hangs or is late. EQVAE_NCCL_WAIT=SECONDS waits"
                    + " longer\\."),
            said);
      }
    }
    assertTrue(System.nanoTime() - start < 60e9, "it says 1 s");
  }

  /** Late is not lost. */
  @ParameterizedTest
  @ValueSource(strings = {"slow 1 2", "slow 0 0"})
  void aRankMayBeLate(String fault) throws Exception {
    try (NcclStandIn _ = new NcclStandIn(fault, 60)) {
      assertEquals(List.of("", ""), ranks(2, DeviceCommunicatorTest::gathers));
    }
  }

  @Test
  void anotherOrderOfCallsIsNoticed() throws Exception {
    try (NcclStandIn _ = new NcclStandIn()) {
      List<String> all =
          failures(
              2,
              (gpus, arena) -> {
                Tensor one = tensor(gpus, arena, 1);
                if (gpus.ranks().isFirst()) {
                  gpus.allReduce(one, one);
                } else {
                  gpus.broadcast(one);
                }
                read(gpus, one);
                return "";
              });
      assertTrue(
          all.stream()
              .anyMatch(t -> t.contains("invalid usage: rank ") && t.contains("at another")),
          all.toString());
      assertTrue(all.stream().noneMatch("nothing"::equals), all.toString());
    }
  }

  /** A rank that dies outside of NCCL. */
  @Test
  void aRankThatIsGoneEndsTheWait() throws Exception {
    try (NcclStandIn _ = new NcclStandIn("hang 1 1", 60)) {
      List<String> all =
          failures(
              3,
              (gpus, arena) -> {
                if (gpus.ranks().rank() == 2) {
                  gpus.abort();
                  throw new EqvaeException.Environment("the disk is full");
                }
                return gathers(gpus, arena);
              });
      String told = "rank 2 ended: the disk is full";
      assertEquals(List.of(told, told, "the disk is full"), all);
    }
  }

  /** As when the first rank measures the trained model, and the others have nothing left to do. */
  @Test
  void aRankMayCloseMuchLater() throws Exception {
    CountDownLatch closed = new CountDownLatch(1);
    try (NcclStandIn _ = new NcclStandIn()) {
      List<String> all =
          TestRanks.run(
              2,
              ranks -> {
                String done =
                    on(
                        ranks,
                        (gpus, arena) -> {
                          gathers(gpus, arena);
                          if (ranks.isFirst()) {
                            closed.await();
                          }
                          return "done";
                        });
                closed.countDown();
                return done;
              });
      assertEquals(List.of("done", "done"), all);
    }
  }

  /** What is said where EQVAE_NCCL names a file that is no NCCL. */
  private static String refusal(String file) {
    System.setProperty("eqvae.nccl", file);
    try (Device device = Device.open("simt", 1)) {
      return assertThrows(
              EqvaeException.Environment.class,
              () -> DeviceCommunicator.open(device, Communicator.alone()))
          .getMessage();
    } finally {
      System.clearProperty("eqvae.nccl");
    }
  }

  @Test
  void aLibraryThatIsMissingIsNamed() {
    String said = refusal("/nowhere/libnccl.so.2");
    assertTrue(said.contains("/nowhere/libnccl.so.2") && said.contains("EQVAE_NCCL=none"), said);
  }

  @Test
  void aLibraryThatIsNotNcclIsRefused() {
    String said = refusal("libc.so.6");
    assertTrue(said.contains("libc.so.6: it has no nccl"), said);
  }

  /** Without a library the shim's ranks exchange through host memory, and processors always do. */
  @Test
  void withoutItNumbersTravelThroughHostMemory() {
    for (String name : List.of("simt", "cpu")) {
      try (Device device = Device.open(name, 1)) {
        assertTrue(DeviceCommunicator.open(device, Communicator.alone()).isEmpty());
      }
    }
  }
}
