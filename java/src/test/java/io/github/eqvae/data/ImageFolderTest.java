package io.github.eqvae.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders of pictures as they are in the wild: labels and names. */
class ImageFolderTest {
  private static final byte[] PICTURE = Images.png(new Image(1, 1, 3, new byte[] {1, 2, 3}));

  @TempDir Path folder;
  private final Map<String, String> named = new TreeMap<>();

  private void put(String... names) throws IOException {
    for (String name : names) {
      Path file = FileNames.resolve(folder, name);
      Files.createDirectories(file.getParent());
      Files.write(file, PICTURE);
    }
  }

  private ImageFolder open() throws IOException {
    return ImageFolder.open(folder, DecodeOptions.DEFAULT, named::put);
  }

  private static List<String> names(ImageFolder pictures) {
    return IntStream.range(0, pictures.size()).mapToObj(pictures::name).toList();
  }

  @Test
  void aStrayPictureCostsNoLabels() throws IOException {
    put("ant/1.png", "bee/2.png", "stray.png");
    ImageFolder pictures = open();
    assertEquals(List.of("ant", "bee"), pictures.classes());
    assertEquals(OptionalInt.of(0), pictures.label(0));
    assertEquals(OptionalInt.of(1), pictures.label(1));
    assertEquals(OptionalInt.empty(), pictures.label(2));
  }

  /** torchvision's find_classes lists folders, not pictures. */
  @Test
  void anEmptyClassKeepsItsNumber() throws IOException {
    put("ant/1.png", "cat/deep/2.png");
    Files.createDirectories(folder.resolve("aaa"));
    Files.createDirectories(folder.resolve("bee"));
    Files.writeString(folder.resolve("bee/x.gif"), "GIF89a.............");
    Files.createDirectories(folder.resolve(".git"));
    ImageFolder pictures = open();
    assertEquals(List.of("aaa", "ant", "bee", "cat"), pictures.classes());
    assertEquals(OptionalInt.of(1), pictures.label(0));
    assertEquals(OptionalInt.of(3), pictures.label(1));
    assertEquals(List.of("bee/x.gif"), List.copyOf(named.keySet()));
  }

  /** Python's order of texts is by code point; that of Java by halves of them. */
  @Test
  void classesAreNumberedAsPythonSorts() throws IOException {
    put("\ud83d\ude00/1.png", "\uff21/2.png", "z/3.png");
    assertEquals(List.of("z", "\uff21", "\ud83d\ude00"), open().classes());
  }

  @Test
  void withoutFoldersThereAreNoClasses() throws IOException {
    put("1.png", "2.png");
    Files.createDirectories(folder.resolve("empty"));
    ImageFolder pictures = open();
    assertEquals(List.of(), pictures.classes());
    assertEquals(OptionalInt.empty(), pictures.label(0));
  }

  @Test
  void anyNameIsListedAndDecoded() throws IOException {
    List<String> all =
        List.of(
            "50% #1: a.png",
            "a\nb.png", "caf\udce9.png", "caf\udce9/x.png", "straße.png", "日本.png");
    put(all.toArray(String[]::new));
    ImageFolder pictures = open();
    assertEquals(all.stream().sorted().toList(), names(pictures).stream().sorted().toList());
    for (int i = 0; i < pictures.size(); i++) {
      assertEquals(1, pictures.load(i).width());
    }
    assertEquals(List.of("caf\udce9"), pictures.classes());
    assertEquals(Map.of(), named);
  }

  @Test
  void linksToNothingAreNamed() throws IOException {
    put("1.png");
    Files.createSymbolicLink(folder.resolve("gone.png"), Path.of("missing.png"));
    Files.createSymbolicLink(folder.resolve("loop"), folder);
    assertEquals(1, open().size());
    assertTrue(named.containsKey("gone.png"), named.toString());
    assertEquals("is a link to a folder that it lies in", named.get("loop"));
  }

  /** Thousands of pictures may be in a shard, and a class in a folder. */
  @Test
  void shardsAndFoldersThatAreLinksToNothingAreNamed() throws Exception {
    put("1.png");
    for (String name : List.of("shard.tar", "shard.TGZ", "n01", "note.txt")) {
      Files.createSymbolicLink(folder.resolve(name), Path.of("missing"));
    }
    Path pipe = folder.resolve("pipe.png");
    boolean hasPipe = new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0;
    assertEquals(1, open().size());
    Set<String> expected = new TreeSet<>(Set.of("shard.tar", "shard.TGZ", "n01"));
    if (hasPipe) {
      expected.add("pipe.png");
    }
    assertEquals(expected, new TreeSet<>(named.keySet()));
  }

  /** Nothing to wait for. */
  @Test
  void aMissingFolderIsSaidAtOnce() {
    Path missing = folder.resolve("missing");
    long before = waits();
    String message = assertThrows(IOException.class, () -> ImageFolder.open(missing)).getMessage();
    assertEquals(before, waits(), "it waited for the folder to come back");
    assertEquals("There is no folder or picture " + missing, message);
  }

  /** How often this thread slept or waited so far; a busy machine does not change it. */
  private static long waits() {
    long id = Thread.currentThread().threadId();
    return ManagementFactory.getThreadMXBean().getThreadInfo(id).getWaitedCount();
  }
}
