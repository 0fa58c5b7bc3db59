package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.generator.checkpoint.GeneratorSamples;
import io.github.eqvae.generator.checkpoint.MaskGitSamples;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.StoredTensor;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code convert} and {@code inspect} of REPA and MaskGIT, in all forms of their trainings. */
class GeneratorConversionTest {
  private enum Network {
    REPA("dit", "REPA", "projectors"),
    MASKGIT("maskgit", "Maskgit-pytorch", "MaskGIT of its own size"),
    HALTON("maskgit", "Halton-MaskGIT", "registers");

    private final String naming;
    private final String title;
    private final String shown;

    Network(String naming, String title, String shown) {
      this.naming = naming;
      this.title = title;
      this.shown = shown;
    }

    /** A small one; odd numbers are among its values. */
    Map<String, TorchTensor> tensors(long seed) {
      Map<String, TorchTensor> all =
          switch (this) {
            case REPA ->
                GeneratorSamples.tensors(
                    new DitConfig(
                        3, 4, 2, 16, 2, 2, 4, 3, true, false, false, false, false, false, true),
                    Optional.of(new Alignment(1, 24, List.of(12, 20))),
                    seed);
            case MASKGIT -> MaskGitSamples.tensors(MaskGitConfig.of(4, 20, 3, 32, 2, 4, 64), seed);
            case HALTON -> {
              Map<String, TorchTensor> some = MaskGitSamples.tensors(MaskGitSamples.halton(), seed);
              some.put("head.weight", some.get("tok_emb.weight")); // its table is stored twice
              yield some;
            }
          };
      String first = all.keySet().iterator().next();
      float[] values = all.get(first).floats();
      values[0] = -0f;
      values[1] = Float.MIN_VALUE;
      TorchTensor odd = TorchTensor.of(values, all.get(first).shape());
      TorchTensor before = all.get(first);
      all.replaceAll((name, tensor) -> tensor == before ? odd : tensor);
      return all;
    }

    List<String> hints() {
      return this == REPA ? List.of("--heads", "2") : List.of("--heads", "4", "--codes", "20");
    }
  }

  private enum Form {
    SAFETENSORS,
    BARE,
    PREFIXED,
    TRAINING,
    STATE
  }

  private record Outcome(int code, String out, String err) {}

  @TempDir private Path folder;

  private static Outcome run(List<String> arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    picocli.CommandLine line = Commands.of(new Main(), arguments.toArray(String[]::new));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          if (!(e instanceof EqvaeException)) {
            throw e;
          }
          err.write(String.valueOf(e.getMessage()));
          return 1;
        });
    return new Outcome(line.execute(arguments.toArray(String[]::new)), out + "", err + "");
  }

  private static List<String> words(List<String> hints, String... words) {
    List<String> all = new ArrayList<>(List.of(words));
    all.addAll(hints);
    return all;
  }

  private Path file(Network network, Form form) throws Exception {
    Map<String, TorchTensor> tensors = network.tensors(1);
    if (form == Form.SAFETENSORS) {
      return GeneratorSamples.safetensors(folder.resolve("in.safetensors"), tensors, Map.of());
    }
    Path file = folder.resolve("in.pt");
    Map<String, TorchTensor> prefixed = GeneratorSamples.prefixed(tensors, "module.");
    Map<String, TorchValue> root = new LinkedHashMap<>();
    switch (form) {
      case BARE -> root.putAll(tensors);
      case PREFIXED -> root.putAll(prefixed);
      case STATE -> {
        root.put("iter", new TorchValue.PyInt(5));
        root.put("global_epoch", new TorchValue.PyInt(1));
        root.put("model_state_dict", TorchValue.PyDict.of(prefixed));
      }
      default -> {
        Map<String, TorchTensor> last =
            GeneratorSamples.prefixed(network.tensors(2), "module."); // as DDP names them
        Map<String, TorchValue> optimizer = new LinkedHashMap<>();
        optimizer.put("state", TorchValue.PyDict.of(Map.of()));
        root.put("model", TorchValue.PyDict.of(last));
        root.put("ema", TorchValue.PyDict.of(tensors));
        root.put("opt", TorchValue.PyDict.of(optimizer));
        root.put("args", TorchValue.PyDict.of(Map.of("encoder_depth", new TorchValue.PyInt(1))));
      }
    }
    TorchWriter.write(file, TorchValue.PyDict.of(root));
    return file;
  }

  private static void assertHolds(Map<String, TorchTensor> expected, Path file, String dictionary)
      throws Exception {
    try (CheckpointFile read = CheckpointFile.open(file)) {
      assertEquals(dictionary, read.section());
      Map<String, StoredTensor> found = read.tensors();
      assertEquals(expected.keySet(), found.keySet());
      expected.forEach(
          (name, tensor) -> {
            assertArrayEquals(tensor.shape(), found.get(name).shape(), name);
            assertArrayEquals(
                tensor.bytes().toArray(ValueLayout.JAVA_BYTE),
                found.get(name).bytes().toArray(ValueLayout.JAVA_BYTE),
                name);
          });
    }
  }

  static List<Arguments> forms() {
    List<Arguments> all = new ArrayList<>();
    for (Network network : Network.values()) {
      for (Form form : Form.values()) {
        if (form != Form.STATE || network != Network.REPA) {
          all.add(Arguments.of(network, form));
        }
      }
    }
    return all;
  }

  /** Their file, ours, theirs, ours: the same names and bits in each. */
  @ParameterizedTest
  @MethodSource("forms")
  void everyFormIsConvertedBothWays(Network network, Form form) throws Exception {
    String source = file(network, form).toString();
    String ours = folder.resolve("ours.safetensors").toString();
    String theirs = folder.resolve("theirs.pt").toString();
    String again = folder.resolve("again.safetensors").toString();
    Outcome seen = run(words(network.hints(), "inspect", source));
    assertEquals(0, seen.code(), seen.err() + seen.out());
    assertTrue(seen.out().contains(network.title), seen.out());
    Outcome first = run(words(network.hints(), "convert", source, ours, "--to", network.naming));
    assertEquals(0, first.code(), first.err());
    assertEquals(form == Form.TRAINING, first.err().contains("--weights model"), first.err());
    assertEquals(0, run(List.of("convert", ours, theirs, "--to", network.naming)).code());
    assertEquals(0, run(List.of("convert", theirs, again, "--to", network.naming)).code());
    Map<String, TorchTensor> expected = network.tensors(1);
    assertHolds(expected, Path.of(ours), "");
    assertHolds(expected, Path.of(theirs), network == Network.REPA ? "ema" : "model_state_dict");
    assertHolds(expected, Path.of(again), "");
    assertArrayEquals(
        Files.readAllBytes(Path.of(ours)), Files.readAllBytes(Path.of(again)), "settings too");
    for (String file : List.of(ours, theirs)) {
      Outcome shown = run(List.of("inspect", file)); // needs no hints any more
      assertEquals(0, shown.code(), shown.err());
      assertTrue(shown.out().contains(network.title), shown.out());
      assertTrue(shown.out().contains(network.shown), shown.out());
    }
  }

  @ParameterizedTest
  @EnumSource(Network.class)
  void theWeightsAsLastTrainedCanBeTaken(Network network) throws Exception {
    String source = file(network, Form.TRAINING).toString();
    Path to = folder.resolve("last.safetensors");
    List<String> hints = words(network.hints(), "--weights", "model");
    Outcome converted = run(words(hints, "convert", source, to.toString(), "--to", network.naming));
    assertEquals(0, converted.code(), converted.err());
    assertHolds(network.tensors(2), to, "");
  }

  /** What a training needs to continue is written if it is there, and else it is said. */
  @ParameterizedTest
  @EnumSource(Network.class)
  void aTrainingIsWritten(Network network) throws Exception {
    String source = file(network, Form.TRAINING).toString();
    Path to = folder.resolve("training.pt");
    String[] words = {"convert", source, to + "", "--to", network.naming, "--layout", "training"};
    Outcome converted = run(words(network.hints(), words));
    assertEquals(0, converted.code(), converted.err());
    boolean codes = network != Network.REPA;
    String optimizer = codes ? "no optimizer_state_dict" : "left out"; // its file has opt
    assertEquals(codes, converted.err().contains(optimizer), converted.err());
    assertHolds(network.tensors(2), to, codes ? "model_state_dict" : "model");
    try (CheckpointFile read = CheckpointFile.open(to)) {
      assertEquals(!codes, read.value("opt").isPresent());
      assertEquals(codes ? null : "1", read.arguments().get("encoder_depth"));
    }
    Path bare = folder.resolve("bare.pt");
    Outcome plain =
        run(List.of("convert", to + "", bare + "", "--to", network.naming, "--layout", "bare"));
    assertEquals(0, plain.code(), plain.err());
    assertHolds(network.tensors(codes ? 2 : 1), bare, "");
    assertEquals(!codes, plain.err().contains("left out: the optimiser's state"), plain.err());
    Outcome again =
        run(
            words(
                network.hints(),
                "convert",
                bare + "",
                folder.resolve("again.pt") + "",
                "--to",
                network.naming,
                "--layout",
                "training"));
    assertEquals(0, again.code(), again.err());
    assertTrue(again.err().contains("no state of an optimiser"), again.err());
  }

  @Test
  void aTrainingIsAPyTorchFileWithAllWeights() throws Exception {
    String source = file(Network.REPA, Form.TRAINING).toString();
    for (List<String> refused :
        List.of(
            List.of("a.safetensors", "end "),
            List.of("a.pt", "--dtype", "--dtype", "fp16"),
            List.of("a.pt", "--weights", "--weights", "ema"))) {
      List<String> words =
          words(
              Network.REPA.hints(),
              "convert",
              source,
              folder.resolve(refused.get(0)).toString(),
              "--to",
              "dit",
              "--layout",
              "training");
      words.addAll(refused.subList(2, refused.size()));
      Outcome outcome = run(words);
      assertEquals(1, outcome.code());
      assertTrue(outcome.err().contains(refused.get(1)), outcome.err());
      assertTrue(Files.notExists(folder.resolve(refused.get(0))));
    }
  }

  /** The other commands say which one it is. */
  @ParameterizedTest
  @EnumSource(Network.class)
  void aWrongNamingIsRefusedWithTheRightOne(Network network) throws Exception {
    String source = file(network, Form.PREFIXED).toString();
    Path to = folder.resolve("no.safetensors");
    String wrong = network.naming.equals("dit") ? "maskgit" : "dit";
    for (String naming : List.of(wrong, "compvis")) {
      Outcome refused =
          run(words(network.hints(), "convert", source, to.toString(), "--to", naming));
      assertEquals(1, refused.code());
      assertTrue(refused.err().contains("--to " + network.naming), refused.err());
      assertTrue(Files.notExists(to));
    }
  }

  /** Of MaskGIT, too: what is beside the network is said, not dropped without a word. */
  @ParameterizedTest
  @EnumSource(Network.class)
  void whatIsLeftOutIsSaid(Network network) throws Exception {
    Map<String, TorchTensor> all = GeneratorSamples.prefixed(network.tensors(1), "net.");
    all.put("loss.weight", TorchTensor.of(new float[] {1}, 1));
    Path source = GeneratorSamples.safetensors(folder.resolve("a.safetensors"), all, Map.of());
    Path to = folder.resolve("b.safetensors");
    Outcome shown = run(words(network.hints(), "inspect", source.toString()));
    assertTrue(shown.out().contains("tensors loss.* (tensors: 1)"), shown.out());
    Outcome converted =
        run(words(network.hints(), "convert", source + "", to + "", "--to", network.naming));
    assertEquals(0, converted.code(), converted.err());
    assertTrue(converted.err().contains("left out: tensors loss.*"), converted.err());
    assertHolds(network.tensors(1), to, "");
  }

  private String saidOfTraining(GeneratorProcess process) throws Exception {
    Map<String, String> metadata =
        new GeneratorMetadata(GeneratorSamples.dit(), process, Optional.empty(), List.of()).toMap();
    Path source =
        GeneratorSamples.safetensors(
            folder.resolve("trained.safetensors"),
            GeneratorSamples.tensors(GeneratorSamples.dit(), 1),
            metadata);
    Path to = folder.resolve(process.hashCode() + ".pt");
    Outcome converted = run(List.of("convert", source + "", to + "", "--to", "dit"));
    assertEquals(0, converted.code(), converted.err());
    return converted.err();
  }

  /** The references' programs do not read from a file how its network was trained. */
  @Test
  void aTrainingUnlikeThePublishedOnesIsSaid() throws Exception {
    GeneratorProcess velocity =
        new GeneratorProcess.Steps(
            GeneratorProcess.Schedule.COSINE,
            1000,
            GaussianDiffusion.Prediction.VELOCITY,
            GaussianDiffusion.Variance.LEARNED_RANGE);
    assertTrue(saidOfTraining(velocity).contains("assumes for every network: DiT: 1,000 linear"));
    GeneratorProcess score =
        new GeneratorProcess.Flow(
            new Transport(Interpolant.GVP, Transport.Prediction.SCORE, Transport.Weight.NONE));
    assertTrue(saidOfTraining(score).contains("--path-type and --prediction"));
    assertEquals(-1, saidOfTraining(GeneratorProcess.DIT).indexOf("trained as"));
    assertEquals(-1, saidOfTraining(GeneratorProcess.SIT).indexOf("trained as"));
  }
}
