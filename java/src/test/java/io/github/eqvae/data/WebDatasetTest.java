package io.github.eqvae.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.HeardNotices;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pictures and labels of WebDataset's archives: none is lost without a word. */
class WebDatasetTest {
  private static final byte[] PICTURE =
      Images.png(new Image(2, 2, 3, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));

  @TempDir Path folder;
  private final Map<String, String> named = new TreeMap<>();

  /** Pictures are PNG whatever the name; what follows {@code =} is the content. */
  private Path tar(String file, boolean gzip, String... members) throws IOException {
    Path path = folder.resolve(file);
    Files.createDirectories(path.getParent());
    OutputStream raw = new BufferedOutputStream(Files.newOutputStream(path));
    try (TarArchiveOutputStream tar =
        new TarArchiveOutputStream(gzip ? new GZIPOutputStream(raw) : raw, "UTF-8")) {
      tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
      for (String member : members) {
        if (member.contains("->")) {
          TarArchiveEntry link =
              new TarArchiveEntry(member.substring(0, member.indexOf("->")), TarConstants.LF_LINK);
          link.setLinkName(member.substring(member.indexOf("->") + 2));
          tar.putArchiveEntry(link);
          tar.closeArchiveEntry();
          continue;
        }
        int equals = member.indexOf('=');
        byte[] content =
            equals < 0 ? PICTURE : member.substring(equals + 1).getBytes(StandardCharsets.UTF_8);
        TarArchiveEntry entry =
            new TarArchiveEntry(equals < 0 ? member : member.substring(0, equals));
        entry.setSize(content.length);
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
      }
    }
    return path;
  }

  /** A training reads them in its own order, with the names that a pass gives them. */
  @Test
  void picturesAreReadInAnyOrder() throws IOException {
    tar("set/a.tar", false, "x/0.cls=1", "x/0.png", "x/1.png", "x/1.b.png", "x/1.cls=0");
    tar("set/b.tar", false, "l".repeat(120) + ".png", "y.txt=" + "t".repeat(600), "x/0.png");
    Path set = folder.resolve("set");
    SampleSource source = SampleSource.open(set, DecodeOptions.DEFAULT, named::put);
    List<String> names = new ArrayList<>();
    source.visit(0, sample -> names.add(sample.name()));
    ImageDataset any = source.dataset();
    assertEquals(names, IntStream.range(0, any.size()).mapToObj(any::name).toList());
    for (int i : new int[] {3, 0, 2}) {
      assertEquals(12, any.load(i).data()[11]);
    }
    IOException two = assertThrows(IOException.class, () -> any.load(1));
    assertTrue(two.getMessage().contains("two pictures"), two.getMessage());
    tar("set/c.tar", true, "z.png");
    SampleSource packed = SampleSource.open(set, DecodeOptions.DEFAULT, named::put);
    EqvaeException e = assertThrows(EqvaeException.Argument.class, packed::dataset);
    assertTrue(e.getMessage().contains("c.tar is compressed"), e.getMessage());
  }

  /** Name and label of each sample; what cannot be decoded has its cause in place of the label. */
  private List<String> samples(Path path) throws IOException {
    SampleSource source = SampleSource.open(path, DecodeOptions.DEFAULT, named::put);
    List<String> out = new ArrayList<>();
    source.visit(
        0,
        sample -> {
          assertEquals(out.size(), sample.number());
          String text = sample.label().isPresent() ? "" + sample.label().getAsInt() : "-";
          try {
            assertEquals(12, sample.picture().decode().data()[11]);
          } catch (IOException e) {
            text = e.getMessage().substring(e.getMessage().indexOf(": ") + 2);
          }
          out.add(sample.name() + " " + text);
        });
    assertEquals(source.size(), out.size());
    return out;
  }

  @Test
  void labelsNeedNotStandBesideTheirPictures() throws IOException {
    Path tar = tar("a.tar", false, "x.jpg", "y.jpg", "x.cls=3", "y.cls=4");
    assertEquals(List.of("x.jpg 3", "y.jpg 4"), samples(tar));
    assertEquals(List.of("x.jpg 3"), samples(tar("b.tar", false, "x.cls=3", "x.jpg")));
    assertEquals(Map.of(), named);
  }

  /** Seen: called a broken image. A label whose picture is missing is another thing. */
  @Test
  void textsBesideSamplesAreNoPictures() throws IOException {
    Path tar =
        tar("a.tar", false, "README.md=hello", "x.jpg", "x.cls=3", "meta.json={}", "lost.cls=1");
    assertEquals(List.of("x.jpg 3"), samples(tar));
    assertTrue(ImageFolder.isArchive(named.get("a.tar/README.md")), named.toString());
    assertTrue(ImageFolder.isArchive(named.get("a.tar/meta.json")), named.toString());
    assertFalse(ImageFolder.isArchive(named.get("a.tar/lost.cls")), named.toString());
    SampleSource bare =
        SampleSource.open(
            tar("b.tar", false, "x.jpg", "x.json={}"), DecodeOptions.DEFAULT, named::put);
    assertFalse(bare.isLabelled());
    assertTrue(bare.unlabelledReason().contains(".json"), bare.unlabelledReason());
  }

  /** Seen: labels of archives without .cls were named in a message, and lost. */
  @Test
  void labelsInJsonCountWhereThereIsNoCls() throws IOException {
    Path tar =
        tar(
            "a.tar",
            false,
            "0.json={\"label\": 7, \"size\": [1, {\"label\": 8}]}",
            "0.jpg",
            "1.jpg",
            "1.json={\"caption\": \"a dog\", \"cls\": \"3\", \"label\": 9}",
            "2.jpg",
            "2.cls=5",
            "2.json={\"label\": 6}",
            "3.jpg",
            "3.JSON={\"class_id\": 0}");
    assertEquals(List.of("0.jpg 7", "1.jpg 3", "2.jpg 5", "3.jpg 0"), samples(tar));
    assertEquals(Map.of(), named);
    Path none =
        tar(
            "b.tar",
            false,
            "0.jpg",
            "0.json={\"label\": \"dog\", \"class\": true}",
            "1.jpg",
            "1.json={\"label\": 3",
            "2.jpg",
            "2.json=[{\"label\": 3}]",
            "3.jpg",
            "3.json={\"label\": 3.5, \"class\": -1, \"cls\": null}");
    assertEquals(List.of("0.jpg -", "1.jpg -", "2.jpg -", "3.jpg -"), samples(none));
  }

  /** Key up to the first dot of the last part, folder kept; the last ending tells what it is. */
  @Test
  void keysAreThoseOfWebDataset() throws IOException {
    Path tar =
        tar(
            "a.tar",
            false,
            "v1.0/x.v2.JPG",
            "v1.0/x.CLS=1",
            "x.png",
            "x.cls=2",
            "x.json={}",
            "./y.seg.png",
            "./y.cls=3\n",
            "日本 #1.WebP",
            "日本 #1.cls=4",
            ".hidden.png",
            "a/._y.png",
            "__meta__/m.json=1");
    assertEquals(
        List.of("v1.0/x.v2.JPG 1", "x.png 2", "./y.seg.png 3", "日本 #1.WebP 4"), samples(tar));
    assertEquals(Map.of(), named);
  }

  @Test
  void oneMissingLabelCostsOneLabel() throws IOException {
    Path tar = tar("a.tar", false, "0.jpg", "0.cls=5", "1.jpg", "2.jpg", "2.cls=7");
    assertEquals(List.of("0.jpg 5", "1.jpg -", "2.jpg 7"), samples(tar));
    SampleSource source = SampleSource.open(tar, DecodeOptions.DEFAULT, named::put);
    assertTrue(source.isLabelled());
    assertEquals(1, source.unlabelled());
    assertFalse(
        SampleSource.open(tar("b.tar", false, "0.jpg"), DecodeOptions.DEFAULT, named::put)
            .isLabelled());
  }

  @Test
  void samplesThatAreNotWholeAreNamed() throws IOException {
    Path tar =
        tar(
            "a.tar",
            false,
            "two.jpg",
            "two.png",
            "again.jpg",
            "z.jpg",
            "again.jpg",
            "text.jpg",
            "text.cls=dog",
            "labels.jpg",
            "labels.cls=1",
            "labels.b.cls=2",
            "linked.jpg->z.jpg",
            "orphan.cls=1",
            "note.txt=hello",
            "gif.gif=GIF89a",
            "z.txt=a caption");
    assertEquals(
        List.of(
            "two.jpg the sample has two pictures, this one and two.png",
            "again.jpg the sample has two pictures, this one and again.jpg",
            "z.jpg -",
            "text.jpg its label text.cls is not the number of a class: 'dog'",
            "labels.jpg it has two labels",
            "gif.gif is a GIF, which is not read: convert it to PNG"),
        samples(tar));
    assertEquals(
        List.of("a.tar/linked.jpg", "a.tar/note.txt", "a.tar/orphan.cls"),
        List.copyOf(named.keySet()));
  }

  /** As the webdataset library reads them: with int() of Python. */
  @Test
  void labelsAreReadAsPythonDoes() throws IOException {
    assertEquals(
        List.of(
            "a.jpg 1",
            "b.jpg 2",
            "c.jpg 3",
            "d.jpg 10",
            "e.jpg 0",
            "f.jpg 7",
            "g.jpg 3",
            "h.jpg 12"),
        samples(
            tar(
                "a.tar",
                false,
                "a.jpg",
                "a.cls=+1",
                "b.jpg",
                "b.cls= \t2 \r\n",
                "c.jpg",
                "c.cls=" + "0".repeat(40) + "3",
                "d.jpg",
                "d.cls=1_0",
                "e.jpg",
                "e.cls=-0",
                "f.jpg",
                "f.cls=" + "\n".repeat(100) + "7",
                "g.jpg",
                "g.cls=٣",
                "h.jpg",
                "h.cls=１2")));
    for (String none :
        List.of("1_", "+ 1", "-1", "1 2", "1e1", "4".repeat(5000), "7" + " ".repeat(5000))) {
      List<String> read = samples(tar("b.tar", false, "x.jpg", "x.cls=" + none));
      assertTrue(read.getFirst().contains("x.cls is not the number of a class"), read.toString());
      assertTrue(read.getFirst().length() < 200, read.toString());
    }
  }

  @Test
  void pictureByContentWhateverItsEnding() throws IOException {
    assertEquals(List.of("x.img -", "y -"), samples(tar("a.tar", false, "x.img", "y")));
  }

  @Test
  void packedArchivesAreTakenByContent() throws IOException {
    tar("d/a.tar", true, "a.jpg");
    tar("d/b.tar.gz", true, "b.jpg");
    tar("d/sub/c.TGZ", true, "c.jpg");
    tar("d/e.tgz", false, "e.jpg");
    assertEquals(List.of("a.jpg -", "b.jpg -", "e.jpg -", "c.jpg -"), samples(folder.resolve("d")));
    assertEquals(List.of("c.jpg -"), samples(folder.resolve("d/sub/c.TGZ")));
  }

  @Test
  void archivesBesidePicturesDoNotHideThem() throws IOException {
    tar("d/backup.tar", false, "a.jpg");
    Files.write(folder.resolve("d/x.png"), PICTURE);
    assertEquals(List.of("x.png -"), samples(folder.resolve("d")));
    assertTrue(named.get("backup.tar").contains("is not read; to read it"), named.toString());
  }

  /** What lies beside archives is named as what lies beside pictures. */
  @Test
  void archivesOfOtherKindsAreNamed() throws IOException {
    tar("d/a.tar", false, "a.jpg");
    Path d = folder.resolve("d");
    byte[] xz = {(byte) 0xfd, '7', 'z', 'X', 'Z', 0, 0, 4};
    Files.write(d.resolve("b.tar.xz"), xz);
    Files.write(d.resolve("c.tar.bz2"), "BZh91AY".getBytes(StandardCharsets.US_ASCII));
    Files.write(d.resolve("d.zip"), new byte[] {'P', 'K', 3, 4, 20, 0});
    Files.writeString(d.resolve("e.gif"), "GIF89a, and more of it");
    Files.writeString(d.resolve("list.txt"), "a text");
    assertEquals(List.of("a.jpg -"), samples(d));
    assertEquals("[b.tar.xz, c.tar.bz2, d.zip, e.gif]", named.keySet().toString());
    assertTrue(named.get("b.tar.xz").startsWith("is packed by xz, which is not"), named.toString());
    assertTrue(named.get("d.zip").startsWith("is a zip archive"), named.toString());
    assertTrue(SkippedFiles.line("d.zip", named.get("d.zip")).startsWith("not read: d.zip"));
    Path one = d.resolve("b.tar.xz");
    String message = assertThrows(IOException.class, () -> samples(one)).getMessage();
    assertEquals(one + " " + named.get("b.tar.xz"), message);
  }

  @Test
  void whatAnArchiveIsPackedByIsSaidWhateverItsName() throws IOException {
    byte[] xz = {(byte) 0xfd, '7', 'z', 'X', 'Z', 0, 0, 4};
    for (String name : List.of("a.tar", "b.tgz", "c/d.tar")) {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      Files.write(file, xz);
      Path opened = name.startsWith("c") ? file.getParent() : file;
      String message = assertThrows(EqvaeException.class, () -> samples(opened)).getMessage();
      assertTrue(message.contains(file + " is packed by xz, which is not"), message);
    }
  }

  @Test
  void archivesThatWereJoinedAreRefused() throws IOException {
    for (boolean gzip : new boolean[] {false, true}) {
      byte[] first = Files.readAllBytes(tar("a.tar", gzip, "a.jpg", "b.jpg"));
      byte[] second = Files.readAllBytes(tar("b.tar", gzip, "c.jpg"));
      Path joined = folder.resolve("joined.tar");
      Files.write(joined, first);
      Files.write(joined, second, StandardOpenOption.APPEND);
      String message = assertThrows(EqvaeException.class, () -> samples(joined)).getMessage();
      assertTrue(message.contains("another tar archive after its end"), message);
      // Zeros after the end are what fills up blocks of any size.
      Files.write(joined, first);
      Files.write(joined, new byte[gzip ? 0 : 5120], StandardOpenOption.APPEND);
      assertEquals(List.of("a.jpg -", "b.jpg -"), samples(joined));
    }
    byte[] whole = Files.readAllBytes(tar("one.tar", false, "a.jpg"));
    int used = 512 + 512 + 1024; // header, picture, end
    Path close = folder.resolve("close.tar");
    Files.write(close, java.util.Arrays.copyOf(whole, used));
    Files.write(close, whole, StandardOpenOption.APPEND);
    assertThrows(EqvaeException.class, () -> samples(close));
  }

  /** A download that brought nothing is no archive; one with nothing in it is named. */
  @Test
  void emptyArchivesAreNoticed() throws IOException {
    tar("d/a.tar", false, "a.jpg");
    tar("d/b.tar", false);
    assertEquals(List.of("a.jpg -"), samples(folder.resolve("d")));
    assertEquals(Map.of("b.tar", "has no sample that WebDataset would find"), named);
    Path empty = Files.createFile(folder.resolve("d/c.tar"));
    Exception e = assertThrows(EqvaeException.Argument.class, () -> samples(folder.resolve("d")));
    assertEquals(empty + " is empty (0 bytes): copy or download it again", e.getMessage());
  }

  /** Such names could be encoded, but not written as files again. */
  @Test
  void namesThatLeadOutOfTheFolderAreNamed() throws IOException {
    Path tar = tar("a.tar", false, "../up.jpg", "b/../../c.jpg", "./d.jpg", "e//f.jpg");
    String why = "its name leads out of the archive's folder; rename it and pack the archive again";
    assertEquals(
        List.of("../up.jpg " + why, "b/../../c.jpg " + why, "./d.jpg -", "e//f.jpg -"),
        samples(tar));
  }

  @Test
  void labelsThatAreNoNumbersAreSaid() throws IOException {
    Path tar = tar("a.tar", false, "a.jpg", "a.cls=cat", "b.jpg", "b.cls=-1", "c.jpg", "c.cls=4");
    SampleSource source = SampleSource.open(tar, DecodeOptions.DEFAULT, named::put);
    assertEquals(
        "its label a.cls is not the number of a class: 'cat'", source.labelProblem().orElseThrow());
  }

  @Test
  void aNameThatIsNoUtf8KeepsItsBytes() throws IOException {
    Path tar = tar("a.tar", false, "cafX.png", "b.png", "what?.png");
    byte[] bytes = Files.readAllBytes(tar);
    bytes[3] = (byte) 0xe9;
    int sum = 'X' - 0xe9; // the header's sum of bytes, octal
    String old = new String(bytes, 148, 6, StandardCharsets.US_ASCII).strip();
    String changed = "%06o".formatted(Integer.parseInt(old.replace("\0", ""), 8) - sum);
    System.arraycopy(changed.getBytes(StandardCharsets.US_ASCII), 0, bytes, 148, 6);
    Files.write(tar, bytes);
    assertEquals(List.of("caf\udce9.png -", "b.png -", "what?.png -"), samples(tar));
  }

  @Test
  void archivesCutShortEndTheRun() throws IOException {
    for (boolean gzip : new boolean[] {false, true}) {
      Path tar = tar("a.tar", gzip, "a.jpg", "b.jpg", "c.jpg");
      byte[] all = Files.readAllBytes(tar);
      Files.write(tar, java.util.Arrays.copyOf(all, gzip ? all.length / 2 : 700));
      String message = assertThrows(IOException.class, () -> samples(tar)).getMessage();
      assertTrue(message.contains("not a complete tar archive"), message);
    }
  }

  /** Half a header is no end of an archive: the files after it are lost. */
  @Test
  void archivesCutShortWithinAHeaderEndTheRun() throws IOException {
    int second = 512 + (PICTURE.length + 511) / 512 * 512;
    for (int length : new int[] {300, second + 200}) {
      for (boolean gzip : new boolean[] {false, true}) {
        Path tar = tar("a.tar", false, "a.jpg", "b.jpg", "c.jpg");
        byte[] cut = java.util.Arrays.copyOf(Files.readAllBytes(tar), length);
        try (OutputStream file = Files.newOutputStream(tar);
            OutputStream out = gzip ? new GZIPOutputStream(file) : file) {
          out.write(cut);
        }
        String message = assertThrows(IOException.class, () -> samples(tar)).getMessage();
        assertTrue(message.contains("not a complete tar archive: it ends within"), message);
      }
    }
  }

  /** GNU tar and webdataset read it as whole, and it may be; but perhaps it was cut. */
  @Test
  void archivesWithoutAnEndAreNamed() throws IOException {
    List<String> said = HeardNotices.listen();
    int each = 512 + (PICTURE.length + 511) / 512 * 512;
    for (boolean gzip : new boolean[] {false, true}) {
      Path tar = tar(gzip ? "b.tar" : "a.tar", false, "a.jpg", "b.jpg", "c.jpg");
      byte[] all = Files.readAllBytes(tar);
      assertEquals(3, samples(tar).size());
      assertEquals(List.of(), said);
      try (OutputStream file = Files.newOutputStream(tar);
          OutputStream out = gzip ? new GZIPOutputStream(file) : file) {
        out.write(java.util.Arrays.copyOf(all, 2 * each));
      }
      assertEquals(List.of("a.jpg -", "b.jpg -"), samples(tar));
      assertEquals(1, said.size(), said.toString());
      assertTrue(said.getFirst().contains(tar + " has no end-of-archive blocks"), said.toString());
      assertTrue(said.getFirst().contains("stops after b.jpg"), said.toString());
      said.clear();
      // One block of zeros is an end.
      Files.write(tar, java.util.Arrays.copyOf(all, 3 * each + 512));
      assertEquals(3, samples(tar).size());
      assertEquals(List.of(), said);
    }
  }

  /** macOS puts its notes beside the pictures, and they are called like pictures. */
  @Test
  void hiddenFilesAreCounted() throws IOException {
    List<String> said = HeardNotices.listen();
    Path tar = tar("m.tar", false, "./._x.jpg=note", "./x.jpg", "__MACOSX/._x.jpg=note", ".rc=1");
    assertEquals(List.of("./x.jpg -"), samples(tar));
    assertEquals(1, said.size(), said.toString());
    assertTrue(said.getFirst().contains("2 pictures (./._x.jpg …)"), said.toString());
    assertTrue(said.getFirst().contains(tar.toString()), said.toString());
    assertEquals(Map.of(), named);
    said.clear();
    Path pictures = Files.createDirectories(folder.resolve("pictures"));
    Files.createDirectories(pictures.resolve(".cache"));
    for (String name : List.of("x.png", "._x.png", ".cache/y.png", ".DS_Store")) {
      Files.write(pictures.resolve(name), PICTURE);
    }
    assertEquals(List.of("x.png -"), samples(pictures));
    assertEquals(1, said.size(), said.toString());
    assertTrue(said.getFirst().contains("1 picture (._x.png) and 1 folder (.cache)"), said + "");
    // Whoever names it wants it.
    assertEquals(List.of("._x.png -"), samples(pictures.resolve("._x.png")));
  }

  @Test
  void whatLiesInThePlaceOfAnArchiveIsNamed() throws IOException {
    Map<String, String> files =
        Map.of(
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "git lfs pull",
            "<html><body>" + "Please log in. ".repeat(99),
            "a web page",
            "{\"error\": \"Repository not found\"}",
            "Repository not found");
    for (Map.Entry<String, String> e : files.entrySet()) {
      Path tar = Files.writeString(folder.resolve("a.tar"), e.getKey());
      String message = assertThrows(EqvaeException.class, () -> samples(tar)).getMessage();
      assertTrue(message.contains("a.tar is no tar archive: it is "), message);
      assertTrue(message.contains(e.getValue()), message);
    }
  }

  @Test
  void archivesWithoutPicturesAreRefused() throws IOException {
    Path tar = tar("a.tar", false, "a.txt=x");
    assertThrows(IOException.class, () -> samples(tar));
  }
}
