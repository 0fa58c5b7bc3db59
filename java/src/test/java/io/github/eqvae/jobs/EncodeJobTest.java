package io.github.eqvae.jobs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.cli.JsonNames;
import io.github.eqvae.data.Crop;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.io.TarFile;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.serve.Codes;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.TinyModels;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images encoded into shards. */
class EncodeJobTest {
  private static final int IMAGES = 11;

  @TempDir Path folder;
  private final List<String> broken = new ArrayList<>();
  private Path pictures;

  @BeforeEach
  void pictures() throws IOException {
    pictures = folder.resolve("pictures");
    Random random = new Random(3);
    for (int i = 0; i < IMAGES; i++) {
      byte[] data = new byte[24 * 20 * 3];
      random.nextBytes(data);
      Path dir = Files.createDirectories(pictures.resolve(i < 6 ? "n02" : "n01"));
      Images.writePng(dir.resolve("p%02d.v1.png".formatted(i)), new Image(24, 20, 3, data));
    }
    byte[] whole = Files.readAllBytes(pictures.resolve("n01/p07.v1.png"));
    Files.write(pictures.resolve("n01/broken.png"), Arrays.copyOf(whole, 100));
    Files.writeString(pictures.resolve("n01/text.png"), "no picture");
  }

  private static EncodeOptions options(Content content, ShardFormat format, boolean hflip) {
    return new EncodeOptions(
        content, 5, 16, Crop.ADM, DecodeOptions.DEFAULT, hflip, false, format, 4);
  }

  /** Stops a job as a kill would: between two groups, wherever that is. */
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private EncodeSummary encode(Path model, EncodeOptions options, Path out, long killAt)
      throws IOException {
    broken.clear();
    try (Device device = Device.open("cpu", 2);
        Vae vae = Vae.load(model, device, VaeOptions.defaults().withSessions(2).withBatch(1))) {
      EncodeSummary s =
          new EncodeJob(
                  model,
                  vae,
                  Optional.empty(),
                  pictures,
                  options,
                  out,
                  2,
                  Optional.empty(),
                  false,
                  new EncodeJob.Listener() {
                    @Override
                    public void encoded(long images) {
                      if (images >= killAt) {
                        throw new Killed();
                      }
                    }

                    @Override
                    public void broken(String name, String cause) {
                      broken.add(name);
                    }
                  })
              .run();
      return s;
    }
  }

  private static Map<String, byte[]> contents(Path out) throws IOException {
    Map<String, byte[]> all = new LinkedHashMap<>();
    try (Stream<Path> files = Files.list(out)) {
      for (Path f : files.sorted().toList()) {
        all.put(f.getFileName().toString(), Files.readAllBytes(f));
      }
    }
    return all;
  }

  @Test
  void aKilledJobGoesOnAndGivesTheSameBits() throws IOException {
    Path model = TinyModels.kl(folder);
    for (ShardFormat format : ShardFormat.values()) {
      EncodeOptions options = options(Content.SAMPLE, format, true);
      Path whole = folder.resolve("whole-" + format);
      EncodeSummary s = encode(model, options, whole, Long.MAX_VALUE);
      assertEquals(new EncodeSummary(IMAGES, 2, 0, 3, 0), s);
      assertEquals(List.of("n01/broken.png", "n01/text.png"), broken.stream().sorted().toList());
      Map<String, byte[]> expected = contents(whole);
      assertEquals(4, expected.size(), "shards and index only: " + expected.keySet());
      for (long kill : new long[] {2, 5, 8, 10}) {
        Path out = folder.resolve("killed-" + format + kill);
        assertThrows(Killed.class, () -> encode(model, options, out, kill));
        // A kill while a file was written leaves a part of it under another name.
        Files.writeString(out.resolve(".latents-00001.x.eqvae-tmp"), "half");
        EncodeSummary again = encode(model, options, out, Long.MAX_VALUE);
        assertEquals(IMAGES, again.images());
        assertTrue(kill < 5 || again.resumed() > 0, "nothing was kept after " + kill);
        Map<String, byte[]> actual = contents(out);
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach(
            (name, bytes) -> assertArrayEquals(bytes, actual.get(name), format + " " + name));
      }
    }
  }

  @Test
  void aShardThatWasCutShortIsMadeAgain() throws IOException {
    Path model = TinyModels.kl(folder);
    EncodeOptions options = options(Content.MODE, ShardFormat.SAFETENSORS, false);
    Path out = folder.resolve("out");
    encode(model, options, out, Long.MAX_VALUE);
    Map<String, byte[]> whole = contents(out);
    Path second = out.resolve("latents-00001.safetensors");
    try (FileChannel file = FileChannel.open(second, StandardOpenOption.WRITE)) {
      file.truncate(file.size() / 2);
    }
    EncodeSummary again = encode(model, options, out, Long.MAX_VALUE);
    assertEquals(2, again.resumed());
    assertArrayEquals(whole.get("latents-00001.safetensors"), Files.readAllBytes(second));
  }

  @Test
  void otherSettingsAreRefused() throws IOException {
    Path model = TinyModels.kl(folder);
    Path out = folder.resolve("out");
    encode(model, options(Content.MODE, ShardFormat.SAFETENSORS, false), out, Long.MAX_VALUE);
    String message =
        assertThrows(
                EqvaeException.Argument.class,
                () ->
                    encode(
                        model,
                        options(Content.MODE, ShardFormat.SAFETENSORS, true),
                        out,
                        Long.MAX_VALUE))
            .getMessage();
    assertTrue(message.contains("hflip: there false, now true"), message);
    assertThrows(
        EqvaeException.Argument.class,
        () ->
            encode(
                model,
                options(Content.CODES, ShardFormat.SAFETENSORS, false),
                folder.resolve("codes"),
                Long.MAX_VALUE));
  }

  /** Version 1 wrote one name otherwise. Its shards are kept, not encoded again. */
  @Test
  void anIndexOfTheFirstVersionIsGoneOnWith() throws IOException {
    Path model = TinyModels.kl(folder);
    Path out = folder.resolve("out");
    EncodeOptions options = options(Content.MODE, ShardFormat.SAFETENSORS, false);
    encode(model, options, out, Long.MAX_VALUE);
    Path index = out.resolve("index.json");
    String now = Files.readString(index);
    JsonNames.assertSnakeCase("index.json", new ObjectMapper().readTree(now));
    String before =
        now.replace("sum_squares", "sumSquares").replace("\"version\" : 2", "\"version\" : 1");
    assertTrue(before.contains("sumSquares") && before.contains("\"version\" : 1"), before);
    Files.writeString(index, before);
    FileTime written = FileTime.fromMillis(1000);
    Path shard = out.resolve("latents-00000.safetensors");
    Files.setLastModifiedTime(shard, written);
    encode(model, options, out, Long.MAX_VALUE);
    assertEquals(written, Files.getLastModifiedTime(shard), "a finished shard was made again");
    assertEquals(now, Files.readString(index));
  }

  /** What is in the files is what the model gives for each picture, in PyTorch's layout. */
  @Test
  void shardsHoldWhatTheModelGives() throws IOException {
    Path model = TinyModels.kl(folder);
    Path out = folder.resolve("out");
    encode(model, options(Content.MODE, ShardFormat.SAFETENSORS, true), out, Long.MAX_VALUE);
    JsonNode index = new ObjectMapper().readTree(out.resolve("index.json").toFile());
    assertTrue(index.path("complete").asBoolean());
    assertEquals(List.of("n01", "n02"), texts(index.path("classes")));
    assertEquals("[2,4,4]", index.path("shape").toString());
    assertEquals(0.5, index.path("scaling").path("scaling_factor").asDouble());
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(model, device);
        SafetensorsFile first = SafetensorsFile.open(out.resolve("latents-00000.safetensors"))) {
      // n01/broken.png is number 0 of the first shard of 4.
      assertArrayEquals(new long[] {3, 2, 4, 4}, first.info("latents").shape());
      assertArrayEquals(new long[] {3}, first.info("labels").shape());
      assertEquals(
          "[\"n01/p06.v1.png\",\"n01/p07.v1.png\",\"n01/p08.v1.png\"]",
          first.metadata().get("names"));
      Image square =
          options(Content.MODE, ShardFormat.NPZ, false)
              .square()
              .of(Images.read(pictures.resolve("n01/p07.v1.png")), "");
      assertSecond(vae, square, first.floats("latents"));
      assertSecond(vae, square.flipHorizontal(), first.floats("latents_flip"));
      double sum = 0;
      for (int i = 0; i < 3; i++) {
        try (SafetensorsFile shard =
            SafetensorsFile.open(out.resolve("latents-0000" + i + ".safetensors"))) {
          for (String key : List.of("latents", "latents_flip")) {
            for (float v : shard.floats(key)) {
              sum += v;
            }
          }
        }
      }
      double mean = sum / (IMAGES * 2 * 2 * 16);
      assertEquals(mean, index.path("statistics").path("mean").asDouble(), 1e-6);
    }
  }

  private static List<String> texts(JsonNode array) {
    List<String> out = new ArrayList<>();
    array.forEach(n -> out.add(n.asText()));
    return out;
  }

  private static void assertSecond(Vae vae, Image image, float[] shard) {
    float[] z = vae.encode(ImageBatch.ofImages(List.of(image))).toNchw();
    for (int i = 0; i < z.length; i++) {
      assertEquals(z[i], shard[z.length + i], 1e-5);
    }
  }

  @Test
  void momentsAndCodesAreReadBack() throws IOException {
    Path kl = TinyModels.kl(folder);
    Path vq = TinyModels.vq(folder);
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(kl, device)) {
      for (ShardFormat format : ShardFormat.values()) {
        Path moments = folder.resolve("moments-" + format);
        encode(kl, options(Content.MOMENTS, format, false), moments, Long.MAX_VALUE);
        Path modes = folder.resolve("modes-" + format);
        encode(kl, options(Content.MODE, format, false), modes, Long.MAX_VALUE);
        List<float[]> expected = latents(modes, vae);
        List<float[]> actual = latents(moments, vae);
        assertEquals(3, actual.size());
        for (int i = 0; i < 3; i++) {
          assertArrayEquals(expected.get(i), actual.get(i));
        }
        Path codes = folder.resolve("codes-" + format);
        encode(vq, options(Content.CODES, format, false), codes, Long.MAX_VALUE);
        int[] count = {0};
        LatentFiles.open(codes)
            .visit(
                2,
                false,
                new LatentFiles.Visitor() {
                  @Override
                  public void latents(Latents latents, List<String> names) {
                    throw new AssertionError("codes were read as latents");
                  }

                  @Override
                  public void codes(Codes codes, List<String> names) {
                    count[0] += codes.count();
                    assertEquals(codes.count(), names.size());
                  }
                });
        assertEquals(IMAGES, count[0]);
      }
    }
  }

  private static List<float[]> latents(Path folder, Vae vae) throws IOException {
    List<float[]> out = new ArrayList<>();
    LatentFiles.open(folder)
        .visit(
            vae.latentChannels(),
            false,
            new LatentFiles.Visitor() {
              @Override
              public void latents(Latents latents, List<String> names) {
                assertEquals(latents.count(), names.size());
                out.add(latents.values());
              }

              @Override
              public void codes(Codes codes, List<String> names) {
                throw new AssertionError("latents were read as codes");
              }
            });
    return out;
  }

  @Test
  void tarShardsAreImagesToo() throws IOException {
    Path model = TinyModels.kl(folder);
    Path plain = folder.resolve("plain");
    encode(model, options(Content.MODE, ShardFormat.NPZ, false), plain, Long.MAX_VALUE);
    List<Path> files;
    try (Stream<Path> all = Files.walk(pictures)) {
      files =
          all.filter(f -> f.toString().endsWith(".png") && !f.endsWith("text.png"))
              .sorted()
              .toList();
    }
    Path tars = Files.createDirectories(folder.resolve("tars"));
    for (int part = 0; part < 2; part++) {
      int from = part * 7;
      TarFile.write(
          tars.resolve("part-" + part + ".tar"),
          sink -> {
            for (Path f : files.subList(from, Math.min(files.size(), from + 7))) {
              String key = SampleKeys.plain(pictures.relativize(f).toString());
              sink.add(key + ".cls", "3".getBytes(StandardCharsets.UTF_8));
              sink.add(key + ".png", Files.readAllBytes(f));
            }
          });
    }
    pictures = tars;
    Path out = folder.resolve("out");
    EncodeSummary s =
        encode(model, options(Content.MODE, ShardFormat.NPZ, false), out, Long.MAX_VALUE);
    assertEquals(new EncodeSummary(IMAGES, 1, 0, 3, 0), s);
    for (int i = 0; i < 3; i++) {
      List<String> keys = List.of("latents", "labels");
      String name = "latents-0000" + i + ".npz";
      Map<String, NpyArray> a = NpzFile.read(plain.resolve(name), keys, 1 << 20);
      Map<String, NpyArray> b = NpzFile.read(out.resolve(name), keys, 1 << 20);
      assertArrayEquals(a.get("latents").data(), b.get("latents").data());
      assertEquals(3, b.get("labels").toInts()[0]);
    }
    assertFalse(Files.exists(out.resolve("latents-00003.npz")));
  }

  /** Two names of one stem, names with dots: no two members of one name, and the way back. */
  @Test
  void keysInTarsAreUniqueAndLeadBack() throws IOException {
    Path model = TinyModels.kl(folder);
    Path p = folder.resolve("names");
    byte[] picture = Files.readAllBytes(pictures.resolve("n01/p07.v1.png"));
    List<String> names =
        List.of("a.jpg", "a.png", "a_2.png", "b.v1.png", "b_v1.png", "v1.0/a.png", "y\nz.png");
    for (String name : names) {
      Path file = p.resolve(name);
      Files.createDirectories(file.getParent());
      Files.write(file, picture);
    }
    Files.write(FileNames.resolve(p, "caf\udce9.png"), picture);
    pictures = p;
    Path out = folder.resolve("out");
    EncodeOptions options =
        new EncodeOptions(
            Content.MODE,
            5,
            16,
            Crop.ADM,
            DecodeOptions.DEFAULT,
            true,
            false,
            ShardFormat.TAR,
            4,
            false);
    encode(model, options, out, Long.MAX_VALUE);
    Set<String> members = new HashSet<>();
    for (int i = 0; i < 2; i++) {
      TarFile.visit(
          out.resolve("latents-0000" + i + ".tar"),
          (name, size, content) -> {
            assertTrue(members.add(name), "twice: " + name);
            int slash = name.lastIndexOf('/') + 1;
            String ending = name.substring(name.indexOf('.', slash));
            assertTrue(List.of(".npy", ".flip.npy").contains(ending), name);
            return true;
          });
    }
    assertEquals(16, members.size());
    List<String> back = new ArrayList<>();
    names(out, back);
    List<String> expected = new ArrayList<>(names);
    expected.add("caf\udce9.png");
    assertEquals(expected.stream().sorted().toList(), back.stream().sorted().toList());
  }

  private static void names(Path latents, List<String> out) throws IOException {
    LatentFiles.open(latents)
        .visit(
            2,
            false,
            new LatentFiles.Visitor() {
              @Override
              public void latents(Latents latents, List<String> names) {
                out.addAll(names);
              }

              @Override
              public void codes(Codes codes, List<String> names) {
                throw new AssertionError("latents were read as codes");
              }
            });
  }

  /** Names of any bytes come back from every format, as Python's os.fsdecode has them. */
  @Test
  void namesComeBackFromEveryFormat() throws IOException {
    Path model = TinyModels.kl(folder);
    String name = "caf\udce9\n#.png";
    Files.createDirectories(folder.resolve("one"));
    Files.copy(pictures.resolve("n01/p07.v1.png"), FileNames.resolve(folder.resolve("one"), name));
    pictures = folder.resolve("one");
    for (ShardFormat format : ShardFormat.values()) {
      Path out = folder.resolve("out" + format);
      encode(model, options(Content.MODE, format, false), out, Long.MAX_VALUE);
      List<String> back = new ArrayList<>();
      names(out, back);
      assertEquals(List.of(name), back);
    }
  }

  @Test
  void namesOfOthersAreNotTrusted() throws IOException {
    Path file = folder.resolve("foreign.safetensors");
    for (String names :
        List.of(
            "[\"a\"]",
            "[\"a\",\"b\",\"c\"]",
            "[\"a\",null]",
            "[\"a\",\"\"]",
            "[\"a\",\"../b\"]",
            "[\"a\",\"/etc/b\"]",
            "[\"a\",\"b\\u0000c\"]",
            "{\"a\":1}",
            "no json")) {
      SafetensorsWriter.write(
          file,
          List.of(SafetensorsWriter.Entry.floats("latents", new float[64], 2, 2, 4, 4)),
          Map.of("names", names));
      String message =
          assertThrows(IOException.class, () -> names(file, new ArrayList<>()), names).getMessage();
      assertTrue(message.startsWith(file + ": "), message);
    }
  }

  /** Where pictures have classes, one without is left out and named; all others keep theirs. */
  @Test
  void aPictureWithoutClassCostsNoLabels() throws IOException {
    Path model = TinyModels.kl(folder);
    Files.copy(pictures.resolve("n01/p07.v1.png"), pictures.resolve("stray.png"));
    Path out = folder.resolve("out");
    EncodeSummary s =
        encode(model, options(Content.MODE, ShardFormat.NPZ, false), out, Long.MAX_VALUE);
    assertEquals(new EncodeSummary(IMAGES, 3, 0, 4, 0), s);
    assertTrue(broken.contains("stray.png"), broken.toString());
    for (int i = 0; i < 3; i++) {
      Path shard = out.resolve("latents-0000" + i + ".npz");
      Map<String, NpyArray> a = NpzFile.read(shard, List.of("latents", "labels"), 1 << 20);
      assertEquals(a.get("latents").shape()[0], a.get("labels").shape()[0]);
    }
    EncodeOptions all =
        new EncodeOptions(
            Content.MODE,
            5,
            16,
            Crop.ADM,
            DecodeOptions.DEFAULT,
            false,
            false,
            ShardFormat.NPZ,
            4,
            false);
    s = encode(model, all, folder.resolve("all"), Long.MAX_VALUE);
    assertEquals(new EncodeSummary(IMAGES + 1, 2, 0, 4, 0), s);
    for (int i = 0; i < 20; i++) {
      Files.copy(pictures.resolve("n01/p07.v1.png"), pictures.resolve("stray" + i + ".png"));
    }
    String message =
        assertThrows(
                EqvaeException.Argument.class,
                () ->
                    encode(
                        model,
                        options(Content.MODE, ShardFormat.NPZ, false),
                        folder.resolve("refused"),
                        Long.MAX_VALUE))
            .getMessage();
    assertTrue(message.contains("21 of 33") && message.contains("--no-labels"), message);
  }

  /** Ours say that they are deviations, in every format. */
  @Test
  void momentsSayWhatTheyAre() throws IOException {
    Path model = TinyModels.kl(folder);
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(model, device)) {
      Image square =
          options(Content.MODE, ShardFormat.NPZ, false)
              .square()
              .of(Images.read(pictures.resolve("n01/p06.v1.png")), "");
      float[] expected = vae.moments(ImageBatch.ofImages(List.of(square))).std();
      for (ShardFormat format : ShardFormat.values()) {
        Path out = folder.resolve("out" + format);
        encode(model, options(Content.MOMENTS, format, false), out, Long.MAX_VALUE);
        List<float[]> first = new ArrayList<>();
        LatentFiles.open(out).visitMoments(2, Optional.empty(), (m, names) -> first.add(m.std()));
        for (int i = 0; i < expected.length; i++) {
          assertEquals(expected[i], first.getFirst()[i], 1e-5);
        }
      }
    }
  }
}
