package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.TarFile;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Latents are what the recipe wants, or the message says what to do. */
class LatentDataTest {
  @TempDir Path folder;
  private static final TinyLatents.Options DEFAULT = TinyLatents.Options.DEFAULT;

  private static TinyLatents.Options with(Content content, boolean labels, boolean flips) {
    return new TinyLatents.Options(
        DEFAULT.images(), content, labels, flips, DEFAULT.format(), DEFAULT.std());
  }

  private LatentData open(TinyLatents.Options options, String... settings) throws Exception {
    Path latents = TinyLatents.folder(folder.resolve("latents"), options);
    return new LatentData(
        GeneratorRecipe.parse(TinyLatents.recipe(latents, 10, 5), "tiny", List.of(settings)));
  }

  private void assertRefused(TinyLatents.Options options, String setting, String... parts) {
    EqvaeException.Argument e =
        assertThrows(EqvaeException.Argument.class, () -> open(options, setting));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "missing '" + part + "' in " + e.getMessage());
    }
  }

  @Test
  void whatDoesNotFitIsNamed() {
    assertRefused(DEFAULT, "model.side=8", "latents of 4×4×2", "8×8×2", "model.side=4");
    assertRefused(DEFAULT, "model.channels=4", "model.channels=2");
    assertRefused(DEFAULT, "model.classes=2", "labels go from 0 to 2", "model.classes=3");
    assertRefused(with(Content.MOMENTS, false, true), "run.keep=2", "no labels", "model.classes=0");
    assertRefused(
        with(Content.MODE, true, true), "run.keep=2", "--posterior", "data.posterior=mode");
    assertRefused(DEFAULT, "data.validation=60", "60 of 60");
    assertRefused(DEFAULT, "data.path=" + folder.resolve("gone"), "no index.json", "encode");
  }

  @Test
  void unfinishedFoldersAreRefused() throws Exception {
    open(DEFAULT).close();
    Path index = folder.resolve("latents/index.json");
    Files.writeString(
        index, Files.readString(index).replace("complete\" : true", "complete\" : false"));
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class,
            () ->
                new LatentData(
                    GeneratorRecipe.parse(
                        TinyLatents.recipe(folder.resolve("latents"), 10, 5), "tiny", List.of())));
    assertTrue(e.getMessage().contains("not finished"), e.getMessage());
  }

  /** Writes over a part of a shard, found by what stands in its header. */
  private void change(String pattern, byte[] bytes) throws Exception {
    Path shard = folder.resolve("latents/latents-00000.safetensors");
    byte[] all = Files.readAllBytes(shard);
    int header = ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN).getInt();
    Matcher found =
        Pattern.compile(pattern).matcher(new String(all, 8, header, StandardCharsets.ISO_8859_1));
    assertTrue(found.find(), "no " + pattern);
    int at = found.groupCount() == 0 ? 8 + found.start() : 8 + header + number(found.group(1));
    System.arraycopy(bytes, 0, all, at, bytes.length);
    Files.write(shard, all);
  }

  private static int number(String text) {
    return Integer.parseInt(text);
  }

  /** The file is mapped, and its end is gone: a clear error, not one of the virtual machine. */
  @Test
  void aShardThatIsCutWhileItIsUsedIsNamed() throws Exception {
    try (LatentData data = open(DEFAULT)) {
      Path shard = folder.resolve("latents/latents-00000.safetensors");
      try (FileChannel file = FileChannel.open(shard, StandardOpenOption.WRITE)) {
        file.truncate(0);
      }
      float[] moments = new float[2 * data.elements()];
      UncheckedIOException e =
          assertThrows(UncheckedIOException.class, () -> data.read(0, false, moments, 0));
      String message = e.getCause().getMessage();
      assertTrue(message.startsWith(shard + " can no longer be read"), message);
    }
  }

  @Test
  void latentsThatAreNotFiniteAreNamed() throws Exception {
    open(DEFAULT).close();
    change("\"moments\":.*?\"data_offsets\":\\[(\\d+),", new byte[] {0, 0, (byte) 0xc0, 0x7f});
    try (LatentData data = open()) {
      float[] moments = new float[2 * data.elements()];
      data.read(1, false, moments, 0);
      EqvaeException.Argument e =
          assertThrows(EqvaeException.Argument.class, () -> data.read(0, false, moments, 0));
      assertTrue(e.getMessage().contains("the latent of image-0 is not finite"), e.getMessage());
    }
  }

  /** Names that belong to none, or to the wrong ones, are not guessed at. */
  @Test
  void asManyNamesAsLatents() throws Exception {
    open(DEFAULT).close();
    // Two names become one: of the same length, so that the rest of the file stays.
    change("image-0.{5}image-1", "image-0  ,  image-1".getBytes(StandardCharsets.US_ASCII));
    IOException e = assertThrows(IOException.class, () -> open());
    assertTrue(e.getMessage().contains("names for"), e.getMessage());
  }

  private LatentData open() throws Exception {
    return new LatentData(
        GeneratorRecipe.parse(
            TinyLatents.recipe(folder.resolve("latents"), 10, 5), "tiny", List.of()));
  }

  @Test
  void scalingComesFromTheIndexOrTheStatistics() throws Exception {
    try (LatentData data = open(DEFAULT)) {
      assertEquals(LatentScaling.of(0.5, 0), data.appliedScaling());
      // Blobs of ±1 with a posterior of 0.1 and noise of 0.1.
      assertEquals(Math.sqrt(1.02), data.rms(), 0.02);
      assertEquals(List.of(), data.notes());
      assertEquals(List.of("left", "right", "top"), data.classes());
      assertEquals("0123abcd", data.weights().orElseThrow());
    }
    try (LatentData data = open(DEFAULT, "data.scaling=none")) {
      assertEquals(2 * Math.sqrt(1.02), data.rms(), 0.04);
      assertTrue(data.notes().getFirst().contains("RMS of 2.0"), data.notes()::toString);
    }
    for (String kind : List.of("factor", "shift", "channels")) {
      try (LatentData data = open(DEFAULT, "data.scaling=" + kind)) {
        assertEquals(1, data.rms(), 0.05, kind);
      }
    }
  }

  @Test
  void heldOutLatentsAreNotTrainedOn() throws Exception {
    try (LatentData data = open(DEFAULT)) {
      Set<Integer> held = new HashSet<>();
      Arrays.stream(data.heldOut()).forEach(held::add);
      assertEquals(8, held.size());
      assertEquals(52, data.trainingSize());
      Set<Integer> trained = new HashSet<>();
      Arrays.stream(data.order(0)).forEach(trained::add);
      assertEquals(52, trained.size());
      assertTrue(trained.stream().noneMatch(held::contains));
      assertTrue(data.heldOutNames().stream().allMatch(n -> n.startsWith("image-")));
      assertTrue(!Arrays.equals(data.order(0), data.order(1)));
    }
  }

  /** The same latents, labels and names from each format; mirrored ones are mirrored. */
  @Test
  void formatsHoldTheSame() throws Exception {
    List<float[]> read = new ArrayList<>();
    Set<String> told = new HashSet<>();
    for (ShardFormat format : ShardFormat.values()) {
      TinyLatents.Options options =
          new TinyLatents.Options(50, Content.MOMENTS, true, true, format, 2);
      try (LatentData data = open(options)) {
        float[] all = new float[50 * 4 * 4 * 4];
        for (int i = 0; i < 50; i++) {
          data.read(i, false, all, i * 64);
        }
        read.add(all);
        told.add(
            data.heldOutNames()
                + Arrays.toString(IntStream.range(0, 50).map(data::label).toArray()));
        float[] turned = new float[64];
        data.read(3, true, turned, 0);
        for (int y = 0; y < 4; y++) {
          for (int x = 0; x < 4; x++) {
            assertEquals(all[3 * 64 + (y * 4 + x) * 4], turned[(y * 4 + 3 - x) * 4]);
          }
        }
      }
    }
    assertArrayEquals(read.get(0), read.get(1));
    assertArrayEquals(read.get(0), read.get(2));
    assertEquals(1, told.size(), told::toString);
  }

  /** An archive that was changed. */
  @Test
  void tarsThatAreNotWholeAreRefused() throws Exception {
    TinyLatents.Options options =
        new TinyLatents.Options(20, Content.MOMENTS, true, true, ShardFormat.TAR, 2);
    Map<String, byte[]> members = new LinkedHashMap<>();
    open(options).close();
    Path file = folder.resolve("latents/latents-00000.tar");
    TarFile.visit(file, (name, size, in) -> members.put(name, in.readAllBytes()) == null);
    for (String lost : List.of("image-3.npy", "image-3.flip.npy", "image-3.cls")) {
      assertTrue(members.containsKey(lost), lost);
      TarFile.write(
          file,
          sink -> {
            for (Map.Entry<String, byte[]> e : members.entrySet()) {
              if (!e.getKey().equals(lost)) {
                sink.add(e.getKey(), e.getValue());
              }
            }
          });
      IOException e = assertThrows(IOException.class, () -> LatentFolder.open(file.getParent()));
      assertTrue(e.getMessage().contains("latents-00000.tar has"), e::getMessage);
    }
  }

  @Test
  void modesAreLearnedAsTheyAre() throws Exception {
    try (LatentData data = open(with(Content.MODE, true, false), "data.posterior=mode")) {
      assertTrue(data.notes().getFirst().contains("--hflip"), data.notes()::toString);
      assertEquals(1, data.rms(), 0.05);
      float[] out = new float[32];
      data.read(0, false, out, 0);
      assertEquals(1, Math.abs(out[0]), 0.5);
    }
  }
}
