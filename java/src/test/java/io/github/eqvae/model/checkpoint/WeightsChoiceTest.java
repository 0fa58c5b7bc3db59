package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A checkpoint with two sets of weights says which were taken, and gives either. */
class WeightsChoiceTest {
  private static final AutoencoderArchitecture KL = Samples.kl();
  private static final String BIAS = "decoder.conv_out.bias";
  private static final float[] TRAINED = {1, 2, 3};
  private static final float[] AVERAGE = {4, 5, 6};

  @TempDir Path folder;

  /** A whole autoencoder whose last bias tells which it is. */
  private static Map<String, TorchTensor> with(float[] bias) {
    Map<String, TorchTensor> tensors = Samples.tensors(KL);
    tensors.put(BIAS, TorchTensor.of(bias, 3));
    return tensors;
  }

  private Path saved(Map<String, ? extends TorchValue> root) throws IOException {
    Path file = folder.resolve("checkpoint.pt");
    TorchWriter.write(file, TorchValue.PyDict.of(root));
    return file;
  }

  private static TorchValue dict(Map<String, ? extends TorchValue> values) {
    return TorchValue.PyDict.of(values);
  }

  private static void assertTakes(Path file, Weights wanted, float[] bias, String... says)
      throws IOException {
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file, wanted)) {
      assertArrayEquals(bias, checkpoint.tensors().get(BIAS).floats());
      assertTrue(checkpoint.report().isClean(), checkpoint.report().toString());
      String note = checkpoint.weightsNote().orElse("");
      for (String part : says) {
        assertTrue(note.contains(part), "missing '" + part + "' in: " + note);
      }
    }
  }

  private static void assertBothAreThere(Path file, String average) throws IOException {
    assertTakes(file, Weights.AUTO, AVERAGE, "took the averaged", average, "--weights model");
    assertTakes(file, Weights.EMA, AVERAGE, average);
    assertTakes(file, Weights.MODEL, TRAINED, "as last trained", average, "--weights ema");
  }

  @ParameterizedTest
  @CsvSource({
    "model, ema",
    "state_dict, ema_state_dict",
    "state_dict, state_dict_ema",
    "model, model_ema",
    "model_state_dict, ema_model",
    "vae, vae_ema",
    "autoencoder, averaged_model"
  })
  void aDictionaryOfItsOwn(String model, String average) throws IOException {
    Map<String, TorchValue> root = new LinkedHashMap<>();
    root.put("steps", new TorchValue.PyInt(7));
    root.put(model, dict(with(TRAINED)));
    root.put(average, dict(with(AVERAGE)));
    root.put("opt", dict(Map.of("state", dict(Map.of()))));
    assertBothAreThere(saved(root), average);
  }

  /** What {@code {"encoder": vae.encoder.state_dict(), …}} saves. */
  private static Map<String, TorchValue> byModule(Map<String, TorchTensor> tensors, String prefix) {
    Map<String, Map<String, TorchValue>> parts = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> {
          int dot = name.indexOf('.');
          parts
              .computeIfAbsent(name.substring(0, dot), _ -> new LinkedHashMap<>())
              .put(prefix + name.substring(dot + 1), tensor);
        });
    Map<String, TorchValue> root = new LinkedHashMap<>();
    parts.forEach((name, part) -> root.put(name, dict(part)));
    return root;
  }

  @ParameterizedTest
  @CsvSource({"''", "module.", "_orig_mod.", "_orig_mod.module."})
  void aDictionaryOfEachModule(String prefix) throws IOException {
    Map<String, TorchValue> root = byModule(with(TRAINED), prefix);
    root.put("epoch", new TorchValue.PyInt(7));
    root.put("discriminator", dict(Map.of("main.0.weight", TorchTensor.of(new float[1], 1))));
    Path file = saved(root);
    assertTakes(file, Weights.AUTO, TRAINED);
    try (CheckpointFile open = CheckpointFile.open(file)) {
      assertEquals(List.of("epoch = 7", "discriminator (1 entries)"), open.beside());
    }
    assertTakes(saved(Map.of("vae", dict(root))), Weights.AUTO, TRAINED);
    Map<String, TorchValue> both = new LinkedHashMap<>();
    both.put("model", dict(root));
    both.put("ema", dict(byModule(with(AVERAGE), prefix)));
    assertBothAreThere(saved(both), "ema");
  }

  /** A whole state_dict comes before its parts, which may be older. */
  @Test
  void aWholeDictionaryComesBeforeItsModules() throws IOException {
    Map<String, TorchValue> root = byModule(with(AVERAGE), "");
    root.put("state_dict", dict(with(TRAINED)));
    assertTakes(saved(root), Weights.AUTO, TRAINED);
  }

  /** ema-pytorch's EMA keeps what it averages beside the average, in whatever it is saved in. */
  @ParameterizedTest
  @CsvSource({"''", "ema", "state_dict"})
  void emaPytorch(String section) throws IOException {
    Map<String, TorchTensor> all = new LinkedHashMap<>();
    all.putAll(Samples.prefixed(with(TRAINED), "online_model."));
    all.putAll(Samples.prefixed(with(AVERAGE), "ema_model."));
    all.put("initted", Samples.integers(1));
    all.put("step", Samples.integers(9));
    assertBothAreThere(saved(section.isEmpty() ? all : Map.of(section, dict(all))), "ema_model");
    Map<String, TorchValue> beside = new LinkedHashMap<>();
    beside.put("model", dict(with(TRAINED)));
    beside.put("ema", dict(all));
    assertBothAreThere(saved(beside), "ema");
  }

  /** Lightning's callback puts the average where the weights as last trained usually are. */
  @ParameterizedTest
  @CsvSource({"''", "vae."})
  void lightningsWeightAveraging(String prefix) throws IOException {
    Map<String, TorchValue> root = new LinkedHashMap<>();
    root.put("epoch", new TorchValue.PyInt(1));
    root.put("state_dict", dict(Samples.prefixed(with(AVERAGE), prefix)));
    root.put("current_model_state", dict(Samples.prefixed(with(TRAINED), prefix)));
    root.put("averaging_state", dict(Map.of("n_averaged", Samples.integers(4))));
    assertBothAreThere(saved(root), "state_dict of Lightning's WeightAveraging");
  }

  /** The average may be wrapped, and of a model that is not. */
  @Test
  void prefixesMayDiffer() throws IOException {
    Path file =
        saved(
            Map.of(
                "model",
                dict(with(TRAINED)),
                "ema",
                dict(Map.of("module", dict(Samples.prefixed(with(AVERAGE), "module."))))));
    assertBothAreThere(file, "ema.module");
  }

  /** LitEma of latent-diffusion: in the same dictionary, without dots, parameters alone. */
  @ParameterizedTest
  @CsvSource({"''", "first_stage_model."})
  void litEma(String prefix) throws IOException {
    Map<String, TorchTensor> all = new LinkedHashMap<>(Samples.prefixed(with(TRAINED), prefix));
    with(AVERAGE)
        .forEach(
            (name, tensor) -> all.put("model_ema." + (prefix + name).replace(".", ""), tensor));
    all.put("model_ema.decay", Samples.zeros());
    all.put("model_ema.num_updates", Samples.integers(9));
    all.put(prefix + "loss.logvar", Samples.zeros());
    assertBothAreThere(
        saved(Map.of("state_dict", dict(all), "epoch", new TorchValue.PyInt(1))), "model_ema.*");
  }

  @ParameterizedTest
  @CsvSource({
    "model., ema.",
    "'', ema_model.",
    "online_model., ema_model.",
    "module., averaged_model.module."
  })
  void prefixesOfOneFile(String model, String average) throws IOException {
    Map<String, TorchTensor> all = new LinkedHashMap<>(Samples.prefixed(with(TRAINED), model));
    all.putAll(Samples.prefixed(with(AVERAGE), average));
    Path file = Samples.safetensors(folder.resolve("two.safetensors"), all);
    assertBothAreThere(file, average);
    // What was taken is not among what was left out.
    Map<Weights, String> leftOut =
        Map.of(Weights.AUTO, "weights as last trained", Weights.MODEL, "moving average (use_ema)");
    for (Weights weights : leftOut.keySet()) {
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file, weights)) {
        assertEquals(Set.of(leftOut.get(weights)), checkpoint.others().keySet());
      }
    }
  }

  /** An average of the trained half alone cannot stand for the whole. */
  @Test
  void anIncompleteAverageIsNotTakenByItself() throws IOException {
    Map<String, TorchTensor> decoder = with(AVERAGE);
    decoder.keySet().removeIf(name -> name.startsWith("encoder."));
    assertIncomplete(decoder);
  }

  /** An average that lacks the first layer is named, not taken, and refused if asked for. */
  private void assertIncomplete(Map<String, TorchTensor> average) throws IOException {
    Path file = saved(Map.of("model", dict(with(TRAINED)), "ema", dict(average)));
    assertTakes(file, Weights.AUTO, TRAINED, "as last trained", "ema", "lacks");
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(file, Weights.EMA));
    assertTrue(e.getMessage().contains("encoder.conv_in.weight"), e.getMessage());
  }

  /** Trainings may keep averages of several decays. */
  @Test
  void furtherAveragesAreNamed() throws IOException {
    Map<String, TorchValue> root = new LinkedHashMap<>();
    root.put("model", dict(with(TRAINED)));
    root.put("ema", dict(with(AVERAGE)));
    root.put("model_ema", dict(with(new float[] {7, 8, 9})));
    assertTakes(
        saved(root), Weights.AUTO, AVERAGE, "averaged weights (ema)", "averages", "model_ema");
    assertTakes(saved(root), Weights.MODEL, TRAINED, "(ema)", "averages", "model_ema");
    // The first that is whole.
    Map<String, TorchTensor> few = with(AVERAGE);
    few.remove("encoder.conv_in.weight");
    root.put("ema", dict(few));
    assertTakes(saved(root), Weights.EMA, new float[] {7, 8, 9}, "(model_ema)", "not read: ema.");
  }

  /** A reason that helps: the average is of another size. */
  @Test
  void anAverageOfOtherShapesIsNotTakenByItself() throws IOException {
    Map<String, TorchTensor> other = with(AVERAGE);
    other.put(BIAS, Samples.zeros(4));
    Path file = saved(Map.of("model", dict(with(TRAINED)), "ema", dict(other)));
    assertTakes(file, Weights.AUTO, TRAINED, "as last trained", "has other shapes for 1 of");
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(file, Weights.EMA));
    assertTrue(e.getMessage().contains(BIAS + " [4] instead of [3]"), e.getMessage());
  }

  /** However little it has: not even the tensors by which an autoencoder is recognised. */
  @Test
  void anAverageWithoutTheFirstTensorsIsSaid() throws IOException {
    Map<String, TorchTensor> few = with(AVERAGE);
    few.keySet().removeIf(name -> !name.equals(BIAS) && !name.contains(".mid."));
    assertIncomplete(few);
  }

  /** A trainer writes it where no average is kept. */
  @Test
  void anEmptyDictionaryIsNoAverage() throws IOException {
    Path file = saved(Map.of("model", dict(with(TRAINED)), "ema", dict(Map.of())));
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file, Weights.AUTO)) {
      assertEquals(Optional.empty(), checkpoint.weightsNote());
    }
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(file, Weights.EMA));
    assertTrue(e.getMessage().endsWith("leave out --weights ema"), e.getMessage());
  }

  /** REPA-E: the average is that of the generator. */
  @Test
  void anotherNetworksAverageIsNone() throws IOException {
    Map<String, TorchTensor> sit = Map.of("x_embedder.proj.weight", Samples.zeros(8, 4, 2, 2));
    Path file =
        saved(
            Map.of(
                "model", dict(sit),
                "ema", dict(sit),
                "vae", dict(with(TRAINED)),
                "discriminator", dict(Map.of("main.0.weight", Samples.zeros(64, 3, 4, 4)))));
    assertTakes(file, Weights.AUTO, TRAINED);
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(file, Weights.EMA));
    assertTrue(e.getMessage().contains("no averaged weights"), e.getMessage());
  }

  @Test
  void oneSetOfWeightsNeedsNoWords() throws IOException {
    Path file = Samples.ckpt(folder.resolve("plain.ckpt"), with(TRAINED));
    for (Weights wanted : new Weights[] {Weights.AUTO, Weights.MODEL}) {
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file, wanted)) {
        assertEquals(Optional.empty(), checkpoint.weightsNote());
      }
    }
    assertThrows(
        EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(file, Weights.EMA));
  }

  @Test
  void anAverageAloneIsTakenAndSaid() throws IOException {
    Path file = saved(Map.of("ema", dict(with(AVERAGE)), "step", new TorchValue.PyInt(1)));
    assertTakes(file, Weights.AUTO, AVERAGE, "averaged weights (ema)");
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(file, Weights.MODEL));
    assertTrue(e.getMessage().contains("only has averaged weights"), e.getMessage());
  }

  /** diffusers' own way: a variant. Without a word from the user it takes the plain file, too. */
  @Test
  void aVariantOfAFolder() throws IOException {
    for (String variant : new String[] {"", ".ema"}) {
      Samples.safetensors(
          folder.resolve("diffusion_pytorch_model" + variant + ".safetensors"),
          Samples.renamed(
              with(variant.isEmpty() ? TRAINED : AVERAGE), KeyNaming.DIFFUSERS, KL.levels()));
    }
    String name = "diffusion_pytorch_model.ema.safetensors";
    assertTakes(folder, Weights.AUTO, TRAINED, "as last trained", name, "--weights ema");
    assertTakes(folder, Weights.EMA, AVERAGE, "took the averaged weights", name);
    Files.delete(folder.resolve(name));
    assertThrows(
        EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(folder, Weights.EMA));
  }

  private void diffusers(String file, float[] value) throws IOException {
    Path target = folder.resolve(file);
    Files.createDirectories(target.getParent());
    Samples.safetensors(target, Samples.renamed(with(value), KeyNaming.DIFFUSERS, KL.levels()));
  }

  /** Stable Diffusion's: the plain file is the average, {@code non_ema} is what was trained. */
  @Test
  void aVariantWithoutAverage() throws IOException {
    diffusers("diffusion_pytorch_model.safetensors", AVERAGE);
    diffusers("diffusion_pytorch_model.non_ema.safetensors", TRAINED);
    assertTakes(folder, Weights.AUTO, AVERAGE, "took the averaged weights", "--weights model");
    assertTakes(folder, Weights.EMA, AVERAGE);
    assertTakes(folder, Weights.MODEL, TRAINED, "as last trained", "--weights ema");
  }

  @Test
  void aFolderWithAnAverageOnly() throws IOException {
    diffusers("diffusion_pytorch_model.ema.safetensors", AVERAGE);
    assertTakes(folder, Weights.AUTO, AVERAGE, "took the averaged weights");
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(folder, Weights.MODEL));
    assertTrue(e.getMessage().contains("only has averaged weights"), e.getMessage());
  }

  /** What diffusers' own training scripts keep: the average in a folder beside the model's. */
  @ParameterizedTest
  @CsvSource({"autoencoderkl", "vqmodel", "vae"})
  void aCheckpointOfDiffusersTraining(String model) throws IOException {
    diffusers("checkpoint-5/" + model + "/diffusion_pytorch_model.safetensors", TRAINED);
    diffusers("checkpoint-5/" + model + "_ema/diffusion_pytorch_model.safetensors", AVERAGE);
    for (String name : List.of("checkpoint-5", "checkpoint-5/" + model)) {
      Path path = folder.resolve(name);
      assertTakes(path, Weights.AUTO, TRAINED, "as last trained", model + "_ema", "--weights ema");
      assertTakes(path, Weights.MODEL, TRAINED);
      assertTakes(path, Weights.EMA, AVERAGE, "took the averaged weights", model + "_ema");
    }
  }

  /** diffusers' EMAModel: nothing says which tensor is which, so it is told and not taken. */
  @Test
  void anAverageWithoutNamesIsTold() throws IOException {
    Map<String, TorchValue> ema =
        Map.of(
            "decay",
            new TorchValue.PyFloat(0.99),
            "shadow_params",
            new TorchValue.PyList(List.of(Samples.zeros(3))));
    Path file = saved(Map.of("state_dict", dict(with(TRAINED)), "ema", dict(ema)));
    assertTakes(file, Weights.AUTO, TRAINED, "as last trained", "(ema)", "without names");
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> AutoencoderCheckpoint.open(file, Weights.EMA));
    assertTrue(e.getMessage().contains("without names"), e.getMessage());
  }
}
