package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.equivariance.TransformSampler;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.LossTerms;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.BatchShape;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.LossReport;
import io.github.eqvae.train.MicroBatch;
import io.github.eqvae.train.ParameterGroup;
import io.github.eqvae.train.Phase;
import io.github.eqvae.train.StepContext;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Training of an autoencoder with the EQ-VAE objective: its update and, if there is one, that of
 * its discriminator. The discriminator draws its own τ, so it is a phase of its own; with a shared
 * forward pass one phase has both.
 */
public final class AutoencoderTask implements Task {
  /** The field of a batch: {@code [N, H, W, C]} in [-1, 1]. */
  public static final String IMAGES = "images";

  private static final int AUTOENCODER = 0;
  private static final int DISCRIMINATOR = 1;

  /** Steps in a row without any gradient before the discriminator is said to have stopped. */
  private static final int DISCRIMINATOR_PATIENCE = 20;

  /** Keeps the random numbers of draws apart from those of noise and of the weights' start. */
  private static final long DRAWS = 1L << 61;

  /** What determines the operations of a part whose samples share a draw. */
  private record Signature(int group, Draw draw, boolean adversarial) {}

  private final AutoencoderRecipe recipe;
  private final Stream stream;
  private final Networks networks;
  private final EqObjective objective;
  private final TransformSampler sampler;
  private final List<ParameterGroup> groups;
  private final TensorArena arena;
  private final @Nullable Tensor codes;
  private final @Nullable EncodedPictures encoded;
  private boolean exchanges; // within a phase with the discriminator

  AutoencoderTask(AutoencoderRecipe recipe, Stream stream, boolean planned) throws IOException {
    this.recipe = recipe;
    this.stream = stream;
    networks = planned ? Networks.planned(recipe, stream) : new Networks(recipe, stream);
    objective = networks.objective();
    sampler = new TransformSampler(recipe.objective().eqOptions());
    groups = makeGroups();
    if (planned) {
      join(Communicator.alone()); // needs more memory
    }
    // Allocates the buffers' copies now: a step must not allocate.
    discriminator().ifPresent(d -> d.parameters().keepBuffers(stream));
    arena = new TensorArena(stream.device(), "codes");
    int side = recipe.data().resolution() / vae().config().downsamplingFactor();
    codes =
        vae().codebookUsage().isEmpty()
            ? null
            : arena.tensor(Shape.of(recipe.run().batchSize() * side * side), DType.I32);
    long most = Datasets.latentsCacheBytes(recipe.data());
    encoded = most == 0 ? null : new EncodedPictures(vae(), stream, images(), most);
  }

  /**
   * The autoencoder.
   *
   * @return the model, owned by this
   */
  public Autoencoder vae() {
    return networks.vae();
  }

  /**
   * The discriminator.
   *
   * @return the model, owned by this; empty when the recipe has none
   */
  public Optional<Discriminator> discriminator() {
    return networks.discriminator();
  }

  /**
   * The perceptual distance.
   *
   * @return the network, owned by this; empty when the recipe has none
   */
  public Optional<Lpips> lpips() {
    return networks.lpips();
  }

  @Override
  public List<ParameterGroup> groups() {
    return groups;
  }

  private List<ParameterGroup> makeGroups() {
    OptimizerRecipe o = recipe.optimizer();
    AdamSettings adam = o.adam();
    boolean perSample = recipe.objective().draw() == EqOptions.DrawPer.SAMPLE;
    int reports = EqObjective.reports(perSample ? recipe.run().batchSize() : 1);
    List<ParameterGroup> all = new ArrayList<>();
    all.add(
        new ParameterGroup(
            "vae",
            "autoencoder",
            vae().parameters(),
            adam,
            o.learningRate(),
            true,
            reports,
            "grad_norm"));
    discriminator()
        .ifPresent(
            d ->
                all.add(
                    new ParameterGroup(
                        "discriminator",
                        "discriminator",
                        d.parameters(),
                        adam,
                        recipe.discLearningRate(),
                        false,
                        reports,
                        "disc_grad_norm")));
    return List.copyOf(all);
  }

  @Override
  public void join(Communicator ranks) {
    exchanges = recipe.objective().gan().isSynchronised();
    if (exchanges) {
      discriminator().ifPresent(d -> d.synchronise(ranks));
    }
  }

  @Override
  public BatchShape batch() {
    BatchShape plain = BatchShape.of(new BatchShape.Field(IMAGES, images(), false));
    if (recipe.data().latentsCacheBytes() == 0) {
      return plain;
    }
    List<BatchShape.Field> fields = new ArrayList<>(plain.fields());
    Shape shape = EncodedPictures.shape(vae(), images());
    fields.add(new BatchShape.Field(EncodedPictures.ENCODED, shape, false));
    Shape pictures = Shape.of(recipe.run().batchSize());
    fields.add(new BatchShape.Field(EncodedPictures.PICTURES, pictures, true));
    return new BatchShape(plain.samples(), fields);
  }

  private Shape images() {
    int side = recipe.data().resolution();
    return Shape.of(recipe.run().batchSize(), side, side, recipe.model().inChannels());
  }

  @Override
  public void complete(HostBatch batch) {
    if (encoded != null) {
      encoded.complete(batch);
    }
  }

  /** How many batches needed no encoder. */
  long encodedOnce() {
    return encoded == null ? 0 : encoded.found();
  }

  private @Nullable Tensor encoded(StepContext c) {
    return encoded == null ? null : c.input(EncodedPictures.ENCODED);
  }

  /** A counter of noise for each forward pass. */
  @Override
  public int scalars() {
    return 2;
  }

  @Override
  public void scalars(MicroBatch at, double[] values) {
    for (int group = 0; group < values.length; group++) {
      values[group] = purpose(at, group) * StepNoise.GROUPS;
    }
  }

  /** Distinct for every forward pass of a run. */
  private static long purpose(MicroBatch at, int group) {
    return 2 * at.index() + group;
  }

  private List<Draw> draws(MicroBatch at, int group) {
    return sampler.draw(recipe.run().seed(), DRAWS + purpose(at, group), recipe.run().batchSize());
  }

  @Override
  public List<Phase> phases(MicroBatch at) {
    return phases(
        draws(at, AUTOENCODER), draws(at, DISCRIMINATOR), objective.isAdversarial(at.step()));
  }

  private List<Phase> phases(List<Draw> draws, List<Draw> its, boolean adversarial) {
    Phase.Work own = context -> autoencoder(context, draws, adversarial);
    Signature signature = signature(AUTOENCODER, draws, adversarial);
    if (!adversarial) {
      return List.of(Phase.of(signature, AUTOENCODER, own));
    }
    Phase.Work judge = context -> discriminator(context, its);
    if (isForwardShared()) {
      Phase.Part first = new Phase.Part(AUTOENCODER, own);
      return List.of(new Phase(signature, List.of(first, new Phase.Part(DISCRIMINATOR, judge))));
    }
    return List.of(
        Phase.of(signature, AUTOENCODER, own),
        Phase.of(signature(DISCRIMINATOR, its, true), DISCRIMINATOR, judge));
  }

  /** None for a batch with several draws: such a combination rarely comes up twice. */
  private @Nullable Signature signature(int group, List<Draw> draws, boolean adversarial) {
    Draw draw = draws.getFirst();
    boolean repeats = draws.stream().allMatch(draw::equals) && !(adversarial && exchanges);
    return repeats ? new Signature(group, draw, adversarial) : null;
  }

  /** Whether the discriminator judges the images of the autoencoder's own forward pass. */
  private boolean isForwardShared() {
    return recipe.objective().discriminatorForward() == LossOptions.DiscriminatorForward.SHARED;
  }

  private LossReport autoencoder(StepContext c, List<Draw> draws, boolean adversarial) {
    LossTerms.Report report = new LossTerms.Report(c.report(), codes);
    return LossReport.of(
        objective.autoencoderStep(
            c.stream(),
            c.arena(),
            c.mode(),
            new EqObjective.Input(c.input(IMAGES), encoded(c)),
            draws,
            noise(c.scalar(AUTOENCODER)),
            adversarial,
            report),
        report);
  }

  private LossReport discriminator(StepContext c, List<Draw> draws) {
    LossTerms.Report report = new LossTerms.Report(c.report(), null);
    ParameterStore frozen = vae().parameters();
    frozen.setTrainable(false);
    LossTerms terms =
        objective.discriminatorStep(
            c.stream(),
            c.arena(),
            new EqObjective.Input(c.input(IMAGES), encoded(c)),
            draws,
            noise(c.scalar(DISCRIMINATOR)),
            report);
    frozen.setTrainable(true);
    return LossReport.of(terms, report);
  }

  private EqObjective.Noise noise(Tensor counter) {
    return new StepNoise(recipe.run().seed(), counter);
  }

  /** Every size a step can have; rotations do not change memory. */
  @Override
  public List<Sketch> sketches(MicroBatch at) {
    boolean adversarial = discriminator().isPresent();
    List<Sketch> sketches = new ArrayList<>();
    for (Draw draw : PlannedDraws.of(recipe.objective())) {
      List<Draw> draws = Collections.nCopies(recipe.run().batchSize(), draw);
      String label = draw.branch() == Draw.Branch.PLAIN ? "no τ" : draw.transform().label();
      sketches.add(new Sketch(label, phases(draws, draws, adversarial)));
    }
    return sketches;
  }

  @Override
  public boolean initialize() throws IOException {
    InitialWeights.load(recipe, vae().parameters(), stream);
    return recipe.model().initFrom().isPresent();
  }

  /** The codebook may start at latents of the first batch. */
  @Override
  public boolean initialize(StepContext context) {
    if (vae() instanceof VqModel vq
        && recipe.model().quantize().init() == ModelRecipe.CodebookInit.DATA
        && recipe.model().initFrom().isEmpty()) {
      CodebookStart.fromLatents(
          vq, stream, context.arena(), context.input(IMAGES), recipe.run().seed());
      return true;
    }
    return false;
  }

  /** The discriminator's running statistics change already in the autoencoder's part. */
  @Override
  public void snapshot(MicroBatch at, Stream on) {
    if (objective.isAdversarial(at.step())) {
      discriminator().ifPresent(d -> d.parameters().keepBuffers(on));
    }
  }

  @Override
  public void rollback(MicroBatch at, Stream on) {
    if (objective.isAdversarial(at.step())) {
      discriminator().ifPresent(d -> d.parameters().restoreBuffers(on));
    }
  }

  @Override
  public Map<String, String> notes(MicroBatch at) {
    Draw draw = draws(at, AUTOENCODER).getFirst();
    String tau =
        switch (draw.branch()) {
          case PLAIN -> "plain";
          case LOW_RESOLUTION -> "low-res " + draw.transform().label();
          case EQUIVARIANT -> draw.transform().label();
        };
    return Map.of("tau", tau);
  }

  @Override
  public List<String> advice() {
    return List.of(
        "with a discriminator, a later objective.gan.disc_start, or a lower disc_weight or"
            + " disc_learning_rate",
        "if the same images come back each time, look at the batch that was saved");
  }

  /**
   * An autoencoder's gradients are never zero while its loss is connected to it; a discriminator's
   * may be for a while, when it judges everything right by a wide margin (hinge loss).
   */
  @Override
  public List<ZeroGradients> zeroGradients() {
    return List.of(
        new ZeroGradients(
            "grad_norm",
            1,
            "all gradients of the autoencoder are exactly 0, so it does not learn. Is a loss"
                + " weight 0, every image the same, or the decoder's end saturated (a checkpoint of"
                + " another kind)?"),
        new ZeroGradients(
            "disc_grad_norm",
            DISCRIMINATOR_PATIENCE,
            "all gradients of the discriminator were exactly 0 for "
                + DISCRIMINATOR_PATIENCE
                + " steps: it judges every patch right by a wide margin and has stopped learning. A"
                + " lower optimizer.disc_learning_rate or a later objective.gan.disc_start helps"));
  }

  @Override
  public long betweenStepsBytes() {
    int batch = recipe.evaluation().largestBatch();
    int side = recipe.data().resolution();
    return Evaluator.plan(vae(), lpips().orElse(null), stream, batch, side);
  }

  /** Batches are encoded while steps are computed. */
  @Override
  public long validationBytes() {
    return encoded == null ? 0 : EncodedPictures.plan(vae(), images(), stream);
  }

  @Override
  public void close() {
    arena.close();
    networks.close();
  }
}
