package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.generator.checkpoint.ParameterOrder;
import io.github.eqvae.generator.checkpoint.TrainingWriter;
import io.github.eqvae.io.torch.TorchFile;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchValue.PyFloat;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyList;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.StoredWeights;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.RunnableRecipe;
import io.github.eqvae.train.run.TrainingRun;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A run as a file from which the references' training continues: every number keeps its bits. */
class RunTrainingTest {
  @TempDir private Path folder;

  private Path train(RunnableRecipe<?> recipe) throws Exception {
    RunFolder run = new RunFolder(folder.resolve("run"));
    try (TrainingRun<?> training = TrainingRun.open(recipe, run, RunObserver.NONE)) {
      training.begin(false);
      training.train();
      training.finish();
    }
    return run.path();
  }

  private GeneratorRecipe recipe(String kind) throws Exception {
    List<String> settings = new ArrayList<>(List.of("model.kind=" + kind));
    boolean aligned = kind.equals("repa");
    if (aligned) {
      settings.addAll(TinyLatents.alignment());
    }
    if (kind.equals("lightningdit")) {
      settings.addAll(TinyLatents.lightning());
    }
    Path latents = aligned ? TinyLatents.aligned(folder) : TinyLatents.folder(folder);
    return GeneratorRecipe.parse(TinyLatents.recipe(latents, 6, 3), "tiny", settings);
  }

  private List<String> write(Path source, Path file) throws Exception {
    try (GeneratorCheckpoint checkpoint =
        GeneratorCheckpoint.of(
            RunTraining.isThere(source) ? RunTraining.open(source) : CheckpointFile.open(source),
            Weights.AUTO,
            GeneratorHints.NONE)) {
      return TrainingWriter.write(file, checkpoint);
    }
  }

  private static PyDict dictionary(PyDict of, String key) {
    return (PyDict) of.get(key).orElseThrow();
  }

  private static byte[] bytes(TorchValue tensor) {
    return ((TorchTensor) tensor).bytes().toArray(ValueLayout.JAVA_BYTE);
  }

  private static void assertHolds(Path safetensors, PyDict dictionary) throws Exception {
    try (CheckpointFile expected = CheckpointFile.open(safetensors)) {
      assertEquals(expected.tensors().size(), dictionary.entries().size());
      for (Map.Entry<String, StoredTensor> e : expected.tensors().entrySet()) {
        assertArrayEquals(
            e.getValue().bytes().toArray(ValueLayout.JAVA_BYTE),
            bytes(dictionary.get(e.getKey()).orElseThrow()),
            e.getKey());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"dit", "repa", "lightningdit"})
  void everyNumberKeepsItsBits(String kind) throws Exception {
    GeneratorRecipe recipe = recipe(kind);
    Path run = train(recipe);
    Path file = folder.resolve("0000006.pt");
    assertEquals(List.of(), write(run, file));
    Path last = folder.resolve("last.safetensors");
    TrainedGenerator.write(run, Weights.MODEL, last);
    try (TorchFile read = TorchFile.open(file)) {
      PyDict root = (PyDict) read.root();
      assertHolds(run.resolve("model.safetensors"), dictionary(root, "ema"));
      assertHolds(last, dictionary(root, "model"));
      assertEquals(new PyInt(6), root.get("steps").orElseThrow());
      assertArguments(kind, dictionary(root, "args"));
      assertMoments(recipe, run, dictionary(root, "opt"));
    }
    // theirs to ours to theirs
    Path again = folder.resolve("again.pt");
    assertEquals(List.of(), write(file, again));
    assertArrayEquals(Files.readAllBytes(file), Files.readAllBytes(again));
  }

  private static void assertArguments(String kind, PyDict args) {
    assertEquals(new PyInt(3), args.get("num_classes").orElseThrow());
    if (kind.equals("repa")) {
      assertEquals(new PyInt(1), args.get("encoder_depth").orElseThrow());
      assertEquals(new PyStr("linear"), args.get("path_type").orElseThrow());
      assertEquals(new PyFloat(0.2), args.get("cfg_prob").orElseThrow());
      assertEquals(new PyInt(4), args.get("batch_size").orElseThrow());
    } else {
      assertEquals(new PyInt(8), args.get("global_batch_size").orElseThrow(), "2 batches of 4");
      assertEquals(new PyInt(5), args.get("global_seed").orElseThrow());
    }
  }

  private static void assertMoments(GeneratorRecipe recipe, Path run, PyDict optimizer)
      throws Exception {
    List<String> order = ParameterOrder.of(recipe.model().config(), recipe.alignment().shape());
    PyDict state = dictionary(optimizer, "state");
    assertTrue(state.get(order.indexOf("pos_embed")).isEmpty(), "it is not trained");
    Checkpoint checkpoint = CheckpointStore.open(run.resolve("checkpoints/step-00000006"));
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device)) {
      Dit dit =
          new Dit(
              recipe.model().config(), recipe.alignment().shape().orElse(null), stream, 0, false);
      for (String moment : List.of("adam_m exp_avg", "adam_v exp_avg_sq")) {
        String[] names = moment.split(" ");
        StoredWeights.read(
            checkpoint, "generator", "generator." + names[0], dit.parameters(), stream);
        for (Parameter p : dit.parameters().learned()) {
          PyDict own = (PyDict) state.get(order.indexOf(p.name())).orElseThrow();
          TorchTensor stored = (TorchTensor) own.get(names[1]).orElseThrow();
          assertArrayEquals(p.shape().extents(), stored.shape(), p.name());
          assertArrayEquals(p.value().toFloats(stream), stored.floats(), p.name());
          assertArrayEquals(
              new float[] {6}, ((TorchTensor) own.get("step").orElseThrow()).floats());
        }
        assertEquals(dit.parameters().learned().size(), state.entries().size());
      }
      dit.parameters().close();
    }
    PyDict group =
        (PyDict) ((PyList) optimizer.get("param_groups").orElseThrow()).values().getFirst();
    assertEquals(new PyFloat(2e-3), group.get("lr").orElseThrow());
    assertEquals(order.size(), ((PyList) group.get("params").orElseThrow()).values().size());
  }

  /** Counters that share memory would each count all updates. */
  @Test
  void everyParameterHasItsOwnCounter() throws Exception {
    Path file = folder.resolve("a.pt");
    write(train(recipe("dit")), file);
    try (TorchFile read = TorchFile.open(file)) {
      PyDict state = dictionary(dictionary((PyDict) read.root(), "opt"), "state");
      long different =
          state.entries().stream()
              .map(e -> ((TorchTensor) ((PyDict) e.value()).get("step").orElseThrow()).storage())
              .distinct()
              .count();
      assertEquals(state.entries().size(), different);
    }
  }

  @Test
  void anEarlierCheckpointCanBeNamed() throws Exception {
    Path run = train(recipe("dit"));
    Path file = folder.resolve("a.pt");
    assertEquals(List.of(), write(run.resolve("checkpoints/step-00000003"), file));
    try (TorchFile read = TorchFile.open(file);
        CheckpointFile end = CheckpointFile.open(run)) {
      PyDict root = (PyDict) read.root();
      assertEquals(new PyInt(3), root.get("steps").orElseThrow());
      String name = "final_layer.linear.weight";
      assertNotEquals(
          Arrays.hashCode(end.tensors().get(name).bytes().toArray(ValueLayout.JAVA_BYTE)),
          Arrays.hashCode(bytes(dictionary(root, "ema").get(name).orElseThrow())));
      assertTrue(dictionary(root, "eqvae").get("eqvae.generator").isPresent());
    }
  }

  /** A run without an average begins it with the weights, as the references do. */
  @Test
  void whatIsNotThereIsSaid() throws Exception {
    Path run = train(recipe("dit").with("run.ema_decay=null"));
    Path file = folder.resolve("a.pt");
    List<String> missing = write(run, file);
    assertEquals(1, missing.size(), missing::toString);
    assertTrue(missing.getFirst().contains("one set of weights"), missing::toString);
    Path bare = folder.resolve("bare.pt");
    missing = write(run.resolve("model.safetensors"), bare);
    assertTrue(missing.stream().anyMatch(m -> m.contains("no opt")), missing::toString);
    try (TorchFile read = TorchFile.open(bare)) {
      PyDict root = (PyDict) read.root();
      assertTrue(root.get("opt").isEmpty());
      assertArrayEquals(
          bytes(dictionary(root, "model").get("x_embedder.proj.bias").orElseThrow()),
          bytes(dictionary(root, "ema").get("x_embedder.proj.bias").orElseThrow()));
    }
  }

  @Test
  void maskGitContinuesFromCurrentPth() throws Exception {
    Path run =
        train(
            MaskGitRecipe.parse(
                TinyCodes.recipe(TinyCodes.folder(folder), 4, 2), "tiny", List.of()));
    Path file = folder.resolve("current.pth");
    try (MaskGitCheckpoint checkpoint =
        MaskGitCheckpoint.of(RunTraining.open(run), Weights.MODEL, GeneratorHints.NONE)) {
      assertEquals(List.of(), TrainingWriter.write(file, checkpoint));
    }
    Path last = folder.resolve("last.safetensors");
    TrainedGenerator.write(run, Weights.MODEL, last);
    try (TorchFile read = TorchFile.open(file);
        MaskGitCheckpoint written =
            MaskGitCheckpoint.of(CheckpointFile.open(file), Weights.AUTO, GeneratorHints.NONE)) {
      PyDict root = (PyDict) read.root();
      assertHolds(last, dictionary(root, "model_state_dict"));
      PyDict state = dictionary(dictionary(root, "optimizer_state_dict"), "state");
      assertEquals(ParameterOrder.of(written.config()).size(), state.entries().size());
      assertFalse(root.get("ema").isPresent());
    }
  }
}
