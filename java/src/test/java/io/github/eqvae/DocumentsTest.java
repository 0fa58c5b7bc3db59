package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Links of the documents lead somewhere, and the map in docs/README.md has every page. */
class DocumentsTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root")).normalize();
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");

  private static List<Path> documents() throws IOException {
    List<Path> all = new ArrayList<>();
    for (String folder : List.of("docs", "bench", "findings")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
        all.addAll(files.filter(f -> f.toString().endsWith(".md")).toList());
      }
    }
    try (Stream<Path> files = Files.list(ROOT)) {
      all.addAll(files.filter(f -> f.toString().endsWith(".md")).toList());
    }
    return all.stream().sorted().toList();
  }

  /** A page's text without its code. */
  private static String prose(Path document) throws IOException {
    return Files.readString(document).replaceAll("(?s)```.*?```", "").replaceAll("`[^`\n]*`", "");
  }

  /** The names of a page's headings, as GitHub makes them. */
  private static Set<String> anchors(Path document) throws IOException {
    Set<String> out = new HashSet<>();
    String text = Files.readString(document).replaceAll("(?s)```.*?```", "");
    for (String line : text.lines().filter(l -> l.matches("#+ .*")).toList()) {
      String heading = line.replaceFirst("#+ ", "").toLowerCase(Locale.ROOT);
      out.add(heading.replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-'));
    }
    return out;
  }

  /**
   * Every function of the header is in docs/c-abi.md, or with its operation in
   * docs/reference/ops.md; {@code _fwd/bwd} stands for two.
   */
  @Test
  void theInterfaceIsListedWhole() throws IOException {
    String page =
        Files.readString(ROOT.resolve("docs/c-abi.md"))
            + Files.readString(ROOT.resolve("docs/reference/ops.md"));
    String header = Files.readString(ROOT.resolve("native/include/eqv.h"));
    Set<String> missing = new java.util.TreeSet<>();
    Matcher function = Pattern.compile("\\b(eqv_[a-z0-9_]+)\\(").matcher(header);
    int count = 0;
    while (function.find()) {
      String name = function.group(1);
      count++;
      if (!page.contains("`" + name + "`")
          && !page.contains(name.replaceAll("_(fwd|bwd)$", "_fwd/bwd"))) {
        missing.add(name);
      }
    }
    assertTrue(count > 50, "functions found: " + count);
    assertEquals(Set.of(), missing);
  }

  @Test
  void everyLinkLeadsSomewhere() throws IOException {
    List<String> wrong = new ArrayList<>();
    int count = 0;
    for (Path document : documents()) {
      Matcher link = LINK.matcher(prose(document));
      while (link.find()) {
        String target = link.group(1);
        if (target.matches("[a-z]+:.*")) {
          continue; // another site
        }
        count++;
        int hash = target.indexOf('#');
        String file = hash < 0 ? target : target.substring(0, hash);
        Path to =
            file.isEmpty() ? document : document.resolveSibling(file).toAbsolutePath().normalize();
        boolean found = Files.exists(to);
        if (found && hash >= 0 && to.toString().endsWith(".md")) {
          found = anchors(to).contains(target.substring(hash + 1));
        }
        if (!found) {
          wrong.add(ROOT.relativize(document) + ": " + target);
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(count > 300, "only " + count + " links were found");
  }

  /** The distribution has the documents and every file that they link to. */
  @Test
  void linksStayInsideTheDistribution() throws IOException {
    String assembly = Files.readString(ROOT.resolve("java/src/dist/assembly.xml"));
    List<Path> inside = new ArrayList<>();
    Matcher part =
        Pattern.compile("<(?:directory|source)>\\$\\{project\\.basedir}/\\.\\./([^<]+)<")
            .matcher(assembly);
    while (part.find()) {
      inside.add(ROOT.resolve(part.group(1)));
    }
    assertTrue(inside.size() > 5, inside.toString());
    List<String> outside = new ArrayList<>();
    for (Path document : documents()) {
      if (inside.stream().noneMatch(document::startsWith)) {
        continue;
      }
      Matcher link = LINK.matcher(prose(document));
      while (link.find()) {
        String target = link.group(1).replaceFirst("#.*", "");
        Path to = document.resolveSibling(target).normalize();
        boolean local = !target.isEmpty() && !target.matches("[a-z]+:.*");
        if (local && inside.stream().noneMatch(to::startsWith)) {
          outside.add(ROOT.relativize(document) + ": " + target);
        }
      }
    }
    assertEquals(List.of(), outside);
  }

  /** It is no dependency of the jar, so no generated list has it. */
  @Test
  void theNoticesNameTheVersionOfOneDnn() throws IOException {
    Matcher version =
        Pattern.compile("<dnnl.version>([^-<]+)")
            .matcher(Files.readString(ROOT.resolve("pom.xml")));
    assertTrue(version.find());
    String notices = Files.readString(ROOT.resolve("THIRD-PARTY-NOTICES.md"));
    assertTrue(notices.contains("| oneDNN " + version.group(1) + " ("), version.group(1));
  }

  @Test
  void theMapHasEveryPage() throws IOException {
    Path map = ROOT.resolve("docs/README.md");
    Set<Path> linked = new HashSet<>();
    Matcher link = LINK.matcher(prose(map));
    while (link.find()) {
      linked.add(map.resolveSibling(link.group(1)).normalize());
    }
    List<Path> missing =
        documents().stream()
            .filter(d -> d.startsWith(ROOT.resolve("docs")) && !d.equals(map))
            .filter(d -> !linked.contains(d))
            .toList();
    assertEquals(List.of(), missing);
  }
}
