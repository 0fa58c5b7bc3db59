package io.github.eqvae.jobs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.generator.checkpoint.GeneratorSamples;
import io.github.eqvae.io.HeardNotices;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.serve.Generator;
import io.github.eqvae.serve.GeneratorOptions;
import io.github.eqvae.serve.SamplingOptions;
import io.github.eqvae.serve.TinyModels;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.testing.TestRanks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders and files of samples, filled and resumed. */
class SampleJobTest {
  /** Two chunks and a part of one. */
  private static final int COUNT = 2 * SampleTarget.CHUNK + 5;

  @TempDir Path folder;
  private final Device device = Device.open("cpu", 2);
  private Path network;
  private Path autoencoder;

  /** Stops a job as a kill would, between two chunks. */
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  @BeforeEach
  void models() throws IOException {
    autoencoder = TinyModels.kl(folder);
    DitConfig config;
    try (Vae vae = Vae.load(autoencoder, device)) {
      config = GeneratorSamples.dit().forLatents(vae.latentChannels(), 4);
    }
    GeneratorMetadata metadata =
        new GeneratorMetadata(
            config, GeneratorProcess.SIT, Optional.empty(), List.of("ant", "bee", "cat"));
    network =
        GeneratorSamples.safetensors(
            folder.resolve("sit.safetensors"),
            GeneratorSamples.tensors(config, 3),
            metadata.toMap());
  }

  @AfterEach
  void close() {
    device.close();
  }

  /** Images that the last job found. */
  private long began;

  private int sample(Path out, int batch, long seed, boolean overwrite, long killAt)
      throws IOException {
    return sample(device, Communicator.alone(), out, batch, seed, overwrite, killAt);
  }

  private int sample(
      Device on, Communicator ranks, Path out, int batch, long seed, boolean overwrite, long killAt)
      throws IOException {
    try (Generator generator =
            Generator.load(network, on, GeneratorOptions.defaults().withBatch(batch));
        Vae vae =
            Vae.load(
                autoencoder, on, VaeOptions.defaults().withScaling(LatentScaling.of(0.5, 0.1)))) {
      SampleJob.Request request =
          new SampleJob.Request(
              network,
              autoencoder,
              out,
              COUNT,
              seed,
              SampleClasses.of("uniform", generator),
              overwrite);
      return new SampleJob(
              ImageMaker.of(generator, vae, SamplingOptions.defaults().withSteps(2)),
              vae,
              request,
              new SampleJob.Listener() {
                @Override
                public void begins(long images) {
                  began = images;
                }

                @Override
                public void sampled(long images) {
                  assertTrue(images > began, images + " of " + began + " that were there");
                  if (images >= killAt) {
                    throw new Killed();
                  }
                }
              })
          .sharedBy(ranks)
          .run(Optional.of(folder.resolve("grid.png")));
    }
  }

  /** Each rank makes its chunks, and the first one joins them. */
  @Test
  void anArchiveOfThreeRanksHasTheSameBits() throws Exception {
    Path whole = Files.createDirectory(folder.resolve("whole")).resolve("a.npz");
    sample(whole, 16, 1, false, Long.MAX_VALUE);
    Path out = Files.createDirectory(folder.resolve("ranks")).resolve("a.npz");
    TestRanks.run(
        3,
        ranks -> {
          try (Device own = Device.open("cpu", 2)) {
            return sample(own, ranks, out, 16, 1, false, Long.MAX_VALUE);
          }
        });
    assertArrayEquals(Files.readAllBytes(whole), Files.readAllBytes(out));
    assertEquals(contents(whole.getParent()).keySet(), contents(out.getParent()).keySet());
  }

  private static Map<String, byte[]> contents(Path folder) throws IOException {
    Map<String, byte[]> all = new LinkedHashMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path f : files.sorted().toList()) {
        all.put(f.getFileName().toString(), Files.readAllBytes(f));
      }
    }
    return all;
  }

  @Test
  void aKilledArchiveGoesOnAndHasTheSameBits() throws IOException {
    Path whole = Files.createDirectory(folder.resolve("whole")).resolve("a.npz");
    assertEquals(0, sample(whole, 16, 1, false, Long.MAX_VALUE));
    for (int kill : new int[] {SampleTarget.CHUNK, 2 * SampleTarget.CHUNK}) {
      Path out = Files.createDirectory(folder.resolve("killed" + kill)).resolve("a.npz");
      assertThrows(Killed.class, () -> sample(out, 7, 1, false, kill));
      assertFalse(Files.exists(out));
      assertEquals(kill, sample(out, 3, 1, false, Long.MAX_VALUE));
      assertEquals(kill, began, "what speed is counted from");
      assertArrayEquals(Files.readAllBytes(whole), Files.readAllBytes(out));
      assertEquals(contents(whole.getParent()).keySet(), contents(out.getParent()).keySet());
    }
    assertEquals(List.of("a.npz", "a.npz.json"), List.copyOf(contents(whole.getParent()).keySet()));
    Map<String, NpyArray> arrays = NpzFile.read(whole, List.of("arr_0", "arr_1"), 1 << 20);
    assertArrayEquals(new long[] {COUNT, 16, 16, 3}, arrays.get("arr_0").shape());
    assertArrayEquals(new long[] {COUNT}, arrays.get("arr_1").shape());
  }

  @Test
  void aFolderHasThePicturesOfTheArchive() throws IOException {
    Path archive = folder.resolve("a.npz");
    sample(archive, 16, 1, false, Long.MAX_VALUE);
    byte[] all = NpzFile.read(archive, List.of("arr_0"), 1 << 20).get("arr_0").data();
    Path out = folder.resolve("pictures");
    assertThrows(Killed.class, () -> sample(out, 16, 1, false, 1));
    Files.delete(out.resolve("000010.png")); // its chunk is made again
    assertEquals(0, sample(out, 16, 1, false, Long.MAX_VALUE));
    for (int i : new int[] {0, 10, SampleTarget.CHUNK, COUNT - 1}) {
      Image image = Images.read(out.resolve("%06d.png".formatted(i)));
      byte[] expected = new byte[768];
      System.arraycopy(all, i * 768, expected, 0, 768);
      assertArrayEquals(expected, image.data(), "picture " + i);
    }
    List<String> labels = Files.readAllLines(out.resolve("labels.csv"));
    assertEquals(COUNT + 1, labels.size());
    assertTrue(labels.get(1).matches("000000.png,[012],\"(ant|bee|cat)\""), labels.get(1));
    assertEquals(COUNT + 2, contents(out).size(), "pictures, labels and the record");
    assertEquals(COUNT, sample(out, 16, 1, false, Long.MAX_VALUE), "nothing is made again");
  }

  @Test
  void otherSamplesAreNotReplacedByMistake() throws IOException {
    Path out = folder.resolve("a.npz");
    sample(out, 16, 1, false, Long.MAX_VALUE);
    byte[] first = Files.readAllBytes(out);
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> sample(out, 16, 2, false, Long.MAX_VALUE));
    assertTrue(e.getMessage().contains("seed: there 1, now 2"), e.getMessage());
    assertArrayEquals(first, Files.readAllBytes(out));
    sample(out, 16, 2, true, Long.MAX_VALUE);
    assertFalse(Arrays.equals(first, Files.readAllBytes(out)));
    Path mine = Files.createDirectory(folder.resolve("mine"));
    Files.writeString(mine.resolve("000000.png"), "a picture of somebody else");
    e =
        assertThrows(
            EqvaeException.Argument.class, () -> sample(mine, 16, 1, false, Long.MAX_VALUE));
    assertTrue(
        e.getMessage().contains("there is no samples.json with its settings"), e.getMessage());
    assertTrue(Files.exists(mine.resolve("000000.png")));
  }

  /** Seen: samples lay among class folders, shards and checkpoints; labels.csv was replaced. */
  @Test
  void foldersOfOtherThingsGetNoSamples() throws IOException {
    for (String name : List.of("labels.csv", "0.jpg", "index.json", "cat/0.png")) {
      Path used = folder.resolve("used-" + name.charAt(0));
      Files.createDirectories(used.resolve(name).getParent());
      Files.writeString(used.resolve(name), "mine");
      EqvaeException e =
          assertThrows(
              EqvaeException.Argument.class, () -> sample(used, 2, 1, false, Long.MAX_VALUE));
      assertTrue(e.getMessage().contains("there is no samples.json"), e.getMessage());
      if (!name.equals("labels.csv")) {
        e =
            assertThrows(
                EqvaeException.Argument.class, () -> sample(used, 2, 1, true, Long.MAX_VALUE));
        assertTrue(e.getMessage().contains("did not write, such as "), e.getMessage());
      }
      assertEquals("mine", Files.readString(used.resolve(name)));
      try (Stream<Path> files = Files.list(used)) {
        assertEquals(1, files.count());
      }
    }
  }

  @Test
  void classesAreUniformBalancedOrListed() throws IOException {
    try (Generator g = Generator.load(network, device)) {
      int[] counts = new int[3];
      int all = 30_000;
      for (int i = 0; i < all; i++) {
        counts[SampleClasses.of("uniform", g).label(4, i)]++;
      }
      for (int count : counts) { // five standard deviations of a binomial
        assertEquals(all / 3.0, count, 5 * Math.sqrt(all * 2 / 9.0));
      }
      SampleClasses balanced = SampleClasses.of("balanced", g);
      assertEquals(
          List.of(0, 1, 2, 0), Stream.of(0, 1, 2, 3).map(i -> balanced.label(4, i)).toList());
      SampleClasses listed = SampleClasses.of("cat, 0", g);
      assertEquals(List.of(2, 0, 2), Stream.of(0, 1, 2).map(i -> listed.label(4, i)).toList());
      assertEquals(Generator.NO_LABEL, SampleClasses.of("none", g).label(4, 0));
      EqvaeException e =
          assertThrows(EqvaeException.Argument.class, () -> SampleClasses.of("dog", g));
      assertTrue(e.getMessage().contains("ant, bee, cat"), e.getMessage());
      assertThrows(EqvaeException.Argument.class, () -> SampleClasses.of("3", g));
    }
  }

  /** Seen: "10" of the folders 1, 10, 2 was the label 1, and nothing said so. */
  @Test
  void namesThatAreNumbersAreTold() {
    List<String> names = List.of("1", "10", "2");
    List<String> heard = HeardNotices.listen();
    assertEquals(1, SampleClasses.of("10", 3, names).label(0, 0));
    assertTrue(heard.size() == 1 && heard.getFirst().contains("whose label is 1"), heard::toString);
    heard = HeardNotices.listen();
    assertEquals(1, SampleClasses.of("1", 2, List.of("0", "1")).label(0, 0));
    assertEquals(2, SampleClasses.of("cat,2", 3, List.of("ant", "cat", "dog")).label(0, 1));
    assertEquals(List.of(), heard);
  }
}
