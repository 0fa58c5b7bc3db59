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
 * Samples codes of pictures from a network. It is always asked for as many pictures at once: what
 * is missing is filled up with copies, so that a picture's bits do not depend on how many are
 * beside it.
 *
 * @param network the network
 * @param stream orders the work
 * @param arena what an answer needs; it is reset after each
 * @param rows pictures that the network is asked for at once
 */
public record CodeSampling(MaskedTransformer network, Stream stream, TensorArena arena, int rows)
    implements Lockstep.Network<CodeSampling.Question> {
  /**
   * What a sampler wants to know.
   *
   * @param codes of a picture, the mask where one is not known
   * @param label its label; {@link MaskGitConfig#classes} for none
   */
  public record Question(int[] codes, int label) {}

  /**
   * Samples pictures together; each is what it would be alone.
   *
   * @param sampler in which order, and how often the network is asked
   * @param draws what is drawn for the i-th
   * @param labels of the pictures; {@link MaskGitConfig#classes} for none
   * @return codes of each, row by row
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
      int said = all.length / rows;
      for (int i = 0; i < questions.size(); i++) {
        answers.add(Arrays.copyOfRange(all, i * said, (i + 1) * said));
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

  /** Goes through once, on a device that only plans. */
  public void plan() {
    run(arena.tensor(Shape.of(rows, network.config().tokens() + 1L), DType.I32));
    arena.reset();
  }
}
