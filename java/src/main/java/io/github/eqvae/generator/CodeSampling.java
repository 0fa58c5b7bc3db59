package io.github.eqvae.generator;

import io.github.eqvae.diffusion.Lockstep;
import io.github.eqvae.diffusion.MaskedSampler;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Samples codes of pictures with a network. All batches have the same size: a smaller one is filled
 * with copies, so that a picture's bits do not depend on the number of pictures.
 *
 * @param network the network
 * @param stream orders the work
 * @param arena memory for a batch; it is reset after each
 * @param rows pictures per batch
 */
public record CodeSampling(MaskedTransformer network, Stream stream, TensorArena arena, int rows)
    implements Lockstep.Network<CodeSampling.Question> {
  /**
   * An input of the network.
   *
   * @param codes codes of a picture, with the mask at unknown positions
   * @param label the picture's label; {@link MaskGitConfig#classes} for none
   */
  public record Question(int[] codes, int label) {}

  /**
   * Samples pictures together; each is the same as if it were sampled alone.
   *
   * @param sampler chooses the order and the number of steps
   * @param draws random draws for the i-th picture
   * @param labels labels of the pictures; {@link MaskGitConfig#classes} for none
   * @return the codes of each picture, row by row
   */
  public List<int[]> sample(
      MaskedSampler sampler, IntFunction<MaskedSampler.Draws> draws, int... labels) {
    MaskGitConfig c = network.config();
    int[] start = new int[c.tokens()];
    Arrays.fill(start, c.mask());
    List<Lockstep.Work<Question, int[]>> all = new ArrayList<>();
    for (int i = 0; i < labels.length; i++) {
      int label = labels[i];
      MaskedSampler.Draws own = draws.apply(i);
      MaskedSampler its = label == c.classes() ? sampler.unguided() : sampler;
      all.add(
          asking ->
              its.sample(
                  (codes, labelled) ->
                      asking.ask(new Question(codes, labelled ? label : c.classes())),
                  start,
                  c.mask(),
                  own,
                  (state, step) -> {}));
    }
    return Lockstep.run(all, this);
  }

  @Override
  public List<float[]> answer(List<Question> questions) {
    List<float[]> answers = new ArrayList<>();
    for (int from = 0; from < questions.size(); from += rows) {
      answer(questions.subList(from, Math.min(questions.size(), from + rows)), answers);
    }
    return answers;
  }

  private void answer(List<Question> questions, List<float[]> answers) {
    MaskGitConfig c = network.config();
    int each = c.tokens() + 1;
    int[] tokens = new int[rows * each];
    for (int i = 0; i < rows; i++) {
      Question q = questions.get(Math.min(i, questions.size() - 1));
      System.arraycopy(q.codes(), 0, tokens, i * each, c.tokens());
      tokens[i * each + c.tokens()] = c.labelToken(q.label());
    }
    try {
      Tensor in = arena.tensor(Shape.of(rows, each), DType.I32);
      in.setInts(stream, tokens);
      float[] all = run(in).toFloats(stream);
      int width = all.length / rows;
      for (int i = 0; i < questions.size(); i++) {
        answers.add(Arrays.copyOfRange(all, i * width, (i + 1) * width));
      }
    } finally {
      arena.reset();
    }
  }

  private Tensor run(Tensor tokens) {
    Tensor out = network.forward(new Tape(stream, arena, Tape.Mode.INFERENCE), tokens, null);
    if (out.isContiguous()) {
      return out;
    }
    Tensor dense = arena.tensor(out.shape(), out.dtype());
    out.copyTo(stream, dense);
    return dense;
  }

  /** Runs one pass on a planning device. */
  public void plan() {
    run(arena.tensor(Shape.of(rows, network.config().tokens() + 1L), DType.I32));
    arena.reset();
  }
}
