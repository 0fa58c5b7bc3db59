package io.github.eqvae.testing;

import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.RankEnvironment;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Ranks as threads of one process, which meet over TCP like processes do. */
public final class TestRanks {
  private TestRanks() {}

  /** What one rank does. */
  public interface Work<R> {
    R run(Communicator ranks) throws Exception;
  }

  /** A port that was free a moment ago. */
  public static int port() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** What a launcher would tell a rank. */
  public static Map<String, String> environment(int rank, int size, int port) {
    Map<String, String> variables = new HashMap<>();
    variables.put("RANK", "" + rank);
    variables.put("WORLD_SIZE", "" + size);
    variables.put("LOCAL_RANK", "" + rank);
    variables.put("LOCAL_WORLD_SIZE", "" + size);
    variables.put("MASTER_ADDR", "127.0.0.1");
    variables.put("MASTER_PORT", "" + port);
    variables.put("EQVAE_TOKEN", "a word of the tests");
    variables.put("EQVAE_RANKS_BUCKET", "4000"); // so that there are several
    return variables;
  }

  /** Runs all ranks and returns what each gave, or throws what the first one threw. */
  public static <R> List<R> run(int size, Work<R> work) throws Exception {
    return run(size, Map.of(), work);
  }

  /** The same with other variables. */
  public static <R> List<R> run(int size, Map<String, String> more, Work<R> work) throws Exception {
    int port = port();
    List<Callable<R>> all = new ArrayList<>();
    for (int r = 0; r < size; r++) {
      Map<String, String> variables = environment(r, size, port);
      variables.putAll(more);
      all.add(
          () -> {
            try (Communicator ranks =
                RankEnvironment.of(variables)
                    .map(RankEnvironment::connect)
                    .orElse(Communicator.alone())) {
              try {
                return work.run(ranks);
              } catch (Exception | AssertionError e) {
                ranks.abort(String.valueOf(e.getMessage()));
                throw e;
              }
            }
          });
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(size)) {
      List<R> results = new ArrayList<>();
      for (Future<R> each : threads.invokeAll(all)) {
        results.add(each.get());
      }
      return results;
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    }
  }
}
