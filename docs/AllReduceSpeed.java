import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.OrderedAllReduce;
import io.github.eqvae.ranks.RankEnvironment;
import java.util.Arrays;
import java.util.Locale;

/**
 * Measures the sum of gradients over ranks alone, and a message without content: {@code java -cp
 * CLASSES docs/AllReduceSpeed.java ELEMENTS ROUNDS}, started in every rank. Rank 0 prints a line.
 */
public final class AllReduceSpeed {
  private static final double NANO = 1e-9;

  private AllReduceSpeed() {}

  public static void main(String[] arguments) {
    long elements = Long.parseLong(arguments[0]);
    int rounds = Integer.parseInt(arguments[1]);
    try (Communicator ranks =
            RankEnvironment.of(System.getenv())
                .map(RankEnvironment::connect)
                .orElse(Communicator.alone());
        OrderedAllReduce sum = ranks.orderedAllReduce(elements)) {
      double[] sums = new double[rounds];
      double[] messages = new double[rounds];
      for (int i = -rounds; i < rounds; i++) { // the first half warms up
        ranks.barrier();
        long start = System.nanoTime();
        sum.add(true, true);
        sums[Math.max(i, 0)] = (System.nanoTime() - start) * NANO;
        start = System.nanoTime();
        ranks.barrier(); // two exchanges
        messages[Math.max(i, 0)] = (System.nanoTime() - start) * NANO / 2;
      }
      Arrays.sort(sums);
      Arrays.sort(messages);
      if (ranks.isFirst()) {
        System.out.printf(
            Locale.ROOT,
            "{\"run\": \"all-reduce\", \"ranks\": %d, \"bytes\": %d, \"bucket_bytes\": %d,"
                + " \"rounds\": %d, \"seconds\": %.6f, \"exchange_seconds\": %.6f,"
                + " \"processor_cores\": %d}%n",
            ranks.size(),
            elements * Float.BYTES,
            ranks.bucketBytes(),
            rounds,
            sums[rounds / 2],
            messages[rounds / 2],
            Runtime.getRuntime().availableProcessors());
      }
    }
  }
}
