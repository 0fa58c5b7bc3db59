package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.ParameterOrder;
import io.github.eqvae.generator.checkpoint.TorchOptimizer;
import io.github.eqvae.generator.checkpoint.TrainingWriter;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.FloatType;
import io.github.eqvae.model.checkpoint.ScriptArguments;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunnableRecipe;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A checkpoint of a generator's run as the references' training would have saved it: both sets of
 * weights, the optimiser's state, the options and the count of updates.
 */
public final class RunTraining {
  private static final String GROUP = "generator";

  private final Checkpoint checkpoint;
  private final RunnableRecipe<?> recipe;
  private final FloatType type;
  private final Arena arena;
  private final Map<String, Shape> shapes = new LinkedHashMap<>();
  private final Map<String, Long> offsets;
  private final List<String> buffers;

  private RunTraining(Checkpoint checkpoint, RunnableRecipe<?> recipe, Arena arena)
      throws IOException {
    this.checkpoint = checkpoint;
    this.recipe = recipe;
    this.arena = arena;
    String dtype = checkpoint.state("dtype", String.class);
    type =
        FloatType.of(dtype)
            .orElseThrow(() -> new EqvaeException.Internal("a checkpoint of " + dtype));
    try (Device planner = Device.open("null"); // only shapes and places are needed
        Stream stream = new Stream(planner)) {
      ParameterStore store = TrainedGenerator.parameters(recipe, stream);
      try {
        store.all().forEach(p -> shapes.put(p.name(), p.shape()));
        offsets = store.offsets();
        buffers = store.buffers().stream().map(Parameter::name).toList();
      } finally {
        store.close();
      }
    }
  }

  /**
   * Whether {@link #open} can open it.
   *
   * @param path whatever a user named
   * @return true for the folder of a run, and that of one of its checkpoints
   */
  public static boolean isThere(Path path) {
    return new RunFolder(path).isUsed() || CheckpointStore.isCheckpoint(path);
  }

  /**
   * Opens the newest whole checkpoint of a run, or a certain one. Its files are mapped, not copied.
   *
   * @param path the folder of a run, or that of a checkpoint
   * @return the checkpoint, whose sets of weights are the dictionaries {@code model} ({@code
   *     model_state_dict} of MaskGIT) and {@code ema}; the caller closes it
   * @throws IOException when a file cannot be read
   * @throws EqvaeException.Argument when it is no generator's, or there is no whole checkpoint
   */
  public static CheckpointFile open(Path path) throws IOException {
    RunFolder run = new RunFolder(path);
    Checkpoint checkpoint;
    if (run.isUsed()) {
      checkpoint =
          TrainedGenerator.latest(
              run, run.<RunnableRecipe<?>>readRecipe(List.of(), TrainedGenerator.KINDS));
    } else {
      checkpoint = CheckpointStore.open(path);
      Path above = path.toAbsolutePath().normalize().getParent();
      run = new RunFolder(above.getParent() == null ? above : above.getParent());
    }
    RunnableRecipe<?> recipe =
        RecipeReader.<RunnableRecipe<?>>parse(
            checkpoint.state("recipe", String.class),
            checkpoint.directory().toString(),
            List.of(),
            TrainedGenerator.KINDS);
    Arena arena = Arena.ofShared();
    try {
      PyDict root =
          new RunTraining(checkpoint, recipe, arena).toDict(TrainedGenerator.metadata(run, recipe));
      return CheckpointFile.of(
          path, "checkpoint of a run, step " + checkpoint.step(), root, arena::close);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private PyDict toDict(Map<String, String> settings) throws IOException {
    boolean codes = recipe instanceof MaskGitRecipe;
    Map<String, TorchValue> root = new LinkedHashMap<>();
    Map<String, TorchTensor> constant = new LinkedHashMap<>();
    for (String name : buffers) {
      MemorySegment bytes = checkpoint.map(GROUP + ".buffer." + name, arena);
      constant.put(name, TorchTensor.of(type.torch(), extents(name), bytes));
    }
    root.put(
        codes ? TrainingWriter.MASKGIT_MODEL : TrainingWriter.MODEL, weights("weights", constant));
    if (checkpoint.names().contains(GROUP + ".ema")) {
      root.put(TrainingWriter.AVERAGE, weights("ema", constant));
    }
    root.put(codes ? TrainingWriter.MASKGIT_OPTIMIZER : TrainingWriter.OPTIMIZER, optimizer());
    root.put(
        codes ? TrainingWriter.MASKGIT_STEPS : TrainingWriter.STEPS,
        new TorchValue.PyInt(checkpoint.step()));
    if (recipe instanceof GeneratorRecipe r) {
      root.put(ScriptArguments.KEY, PyDict.of(RunArguments.of(r)));
    }
    Map<String, TorchValue> texts = new LinkedHashMap<>();
    settings.forEach((key, value) -> texts.put(key, new TorchValue.PyStr(value)));
    root.put(CheckpointFile.SETTINGS, PyDict.of(texts));
    return PyDict.of(root);
  }

  private PyDict weights(String blob, Map<String, TorchTensor> constant) throws IOException {
    Map<String, TorchTensor> all = new LinkedHashMap<>(constant);
    all.putAll(flat(blob));
    return PyDict.of(all);
  }

  /** The parts of a flat tensor, by name. */
  private Map<String, TorchTensor> flat(String blob) throws IOException {
    MemorySegment bytes = checkpoint.map(GROUP + "." + blob, arena);
    Map<String, TorchTensor> all = new LinkedHashMap<>();
    offsets.forEach(
        (name, offset) -> {
          long[] shape = extents(name);
          long elements = Shape.of(shape).elements();
          all.put(
              name,
              TorchTensor.of(
                  type.torch(),
                  shape,
                  bytes.asSlice(offset * type.width(), elements * type.width())));
        });
    return all;
  }

  private PyDict optimizer() throws IOException {
    OptimizerRecipe o = recipe.optimizer();
    long updates = checkpoint.state("optimizer_step", Number.class).longValue();
    double rate = o.learningRate() * o.factor(checkpoint.step(), recipe.run().steps());
    Map<String, TorchTensor> first = flat("adam_m");
    Map<String, TorchTensor> second = flat("adam_v");
    Map<String, TorchOptimizer.Moments> moments = new LinkedHashMap<>();
    first.forEach((name, m) -> moments.put(name, new TorchOptimizer.Moments(m, second.get(name))));
    List<String> order =
        switch (recipe) {
          case GeneratorRecipe r -> ParameterOrder.of(r.model().config(), r.alignment().shape());
          case MaskGitRecipe r -> ParameterOrder.of(r.model().config());
          default -> throw new EqvaeException.Internal("no generator: " + recipe.kind().task());
        };
    return new TorchOptimizer(o.adam(), rate, updates).toDict(order, moments);
  }

  private long[] extents(String name) {
    return shapes.get(name).extents();
  }
}
