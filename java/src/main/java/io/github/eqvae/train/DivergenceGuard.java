package io.github.eqvae.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Decides after each backward pass whether its gradients may be applied.
 *
 * <p>One NaN or infinity in an update destroys every weight it reaches, and the moving averages of
 * Adam and EMA with it. So such an update is skipped and counted; after a number of them in a row
 * the run should stop, because the weights will not recover by themselves. Not thread-safe.
 */
public final class DivergenceGuard {
  private final int maxConsecutive;
  private int consecutive;
  private long skipped;
  private String last = "";

  /**
   * A guard that has seen nothing yet.
   *
   * @param maxConsecutive skipped updates in a row at which to stop, at least 1 ({@code
   *     run.max_consecutive_nonfinite})
   * @throws IllegalArgumentException if {@code maxConsecutive} is below 1
   */
  public DivergenceGuard(int maxConsecutive) {
    this(maxConsecutive, 0, 0);
  }

  /**
   * A guard as it was when a checkpoint was saved.
   *
   * @param maxConsecutive skipped updates in a row at which to stop, at least 1
   * @param consecutive the saved {@link #consecutive()}
   * @param skipped the saved {@link #skipped()}
   * @throws IllegalArgumentException if a count is out of range
   */
  public DivergenceGuard(int maxConsecutive, int consecutive, long skipped) {
    if (maxConsecutive < 1 || consecutive < 0 || skipped < consecutive) {
      throw new IllegalArgumentException(
          "expected max >= 1 and 0 <= consecutive <= skipped; got max "
              + maxConsecutive
              + ", consecutive "
              + consecutive
              + ", skipped "
              + skipped);
    }
    this.maxConsecutive = maxConsecutive;
    this.consecutive = consecutive;
    this.skipped = skipped;
  }

  /**
   * Counts one step.
   *
   * @param loss its loss; NaN if an update was skipped
   * @param gradientNorm the global L2 norm of its gradient, before clipping
   * @return whether both are finite
   */
  public boolean check(double loss, double gradientNorm) {
    if (Double.isFinite(loss) && Double.isFinite(gradientNorm)) {
      consecutive = 0;
      return true;
    }
    consecutive++;
    skipped++;
    last = String.format(Locale.ROOT, "loss %s, gradient norm %s", loss, gradientNorm);
    return false;
  }

  /**
   * Whether the run should stop with {@link #advice}.
   *
   * @return true once so many updates in a row were skipped
   */
  public boolean isExhausted() {
    return consecutive >= maxConsecutive;
  }

  /**
   * Updates skipped in a row up to now; belongs into a checkpoint.
   *
   * @return 0 after an update that was applied
   */
  public int consecutive() {
    return consecutive;
  }

  /**
   * Updates skipped since the run began; belongs into a checkpoint.
   *
   * @return the count
   */
  public long skipped() {
    return skipped;
  }

  /**
   * What to tell the user when the run stops.
   *
   * @param ofTask what helps this kind of task in particular ({@link Task#advice})
   * @return what happened, and what to try, most promising first
   */
  public String advice(List<String> ofTask) {
    List<String> help = new ArrayList<>();
    help.add("a lower optimizer.learning_rate (try a third), or optimizer.gradient_clip=1.0");
    help.add("optimizer.schedule=warmup with optimizer.warmup_steps=500");
    help.addAll(ofTask);
    StringBuilder numbered = new StringBuilder();
    for (int i = 0; i < help.size(); i++) {
      numbered.append(i == 0 ? "  " : ";\n  ").append(i + 1).append(". ").append(help.get(i));
    }
    return """
    Training diverged: the last %d updates were skipped because loss or gradient were not finite (%s).
    %d updates were skipped in all. The weights are those of the last update that was finite.
    What helps, most promising first:
    %s.
    Resume from a checkpoint well before the first skipped update, not from the latest one.\
    """
        .formatted(consecutive, last.isEmpty() ? "before the resume" : last, skipped, numbered);
  }
}
