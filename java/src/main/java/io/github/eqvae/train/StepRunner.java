package io.github.eqvae.train;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.autoencoder.Networks;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gives the stream a micro-batch's work, operation by operation or as graphs. The discriminator has
 * graphs of its own, since it draws its own τ; with a shared forward pass one graph has both parts.
 */
final class StepRunner implements AutoCloseable {
  private final StepWork work;
  private final Arena arena;
  private final ParameterStore autoencoder;
  private final @Nullable ParameterStore discriminator;
  private final StepGraphs<StepWork.Kind, StepWork.Parts> graphs;

  StepRunner(StepWork work, Networks networks, Stream stream, Arena arena, boolean capture) {
    this.work = work;
    this.arena = arena;
    autoencoder = networks.vae().parameters();
    discriminator = networks.discriminator().map(Discriminator::parameters).orElse(null);
    graphs = new StepGraphs<>(stream, arena, capture);
  }

  /**
   * Runs both networks' parts, or the autoencoder's alone.
   *
   * @param kind of the autoencoder's part
   * @param draws its τ, one per sample
   * @param itsDraws the discriminator's
   * @return what their results mean
   */
  StepWork.Parts run(StepWork.Kind kind, List<Draw> draws, List<Draw> itsDraws) {
    if (!kind.adversarial()) {
      return generator(kind, draws);
    }
    if (work.isForwardShared()) {
      return graphs.run(
          uniform(kind, draws),
          () -> new StepWork.Parts(work.generator(draws, kind), work.discriminator(draws, kind)),
          this::bothWritten);
    }
    StepWork.Parts first = generator(kind, draws);
    arena.reset(); // so that the discriminator's memory does not depend on the generator's τ
    StepWork.Kind its =
        new StepWork.Kind(
            StepWork.DISCRIMINATOR, itsDraws.getFirst(), true, kind.first(), kind.last());
    StepWork.Parts second =
        graphs.run(
            uniform(its, itsDraws),
            () -> new StepWork.Parts(first.generator(), work.discriminator(itsDraws, its)),
            this::bothWritten);
    return new StepWork.Parts(first.generator(), second.discriminator());
  }

  private StepWork.Parts generator(StepWork.Kind kind, List<Draw> draws) {
    return graphs.run(
        uniform(kind, draws),
        () -> new StepWork.Parts(work.generator(draws, kind), null),
        autoencoder::gradientsWritten);
  }

  private void bothWritten() {
    autoencoder.gradientsWritten();
    if (discriminator != null) {
      discriminator.gradientsWritten();
    }
  }

  /** The kind, if all samples share its draw: a batch that falls into groups is never captured. */
  private static StepWork.@Nullable Kind uniform(StepWork.Kind kind, List<Draw> draws) {
    return draws.stream().allMatch(kind.draw()::equals) ? kind : null;
  }

  GraphStatistics statistics() {
    return new GraphStatistics(graphs.captured(), graphs.launched());
  }

  @Override
  public void close() {
    graphs.close();
  }
}
