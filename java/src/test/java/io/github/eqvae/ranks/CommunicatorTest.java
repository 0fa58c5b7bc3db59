package io.github.eqvae.ranks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.testing.TestRanks;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Socket;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks exchange numbers, and their sums have the bits of one process that adds in order. */
class CommunicatorTest {
  private static final int ROUNDS = 3;

  private static float[] summand(int rank, int round, int elements) {
    Random random = new Random(1000L * round + rank);
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = (random.nextFloat() - 0.5f) * (float) Math.pow(10, random.nextInt(8));
    }
    return values;
  }

  private static float[] inOrder(int size, int elements) {
    float[] sum = summand(0, 0, elements);
    for (int k = 1; k < ROUNDS * size; k++) {
      float[] next = summand(k % size, k / size, elements);
      for (int i = 0; i < elements; i++) {
        sum[i] += next[i];
      }
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void sumsHaveTheBitsOfOneProcess(int size) throws Exception {
    for (int elements : new int[] {1, 5, 1000, 40_003}) {
      for (long bucket : new long[] {1, 64, 1500, 1 << 20}) {
        if (elements / bucket > 50) {
          continue;
        }
        float[] expected = inOrder(size, elements);
        List<float[]> sums =
            TestRanks.run(
                size,
                ranks -> {
                  try (OrderedAllReduce sum = ranks.orderedAllReduce(elements, bucket)) {
                    for (int round = 0; ; round++) {
                      sum.mine()
                          .copyFrom(MemorySegment.ofArray(summand(ranks.rank(), round, elements)));
                      boolean last = round == ROUNDS - 1;
                      MemorySegment total = sum.add(round == 0, last);
                      if (last) {
                        return total.toArray(ValueLayout.JAVA_FLOAT);
                      }
                    }
                  }
                });
        for (float[] sum : sums) {
          assertArrayEquals(expected, sum, size + " ranks, " + elements + " in " + bucket);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void textsBytesAndNumbersReachAll(int size) throws Exception {
    List<List<Object>> seen =
        TestRanks.run(
            size,
            ranks -> {
              try (Arena arena = Arena.ofShared()) {
                MemorySegment memory = arena.allocate(100_000);
                memory.fill((byte) (7 + ranks.rank()));
                ranks.broadcast(memory);
                ranks.barrier();
                return List.of(
                    ranks.allGather("rank " + ranks.rank() + "é".repeat(ranks.rank())),
                    ranks.max(ranks.rank() == 1 ? 5 : 2),
                    memory.get(ValueLayout.JAVA_BYTE, 99_999));
              }
            });
    List<String> texts = new ArrayList<>();
    for (int r = 0; r < size; r++) {
      texts.add("rank " + r + "é".repeat(r));
    }
    assertEquals(Collections.nCopies(size, List.of(texts, size > 1 ? 5.0 : 2.0, (byte) 7)), seen);
  }

  /** It holds no socket, and does not even look for other ranks. */
  @Test
  void oneRankNeedsNoEnvironment() {
    assertTrue(RankEnvironment.of(Map.of("PATH", "/bin")).isEmpty());
    assertTrue(RankEnvironment.of(Map.of("RANK", "0", "WORLD_SIZE", "1")).isEmpty());
    assertTrue(RankEnvironment.of(Map.of("WORLD_SIZE", "1")).isEmpty());
    assertTrue(Communicator.alone().isAlone());
  }

  @Test
  void aRankThatGivesUpEndsTheOthersWithItsReason() throws Exception {
    List<String> said =
        TestRanks.run(
            3,
            ranks -> {
              if (ranks.rank() == 1) {
                ranks.abort("no such folder");
                return "";
              }
              return assertThrows(EqvaeException.Environment.class, ranks::barrier).getMessage();
            });
    assertEquals("rank 1 ended: no such folder", said.get(0));
    assertEquals("rank 1 ended: no such folder", said.get(2));
  }

  /** The other ranks are told while they compute, without waiting for an exchange. */
  @Test
  void aRankThatIsGoneIsNoticedByThoseThatCompute() throws Exception {
    List<String> said =
        TestRanks.run(
            3,
            ranks -> {
              List<String> told = Collections.synchronizedList(new ArrayList<>());
              CountDownLatch once = new CountDownLatch(1);
              ranks.onLoss(
                  reason -> {
                    told.add(reason);
                    once.countDown();
                  });
              ranks.barrier();
              if (ranks.rank() == 2) {
                ranks.loseConnections(); // as when the process is killed
                return "";
              }
              assertTrue(once.await(10, TimeUnit.MINUTES));
              assertEquals(1, told.size());
              assertThrows(EqvaeException.Environment.class, ranks::barrier);
              return told.getFirst();
            });
    for (int r : new int[] {0, 1}) {
      assertTrue(said.get(r).startsWith("rank 2 of 3 ("), said.get(r));
      assertTrue(said.get(r).contains("process " + ProcessHandle.current().pid()), said.get(r));
    }
  }

  private static String refusal(Map<String, String> environment) {
    return assertThrows(
            EqvaeException.class,
            () -> RankEnvironment.of(environment).orElseThrow().connect().close())
        .getMessage();
  }

  /** Whoever does not know the token is dropped, and the ranks still meet. */
  @Test
  void strangersAreTurnedAway() throws Exception {
    int port = TestRanks.port();
    Map<String, String> first = TestRanks.environment(0, 2, port);
    Thread leader =
        Thread.ofPlatform()
            .start(
                () -> {
                  try (Communicator ranks = RankEnvironment.of(first).orElseThrow().connect()) {
                    ranks.barrier();
                  }
                });
    Map<String, String> other = TestRanks.environment(1, 2, port);
    other.put("EQVAE_TOKEN", "another word");
    String why = refusal(other);
    assertTrue(why.contains("EQVAE_TOKEN"), why);
    try (Socket silent = connected(port);
        Socket chatter = connected(port)) {
      chatter.getOutputStream().write(new byte[500]);
      chatter.getOutputStream().flush();
      chatter.setSoTimeout(20_000);
      assertTrue(answer(chatter) < 100); // its greeting, and the end
      try (Communicator ranks =
          RankEnvironment.of(TestRanks.environment(1, 2, port)).orElseThrow().connect()) {
        ranks.barrier();
      }
      assertTrue(silent.isConnected());
    }
    leader.join();
  }

  private static int answer(Socket socket) throws Exception {
    try {
      return socket.getInputStream().readAllBytes().length;
    } catch (SocketException reset) {
      return 0; // it was dropped before it had read all
    }
  }

  private static Socket connected(int port) throws Exception {
    return new Socket("127.0.0.1", port);
  }

  @Test
  void aBadEnvironmentIsOneLine() throws Exception {
    Map<String, String> good = TestRanks.environment(1, 2, TestRanks.port());
    for (String[] bad :
        new String[][] {
          {"RANK", "2", "the last one is 1"},
          {"RANK", "-1", "RANK is '-1'"},
          {"RANK", "one", "RANK is 'one'"},
          {"WORLD_SIZE", "0", "WORLD_SIZE is '0'"},
          {"MASTER_PORT", "70000", "MASTER_PORT is '70000'"},
          {"MASTER_ADDR", "", "not MASTER_ADDR"},
          {"MASTER_ADDR", "no-such-machine.invalid", "this name cannot be resolved"},
          {"EQVAE_TOKEN", " ", "EQVAE_TOKEN is not set"}
        }) {
      Map<String, String> environment = new java.util.HashMap<>(good);
      environment.put(bad[0], bad[1]);
      String message = refusal(environment);
      assertTrue(message.contains(bad[2]), message);
      assertEquals(1, message.lines().count());
    }
    String alone = refusal(Map.of("RANK", "1", "WORLD_SIZE", "1"));
    assertTrue(alone.contains("the last one is 0"), alone);
    good.remove("RANK");
    assertTrue(refusal(good).contains("the launcher set no RANK"));
  }

  @Test
  void aPortThatIsTakenIsSaid() throws Exception {
    try (var taken = new java.net.ServerSocket(0, 1, java.net.InetAddress.getByName("127.0.0.1"))) {
      String why = refusal(TestRanks.environment(0, 2, taken.getLocalPort()));
      assertTrue(why.contains("cannot listen") && why.contains("MASTER_PORT"), why);
    }
  }

  @Test
  void launchersAreUnderstood() {
    Map<String, String> mpirun =
        Map.of(
            "OMPI_COMM_WORLD_RANK",
            "1",
            "OMPI_COMM_WORLD_SIZE",
            "4",
            "OMPI_COMM_WORLD_LOCAL_SIZE",
            "2");
    RankEnvironment launch = RankEnvironment.of(mpirun).orElseThrow();
    assertEquals(List.of(1, 4, 2), List.of(launch.rank(), launch.size(), launch.localSize()));
    assertTrue(launch.mpi());
    launch = RankEnvironment.of(Map.of("PMI_RANK", "2", "PMI_SIZE", "3")).orElseThrow();
    assertEquals(List.of(2, 3), List.of(launch.rank(), launch.size()));
    Map<String, String> srun = Map.of("SLURM_PROCID", "2", "SLURM_STEP_NUM_TASKS", "3");
    launch = RankEnvironment.of(srun).orElseThrow();
    assertEquals(List.of(2, 3), List.of(launch.rank(), launch.size()));
    assertTrue(refusal(srun).contains("MASTER_ADDR"));
    // torchrun listens at the port that it names.
    Map<String, String> torchrun = TestRanks.environment(1, 2, 29_555);
    assertEquals(
        29_555, RankEnvironment.of(torchrun).orElseThrow().endpoint().orElseThrow().port());
    torchrun.put("TORCHELASTIC_USE_AGENT_STORE", "True");
    assertEquals(
        29_556, RankEnvironment.of(torchrun).orElseThrow().endpoint().orElseThrow().port());
    // A batch script of Slurm that does not use srun is one process.
    assertTrue(RankEnvironment.of(Map.of("SLURM_PROCID", "0", "SLURM_NTASKS", "8")).isEmpty());
  }

  /** Started by mpirun, with a build that has no MPI. */
  @Test
  void withoutTheLibraryOfMpiTheWayOutIsSaid() {
    Map<String, String> mpirun = Map.of("OMPI_COMM_WORLD_RANK", "0", "OMPI_COMM_WORLD_SIZE", "2");
    RankEnvironment launch = RankEnvironment.of(mpirun).orElseThrow();
    String why =
        assertThrows(
                EqvaeException.Environment.class,
                () -> MpiTransport.start(launch, Optional.empty()))
            .getMessage();
    assertTrue(why.contains("libopenmpi-dev") && why.contains("MASTER_ADDR"), why);
  }

  @Test
  void aBindingToFewProcessorsIsSaid() {
    Map<String, String> mpirun = Map.of("OMPI_COMM_WORLD_SIZE", "2");
    assertTrue(CoreBinding.notice(mpirun, "1", "0-1").orElseThrow().contains("--bind-to none"));
    assertTrue(CoreBinding.notice(mpirun, "0-1", "0-1").isEmpty());
    assertTrue(CoreBinding.notice(Map.of(), "1", "0-1").isEmpty());
    assertEquals(6, CoreBinding.count("0-3,8,10"));
  }
}
