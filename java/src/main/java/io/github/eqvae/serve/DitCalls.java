package io.github.eqvae.serve;

import io.github.eqvae.diffusion.Lockstep;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Evaluates a network in a session with batches of a constant size, which copies fill up. Libraries
 * for matrix products choose their algorithm by the batch size, with different rounding, so a
 * sample would otherwise depend on the number of samples. (Measured with oneDNN 3.11 and AVX-512:
 * all sizes from 16 rows on give the same bits, smaller ones do not.)
 *
 * @param dit the network
 * @param session computes
 * @param both whether the network also returns a variance for each latent, which the sampler does
 *     not use
 */
record DitCalls(Dit dit, Session session, boolean both)
    implements Lockstep.Network<DitCalls.Question> {
  /**
   * An input of the network.
   *
   * @param x the state of one sample, {@code [H, W, C]}
   * @param time its time
   * @param label its label
   */
  record Question(float[] x, double time, int label) {}

  @Override
  public List<float[]> answer(List<Question> questions) {
    List<float[]> answers = new ArrayList<>();
    int rows = SampleRows.of(session.stream().device());
    for (int from = 0; from < questions.size(); from += rows) {
      int to = Math.min(questions.size(), from + rows);
      answer(questions.subList(from, to), rows, answers);
    }
    return answers;
  }

  private void answer(List<Question> questions, int rows, List<float[]> answers) {
    DitConfig c = dit.config();
    int count = questions.size();
    int each = c.side() * c.side() * c.channels();
    float[] x = new float[rows * each];
    float[] t = new float[rows];
    int[] y = new int[rows];
    for (int i = 0; i < rows; i++) {
      Question q = questions.get(Math.min(i, count - 1));
      System.arraycopy(q.x(), 0, x, i * each, each);
      t[i] = (float) q.time();
      y[i] = q.label();
    }
    try {
      Tape tape = session.tape();
      Shape shape = Shape.of(rows, c.side(), c.side(), c.channels());
      Tensor times = session.upload(Shape.of(rows), t);
      Tensor out = dit.forward(tape, session.upload(shape, x), times, labels(tape, y));
      if (both) {
        out = out.narrow(3, 0, c.channels());
      }
      float[] all = session.download(out);
      int width = all.length / rows;
      for (int i = 0; i < count; i++) {
        answers.add(Arrays.copyOfRange(all, i * width, (i + 1) * width));
      }
    } finally {
      session.reset();
    }
  }

  private @Nullable Tensor labels(Tape tape, int[] y) {
    if (dit.config().classes() == 0) {
      return null;
    }
    Tensor labels = tape.arena().tensor(Shape.of(y.length), DType.I32);
    labels.setInts(tape.stream(), y);
    return labels;
  }
}
