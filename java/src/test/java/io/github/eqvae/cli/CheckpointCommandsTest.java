package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.SmallClassifier;
import io.github.eqvae.serve.TinyModels;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.testing.GoldenVit;
import io.github.eqvae.testing.TinyClassifier;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Commands that read checkpoints, on files as trainings leave them. */
class CheckpointCommandsTest extends CliFixture {
  private static final String DIVERGED = "encoder.mid.block_1.conv1.weight";

  private Map<String, TorchTensor> tensors(Path safetensors) throws IOException {
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    try (SafetensorsFile file = SafetensorsFile.open(safetensors)) {
      for (String name : file.names()) {
        tensors.put(name, TorchTensor.of(file.floats(name), file.info(name).shape()));
      }
    }
    return tensors;
  }

  private void save(String name, Map<String, TorchTensor> tensors, Map<String, String> settings)
      throws IOException {
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    tensors.forEach(
        (n, t) -> entries.add(SafetensorsWriter.Entry.floats(n, t.floats(), t.shape())));
    SafetensorsWriter.write(folder.resolve(name), entries, settings);
  }

  private static final Map<String, String> SETTINGS =
      Map.of("norm_num_groups", "4", "sample_size", "32", "scaling_factor", "0.5");

  private void pictures() throws IOException {
    Path in = Files.createDirectories(folder.resolve("pics"));
    for (int i = 0; i < 3; i++) {
      byte[] bytes = new byte[32 * 32 * 3];
      new Random(i).nextBytes(bytes);
      Images.writePng(in.resolve("p" + i + ".png"), new Image(32, 32, 3, bytes));
    }
  }

  private void latents(float[] values) throws IOException {
    try (OutputStream out = Files.newOutputStream(folder.resolve("z.npy"))) {
      NpyArray.floats(values, values.length / (2 * 8 * 8), 2, 8, 8).write(out);
    }
  }

  /** A NaN among the weights is named by every command; nothing is written. */
  @Test
  void weightsThatAreNotFiniteAreNamed() throws Exception {
    pictures();
    Map<String, TorchTensor> tensors = tensors(TinyModels.kl(folder));
    TorchTensor good = tensors.get(DIVERGED);
    float[] values = good.floats();
    values[5] = Float.NaN;
    values[6] = Float.NEGATIVE_INFINITY;
    tensors.put(DIVERGED, TorchTensor.of(values, good.shape()));
    save("nan.safetensors", tensors, SETTINGS);
    String says = DIVERGED + ": 2 of " + String.format("%,d", values.length) + " numbers";
    Outcome o = run("inspect", "nan.safetensors");
    assertEquals(1, o.code());
    assertTrue(o.out().contains(says) && o.out().contains("can be run    no"), o.out());
    assertUserError(run("encode", "nan.safetensors", "pics", "latents"), 1, says);
    assertFalse(Files.exists(folder.resolve("latents")));
    assertUserError(run("reconstruct", "nan.safetensors", "pics", "out"), 1, says);
    assertUserError(
        run("reconstruct", "nan.safetensors", "pics", "out", "--rotate", "90"), 1, says);
    assertUserError(run("evaluate", "nan.safetensors", "--data", "pics"), 1, says);
    latents(new float[2 * 8 * 8]);
    assertUserError(run("decode", "nan.safetensors", "z.npy", "images"), 1, says);
    assertFalse(Files.exists(folder.resolve("out")) || Files.exists(folder.resolve("images")));
    // Bits are bits: a conversion keeps them, and says so.
    o = run("convert", "nan.safetensors", "vae", "--to", "diffusers");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("not finite") && o.err().contains("2 of"), o.err());
  }

  /** SSIM's windows do not fit into images of 8 pixels: said before anything is computed. */
  @Test
  void imagesTooSmallForSsimAreRefused() throws Exception {
    pictures();
    TinyModels.kl(folder);
    assertUserError(
        run("evaluate", "kl.safetensors", "--data", "pics", "--size", "8"), 1, "--size 8", "11");
  }

  /** Seen: an overflow with a stack trace, from deep inside. */
  @Test
  void imagesTooLargeForAnyArrayAreRefused() throws Exception {
    pictures();
    TinyModels.kl(folder);
    for (String command : List.of("encode", "reconstruct", "evaluate")) {
      List<String> words = new ArrayList<>(List.of(command, "kl.safetensors"));
      words.addAll(command.equals("evaluate") ? List.of("--data", "pics") : List.of("pics", "out"));
      words.addAll(List.of("--size", "100000"));
      Outcome o = run(words.toArray(String[]::new));
      assertUserError(o, 1, "--size 100000", "26,754");
    }
  }

  /** Nothing in the file says how many groups there are, and 32 do not divide 4 channels. */
  @Test
  void whatWillNotRunIsSaidWhenItIsConverted() throws Exception {
    Map<String, TorchTensor> tensors = tensors(TinyModels.kl(folder));
    for (boolean isSaid : new boolean[] {false, true}) {
      String name = isSaid ? "said" : "unsaid";
      save(name + ".safetensors", tensors, isSaid ? SETTINGS : Map.of("scaling_factor", "0.5"));
      Outcome o = run("convert", name + ".safetensors", name, "--to", "diffusers");
      assertEquals(0, o.code(), o.err());
      assertEquals(!isSaid, o.err().contains("warning: what was written cannot be run: "), o.err());
      assertEquals(!isSaid, o.err().contains("norm_num_groups is not in the file"), o.err());
    }
  }

  @Test
  void diffusersFormatIsNoFile() throws Exception {
    TinyModels.kl(folder);
    for (String name : List.of("vae.safetensors", "vae.CKPT", "vae.bin")) {
      assertUserError(
          run("convert", "kl.safetensors", name, "--to", "diffusers"), 1, name, "--to compvis");
      assertFalse(Files.exists(folder.resolve(name)), name);
    }
  }

  /** The others are decoded. In one array a gap would move all that follow, so none is written. */
  @Test
  void latentsThatAreNotFiniteAreNamed() throws Exception {
    TinyModels.kl(folder);
    float[] values = new float[3 * 2 * 8 * 8];
    values[2 * 8 * 8 + 3] = Float.NaN;
    latents(values);
    Outcome o = run("decode", "kl.safetensors", "z.npy", "images");
    assertUserError(o, 1, "000001: its latent is not finite", "1 result is not finite");
    assertTrue(Files.exists(folder.resolve("images/000000.png")));
    assertFalse(Files.exists(folder.resolve("images/000001.png")));
    assertTrue(Files.exists(folder.resolve("images/000002.png")));
    o = run("decode", "kl.safetensors", "z.npy", "all.npz");
    assertUserError(o, 1, "000001: its latent is not finite", "No all.npz was written");
    assertFalse(Files.exists(folder.resolve("all.npz")));
  }

  /** Whatever a file holds is listed, if only as no part of the model. */
  @Test
  void tensorsBesideTheModelAreListed() throws Exception {
    Map<String, TorchTensor> model = tensors(TinyModels.kl(folder));
    Map<String, TorchValue> root = new LinkedHashMap<>();
    root.put("state_dict", TorchValue.PyDict.of(model));
    root.put("stray", TorchTensor.of(new float[5], 5));
    TorchWriter.write(folder.resolve("stray.pt"), TorchValue.PyDict.of(root));
    Outcome o = run("inspect", "stray.pt");
    assertTrue(o.out().contains("also there    stray (tensor F32[5])"), o.out());
    assertFalse(o.out().contains("state_dict ("), o.out());
  }

  /** A terminal gets one line of text that can be seen, and a list of names stays one. */
  @Test
  void namesAreShownOnOneLine() throws Exception {
    TinyModels.kl(folder);
    float[] values = new float[2 * 8 * 8];
    values[3] = Float.NaN;
    Files.createDirectories(folder.resolve("z"));
    try (OutputStream out = Files.newOutputStream(folder.resolve("z/a\nb\u001b.npy"))) {
      NpyArray.floats(values, 2, 8, 8).write(out);
    }
    Outcome o = run("decode", "kl.safetensors", "z", "images");
    assertUserError(o, 1, "eqvae: a\\nb\\u001b: its latent is not", "left out: a\\nb\\u001b.");
    assertFalse(o.err().contains("a\nb"), o.err());
    recipe(1);
    Path in = Files.createDirectories(folder.resolve("in"));
    for (String name : List.of("broken\n1.png", "broken\n2.png")) {
      Files.writeString(in.resolve(name), "none");
    }
    o = run("train", "tiny.yaml", "--dry-run", "--set", "data.path=in");
    assertFalse(o.err().contains("broken\n"), o.err());
  }

  @Test
  void errorsSayOfWhat() throws Exception {
    pictures();
    save(
        "groups.safetensors",
        tensors(TinyModels.kl(folder)),
        Map.of("norm_num_groups", "32", "sample_size", "32", "scaling_factor", "1"));
    latents(new float[2 * 8 * 8]);
    assertUserError(
        run("decode", "groups.safetensors", "z.npy", "images"), 1, "groups.safetensors: ", "norm");
    Files.createSymbolicLink(folder.resolve("lnk"), folder.resolve("nowhere"));
    for (String[] command :
        new String[][] {
          {"encode", "kl.safetensors", "pics", "lnk"},
          {"decode", "kl.safetensors", "z.npy", "lnk"},
          {"reconstruct", "kl.safetensors", "pics", "lnk"}
        }) {
      assertUserError(run(command), 1, "lnk is a link to nothing");
    }
  }

  /** Weights so large that numbers overflow on the way, finite as they are. */
  @Test
  void whatOverflowsOnTheWayIsNamed() throws Exception {
    pictures();
    Map<String, TorchTensor> tensors = tensors(TinyModels.kl(folder));
    for (String name : List.of("encoder.conv_out.weight", "decoder.conv_out.weight")) {
      float[] values = tensors.get(name).floats();
      java.util.Arrays.fill(values, Float.MAX_VALUE);
      tensors.put(name, TorchTensor.of(values, tensors.get(name).shape()));
    }
    save("large.safetensors", tensors, SETTINGS);
    assertUserError(run("encode", "large.safetensors", "pics", "latents"), 1, "p0", "not finite");
    assertUserError(run("reconstruct", "large.safetensors", "pics", "out"), 1, "p0", "p2");
    assertFalse(Files.exists(folder.resolve("out/p0.png")));
    assertUserError(
        run("evaluate", "large.safetensors", "--data", "pics"), 1, "PICTURES OUT` names");
  }

  /** Which weights were taken is said, and either can be had; so for a training's start. */
  @Test
  void theAverageAndTheWeightsAsLastTrained() throws Exception {
    pictures();
    Map<String, TorchTensor> average = tensors(TinyModels.kl(folder));
    Map<String, TorchTensor> trained = new LinkedHashMap<>(average);
    trained.put("decoder.conv_out.bias", TorchTensor.of(new float[] {9, 9, 9}, 3));
    Map<String, TorchValue> settings = new LinkedHashMap<>();
    SETTINGS.forEach((k, v) -> settings.put(k, new TorchValue.PyStr(v)));
    TorchWriter.write(
        folder.resolve("both.pt"),
        TorchValue.PyDict.of(
            Map.of(
                "model", TorchValue.PyDict.of(trained),
                "ema", TorchValue.PyDict.of(average),
                "eqvae", TorchValue.PyDict.of(settings))));
    String ema = "took the averaged weights (ema)";
    String model = "took the weights as last trained";
    Outcome o = run("inspect", "both.pt");
    assertTrue(o.code() == 0 && o.out().contains(ema), o.out() + o.err());
    o = run("inspect", "both.pt", "--weights", "model");
    assertTrue(o.code() == 0 && o.out().contains(model), o.out() + o.err());
    for (String[] which : new String[][] {{ema}, {model, "--weights=model"}}) {
      String[] more = java.util.Arrays.copyOfRange(which, 1, which.length);
      for (String[] command :
          new String[][] {
            {"convert", "both.pt", "vae.safetensors", "--to", "compvis", "--overwrite"},
            {"encode", "both.pt", "pics", "latents", "--overwrite"},
            {"reconstruct", "both.pt", "pics", "out", "--overwrite"},
            {"evaluate", "both.pt", "--data", "pics", "--images", "2"},
          }) {
        List<String> line = new ArrayList<>(List.of(command));
        line.addAll(List.of(more));
        o = run(line.toArray(String[]::new));
        assertEquals(0, o.code(), line + o.err());
        assertTrue(o.err().contains(which[0]), line + o.err());
      }
      float bias = which[0].equals(ema) ? average.get("decoder.conv_out.bias").floats()[0] : 9;
      assertEquals(
          bias,
          tensors(folder.resolve("vae.safetensors")).get("decoder.conv_out.bias").floats()[0]);
    }
    assertUserError(
        run("encode", "kl.safetensors", "pics", "x", "--weights", "ema"), 1, "no averaged");
  }

  /** SD3's and FLUX's latents have a mean that pipelines subtract; a factor alone replaced it. */
  @Test
  void aFactorAloneSaysThatItReplacesTheShift() throws Exception {
    TinyModels.kl(folder); // scaling_factor 0.5, shift_factor 0.25
    String[] convert = {"convert", "kl.safetensors", "a", "--to", "diffusers", "--overwrite"};
    Outcome o = run(with(convert, "--scaling-factor=0.7"));
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("shift_factor becomes 0"), o.err());
    assertTrue(o.err().contains("--shift-factor 0.25"), o.err());
    o = run(with(convert, "--scaling-factor=0.7", "--shift-factor=0"));
    assertEquals("", o.err());
    o = run(with(convert, "--scaling-factor=0.7", "--shift-factor=0.25"));
    assertEquals("", o.err());
    o = run(convert);
    assertEquals("", o.err());
  }

  private static String[] with(String[] arguments, String... more) {
    return Stream.concat(Stream.of(arguments), Stream.of(more)).toArray(String[]::new);
  }

  /** A run: its average, and what was last trained, by every command alike. */
  @Test
  void theTwoSetsOfARun() throws Exception {
    recipe(4);
    Outcome o = run("train", "tiny.yaml", "--out", "run");
    assertEquals(0, o.code(), o.err());
    for (String which : List.of("ema", "model")) {
      o = run("evaluate", "run", "--weights", which, "--json", which + ".json");
      assertEquals(0, o.code(), o.err());
      o =
          run(
              "convert",
              "run",
              which,
              "--to",
              "diffusers",
              "--scaling-factor=1",
              "--weights",
              which);
      assertEquals(0, o.code(), o.err());
    }
    assertFalse(
        Files.readString(folder.resolve("ema.json"))
            .equals(Files.readString(folder.resolve("model.json"))));
    Path ema = folder.resolve("ema/diffusion_pytorch_model.safetensors");
    Path model = folder.resolve("model/diffusion_pytorch_model.safetensors");
    assertTrue(Files.mismatch(ema, model) >= 0, "the same weights");
  }

  /** Seen: the weights as last trained were taken for the average that the run does not keep. */
  @Test
  void aRunWithoutAnAverageHasNone() throws Exception {
    recipe(1);
    Outcome o = run("train", "tiny.yaml", "--out", "run", "--set", "run.ema_decay=null");
    assertEquals(0, o.code(), o.err());
    assertUserError(run("inspect", "run", "--weights", "ema"), 1, "leave out --weights ema");
    List<String> set = List.of("model.init_from=run", "model.init_weights=ema");
    assertUserError(
        run("train", "tiny.yaml", "--set", set.get(0), "--set", set.get(1)), 1, "averaged weights");
  }

  /** DINOv2 in each library's names is said to be what it is, and becomes one file. */
  @Test
  void aVisionTransformerIsInspectedAndConverted() throws Exception {
    GoldenVit vit = GoldenVit.of(4);
    String heads = Integer.toString(vit.someHeads());
    String title = "vit-%d-wide-%d-deep".formatted(vit.width(), vit.depth());
    String table = "%d×%d".formatted(vit.side(), vit.side());
    for (String naming : List.of("hub", "timm", "hf")) {
      Outcome o = run("inspect", GoldenVit.file(4, naming).toString(), "--heads", heads);
      assertEquals(0, o.code(), o.err());
      String name = Map.of("hub", "torch.hub", "timm", "timm", "hf", "transformers").get(naming);
      assertTrue(o.out().matches("(?s).*naming +" + name + "\n.*"), o.out());
      assertTrue(o.out().contains(title) && o.out().contains(table), o.out());
    }
    Path hf = GoldenVit.file(4, "hf");
    Outcome o =
        run("weights", "dinov2", hf.toString(), "vit.safetensors", "--unchecked", "--heads", heads);
    assertEquals(0, o.code(), o.err());
    o = run("inspect", "vit.safetensors");
    assertEquals(0, o.code(), o.err());
    String sizes = "%d, %d, %s".formatted(vit.width(), vit.depth(), heads);
    assertTrue(o.out().contains("torch.hub") && o.out().contains(sizes), o.out());
    // Seen: save_pretrained's folder was refused as one of diffusers without its weights.
    Path saved = Files.createDirectory(folder.resolve("saved"));
    Files.copy(hf, saved.resolve("model.safetensors"));
    Files.writeString(saved.resolve("config.json"), "{\"model_type\": \"dinov2_with_registers\"}");
    o = run("inspect", "saved", "--heads", heads);
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("transformers folder, model.safetensors"), o.out());
    assertUserError(run("weights", "dinov2", "saved", "b.safetensors"), 1, "not a published file");
    o = run("weights", "dinov2", "saved", "b.safetensors", "--unchecked", "--heads", heads);
    assertEquals(0, o.code(), o.err());
    assertEquals(
        -1, Files.mismatch(folder.resolve("vit.safetensors"), folder.resolve("b.safetensors")));
  }

  /** As torch.save(model.state_dict()) writes them; save_pretrained translates. Seen: refused. */
  @Test
  void namesOfTransformersInMemoryAreKnown() throws Exception {
    Path hf = GoldenVit.file(4, "hf");
    Map<String, TorchTensor> named = new LinkedHashMap<>();
    tensors(hf)
        .forEach(
            (name, tensor) ->
                named.put(
                    name.replace(".attention.attention.query.", ".attention.q_proj.")
                        .replace(".attention.attention.key.", ".attention.k_proj.")
                        .replace(".attention.attention.value.", ".attention.v_proj.")
                        .replace(".attention.output.dense.", ".attention.o_proj."),
                    tensor));
    assertTrue(named.containsKey("encoder.layer.1.attention.q_proj.bias"), named.toString());
    save("memory.safetensors", named, Map.of());
    Map<String, String> files =
        Map.of(hf.toString(), "a.safetensors", "memory.safetensors", "b.safetensors");
    for (Map.Entry<String, String> e : files.entrySet()) {
      Outcome o = run("weights", "dinov2", e.getKey(), e.getValue(), "--unchecked", "--heads", "2");
      assertEquals(0, o.code(), o.err());
    }
    assertEquals(
        -1, Files.mismatch(folder.resolve("a.safetensors"), folder.resolve("b.safetensors")));
  }

  /** Seen: it was called no autoencoder, and nothing said what it is. */
  @Test
  void aClassifierIsInspected() throws Exception {
    Path file = folder.resolve("classifier.safetensors");
    Map<String, String> metadata;
    try (Device device = Device.open("cpu");
        var stream = new io.github.eqvae.tensor.Stream(device);
        SmallClassifier network =
            new SmallClassifier(new SmallClassifier.Config(1, 32, 8, 10), stream, 0, false)) {
      metadata = network.config().metadata().toMap();
      ModelFile.save(file, network.parameters(), stream, metadata);
    }
    Outcome o = run("inspect", "classifier.safetensors");
    assertEquals(0, o.code(), o.err());
    assertTrue(
        o.out().contains("10 classes, images of 32×32×1, convolutional, width 8, 64 features"),
        o.out());
    Map<String, TorchTensor> tensors = tensors(file);
    tensors.remove("head.bias");
    save("without.safetensors", tensors, metadata);
    o = run("inspect", "without.safetensors");
    assertEquals(1, o.code());
    assertTrue(o.out().contains("head.bias"), o.out());
    TinyClassifier.writeVit(folder, 1);
    o = run("inspect", "vit-1.safetensors");
    assertEquals(0, o.code(), o.err());
    String vit = "3 classes, images of 8×8×1, a vision transformer, width 8, depth 1, heads 2";
    assertTrue(o.out().contains(vit), o.out());
    assertUserError(
        run("weights", "dinov2", "vit-1.safetensors", "d.safetensors", "--unchecked"),
        1,
        "is a classifier of eqvae");
  }

  /** Nothing can be divided by the deviation of latents that are all the same. */
  @Test
  void anEncoderThatGivesAlwaysTheSameIsNamed() throws Exception {
    pictures();
    Map<String, TorchTensor> tensors = tensors(TinyModels.kl(folder));
    int channels = 4; // mean and log variance of 2
    zero(tensors, "quant_conv.weight", 0, channels);
    // Each channel has a value of its own, so that all numbers together do deviate.
    tensors.put("quant_conv.bias", TorchTensor.of(new float[] {0.3f, -0.7f, -1, -1}, channels));
    save("dead.safetensors", tensors, SETTINGS);
    String says = "the latents are the same everywhere";
    assertUserError(run("evaluate", "dead.safetensors", "--data", "pics"), 1, says);
    assertUserError(
        run("encode", "dead.safetensors", "pics", "latents", "--posterior", "moments"),
        1,
        "dead.safetensors",
        says);
    assertFalse(Files.exists(folder.resolve("latents/latents-00000.safetensors")));
    assertUserError(
        run("evaluate", "kl.safetensors", "--data", "pics", "--drop-in", "dead.safetensors"),
        1,
        "dead.safetensors: " + says);
  }

  /** The other channels can be used, so figures are given, and only what divides is refused. */
  @Test
  void oneChannelThatIsAlwaysTheSameIsNamed() throws Exception {
    pictures();
    Map<String, TorchTensor> tensors = tensors(TinyModels.kl(folder));
    zero(tensors, "quant_conv.weight", 1, 2);
    tensors.put("quant_conv.bias", TorchTensor.of(new float[] {0, -0.7f, -1, -1}, 4));
    save("half.safetensors", tensors, SETTINGS);
    Outcome o = run("evaluate", "half.safetensors", "--data", "pics", "--json", "half.json");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("latent channels without content"), o.out());
    o = run("encode", "half.safetensors", "pics", "half");
    assertEquals(0, o.code(), o.err());
    assertTrue(
        o.err().contains("warning: channel 1 of the latents is the same everywhere"), o.err());
    for (String from : List.of("half.json", "half/index.json")) {
      Path file = folder.resolve(from);
      assertSame(file, MeasuredScaling.Kind.CHANNELS, "channel 1");
      assertTrue(MeasuredScaling.read(file, MeasuredScaling.Kind.SHIFT).scalingFactor() > 0);
    }
  }

  private static void assertSame(Path file, MeasuredScaling.Kind kind, String what) {
    String message =
        assertThrows(EqvaeException.class, () -> MeasuredScaling.read(file, kind)).getMessage();
    assertTrue(message.startsWith(file.toString()), message);
    assertTrue(message.contains(what) && message.contains("the same everywhere"), message);
  }

  /** Files of earlier versions may say of such latents how they deviate. */
  @Test
  void aDeviationOfNothingScalesNothing() throws IOException {
    for (String std : List.of("0.0", "1.2e-8")) {
      Path old = folder.resolve("old.json");
      Files.writeString(
          old,
          ("{\"latent\": {\"mean\": 0.3, \"std\": %s, \"channel_mean\": [0.3, 0.3],"
                  + " \"channel_std\": [%s, %s]}}")
              .formatted(std, std, std));
      for (MeasuredScaling.Kind kind : MeasuredScaling.Kind.values()) {
        assertSame(old, kind, "the latent");
      }
    }
  }

  private static void zero(Map<String, TorchTensor> tensors, String name, int row, int to) {
    TorchTensor t = tensors.get(name);
    float[] values = t.floats();
    int each = values.length / (int) t.shape()[0];
    java.util.Arrays.fill(values, row * each, to * each, 0);
    tensors.put(name, TorchTensor.of(values, t.shape()));
  }

  /** Of two commands that write the same place, one is refused: both had ended well. */
  @Test
  void whatAnotherProcessWritesIsLeftToIt() throws Exception {
    pictures();
    TinyModels.kl(folder);
    latents(new float[2 * 8 * 8]);
    String[][] commands = {
      {"convert", "kl.safetensors", "dst.ckpt", "--to", "compvis"},
      {"convert", "kl.safetensors", "two\nlines.ckpt", "--to", "compvis"},
      {"decode", "kl.safetensors", "z.npy", "dst.npz"},
      {"reconstruct", "kl.safetensors", "pics/p0.png", "dst.png"},
      {"convert", "kl.safetensors", "vae", "--to", "diffusers", "--scaling-factor", "1"},
      {"reconstruct", "kl.safetensors", "pics", "out"}
    };
    for (String[] command : commands) {
      String name = command[command[0].equals("convert") ? 2 : 3];
      Path target = folder.resolve(name);
      FolderLock held =
          name.contains(".")
              ? FolderLock.acquireFile(target, "convert", note -> {})
              : FolderLock.acquire(target, "convert", note -> {});
      try (held) {
        assertUserError(run(command), 1, name + " is in use by `eqvae convert`");
      }
      assertFalse(Files.exists(target), name);
      Outcome o = run(command);
      assertEquals(0, o.code(), o.err());
      assertTrue(Files.exists(target), name);
    }
    try (Stream<Path> files = Files.walk(folder)) {
      assertTrue(
          files.noneMatch(f -> f.getFileName().toString().startsWith(FolderLock.NAME)),
          "a lock stayed");
    }
  }
}
