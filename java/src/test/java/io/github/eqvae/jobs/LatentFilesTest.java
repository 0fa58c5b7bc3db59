package io.github.eqvae.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.latents.MomentsKind;
import io.github.eqvae.serve.Codes;
import io.github.eqvae.serve.Latents;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Latents and moments that others wrote. */
class LatentFilesTest {
  @TempDir Path folder;

  /** One channel, 1×2: means 1, 2, and after them a, b. */
  private static float[] pair(float a, float b) {
    return new float[] {1, 2, a, b};
  }

  private Path npz(String name, float[] values, long... shape) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    NpyArray array = NpyArray.floats(values, shape);
    NpzFile.write(file, Map.of("moments", array, "moments_flip", array));
    return file;
  }

  private static List<String> moments(Path path, Optional<MomentsKind> kind) throws IOException {
    List<String> out = new ArrayList<>();
    LatentFiles.open(path)
        .visitMoments(
            1,
            kind,
            (m, names) -> {
              for (int i = 0; i < m.count(); i++) {
                out.add(
                    "%s %.1f %.3f %.3f"
                        .formatted(
                            names.isEmpty() ? "-" : names.get(i),
                            m.mean()[2 * i],
                            m.std()[2 * i],
                            m.std()[2 * i + 1]));
              }
            });
    return out;
  }

  /** MAR: a file per image in folders of classes, moments [2C, h, w] of mean and log variance. */
  @Test
  void cachesOfMarAreRecognised() throws IOException {
    npz("c/n01/a.npz", pair(-2, -30), 2, 1, 2);
    npz("c/n02/b.npz", pair(-4, 1), 2, 1, 2);
    assertEquals(
        List.of("n01/a 1.0 0.368 0.000", "n02/b 1.0 0.135 1.649"),
        moments(folder.resolve("c"), Optional.empty()));
    List<String> names = new ArrayList<>();
    LatentFiles.open(folder.resolve("c"))
        .visit(
            1,
            false,
            new LatentFiles.Visitor() {
              @Override
              public void latents(Latents latents, List<String> images) {
                names.addAll(images);
                assertEquals(2, latents.values().length);
                assertEquals(2f, latents.values()[1]);
              }

              @Override
              public void codes(Codes codes, List<String> images) {
                throw new AssertionError();
              }
            });
    assertEquals(List.of("n01/a", "n02/b"), names);
  }

  /** An index is checked against itself and its shards: images would be lost, or there twice. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "4 | a:2 b:2 | ",
        "4 | a:2 b:2 c:0 | ",
        "4 | a:2 | its shards have 2 images, but its own count is 4",
        "6 | a:2 b:2 a:2 | a.npz is listed twice",
        "5 | a:2 b:3 | b.npz has 2 images, but index.json says 3",
        "4 | a:2 b:-2 | a shard has -2 images",
        "2 | a:2 | a.npz has arrays of shape [2, 1, 2], but index.json says [2, 1, 1]",
        "4 | a:2 /b:2 | is not the name of a shard",
      })
  void anIndexThatWasChangedIsRefused(String images, String shards, String message)
      throws IOException {
    Path file = npz("l/a.npz", new float[] {1, 2, 0.5f, 1, 3, 4, 0.5f, 1}, 2, 2, 1, 2);
    Files.copy(file, file.resolveSibling("b.npz"));
    String list =
        Arrays.stream(shards.split(" "))
            .map(s -> s.split(":"))
            .map(s -> "{\"file\": \"%s.npz\", \"images\": %s}".formatted(s[0], s[1]))
            .collect(Collectors.joining(", "));
    Files.writeString(
        file.resolveSibling("index.json"),
        """
        {"format": "eqvae-latents", "version": 2, "complete": true,
         "content": "moments", "shape": [2, 1, %s], "images": %s, "shards": [%s]}
        """
            .formatted(message != null && message.contains("shape") ? 1 : 2, images, list));
    Path l = file.getParent();
    if (message == null) {
      assertEquals(4, moments(l, Optional.of(MomentsKind.STD)).size());
    } else {
      String said =
          assertThrows(IOException.class, () -> moments(l, Optional.of(MomentsKind.STD)))
              .getMessage();
      assertTrue(said.contains(message), said);
    }
  }

  @Test
  void whatNothingSaysIsAsked() throws IOException {
    Path file = npz("a.npz", pair(0.5f, 1), 1, 2, 1, 2);
    String message =
        assertThrows(IOException.class, () -> moments(file, Optional.empty())).getMessage();
    assertTrue(message.contains("pass the kind"), message);
    assertEquals(List.of("- 1.0 0.500 1.000"), moments(file, Optional.of(MomentsKind.STD)));
    assertEquals(
        List.of("- 1.0 1.284 1.649"), moments(file, Optional.of(MomentsKind.LOG_VARIANCE)));
  }

  @Test
  void whatAFileSaysIsKept() throws IOException {
    Path file = folder.resolve("a.safetensors");
    for (MomentsKind kind : MomentsKind.values()) {
      SafetensorsWriter.write(
          file,
          List.of(SafetensorsWriter.Entry.floats("moments", pair(0.5f, 1), 1, 2, 1, 2)),
          Map.of("moments_kind", kind.text()));
      assertEquals(
          List.of(kind == MomentsKind.STD ? "- 1.0 0.500 1.000" : "- 1.0 1.284 1.649"),
          moments(file, Optional.empty()));
      MomentsKind other = kind == MomentsKind.STD ? MomentsKind.LOG_VARIANCE : MomentsKind.STD;
      assertThrows(IOException.class, () -> moments(file, Optional.of(other)));
    }
    Path negative = npz("b.npz", pair(-1, 1), 1, 2, 1, 2);
    assertThrows(IOException.class, () -> moments(negative, Optional.of(MomentsKind.STD)));
  }

  /** Codes are kept in as few bits as they need: every type of integer is read. */
  @ParameterizedTest
  @CsvSource({
    "|i1, I8, 1",
    "|u1, U8, 1",
    "<i2, I16, 2",
    "<u2, U16, 2",
    "<i4, I32, 4",
    "<u4, U32, 4",
    "<i8, I64, 8"
  })
  void codesOfEveryIntegerTypeAreRead(String descr, String dtype, int width) throws IOException {
    byte[] data = new byte[6 * width];
    for (int i = 0; i < 6; i++) {
      data[i * width] = (byte) (7 + i);
    }
    long[] shape = {1, 2, 3};
    Path npz = folder.resolve("codes.npz");
    NpzFile.write(npz, Map.of("codes", new NpyArray(descr, shape, data)));
    assertEquals(List.of(7, 8, 9, 10, 11, 12), codes(npz));
    Path tensors = folder.resolve("codes.safetensors");
    MemorySegment bytes = MemorySegment.ofBuffer(ByteBuffer.wrap(data));
    SafetensorsWriter.write(
        tensors, List.of(new SafetensorsWriter.Entry("codes", dtype, shape, bytes)), Map.of());
    assertEquals(List.of(7, 8, 9, 10, 11, 12), codes(tensors));
  }

  private static List<Integer> codes(Path file) throws IOException {
    List<Integer> read = new ArrayList<>();
    LatentFiles.open(file)
        .visit(
            1,
            false,
            new LatentFiles.Visitor() {
              @Override
              public void latents(Latents latents, List<String> images) {
                throw new AssertionError();
              }

              @Override
              public void codes(Codes codes, List<String> images) {
                Arrays.stream(codes.indices()).forEach(read::add);
              }
            });
    return read;
  }
}
