package io.github.eqvae.testing;

import io.github.eqvae.cli.Main;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Command lines for a test that starts one command again and again: with the classes in a jar, and
 * an archive of those that the first process loaded, a start takes about two thirds of the time.
 */
public final class QuickStart {
  private static final String ARCHIVE = "classes.jsa";

  private final Path folder;
  private final String classPath;

  /**
   * Packs the classes of the command line.
   *
   * @param folder where the jar and the archive are kept
   */
  public QuickStart(Path folder) throws IOException {
    this.folder = folder;
    Path classes;
    try {
      URI source = Main.class.getProtectionDomain().getCodeSource().getLocation().toURI();
      classes = Path.of(source);
    } catch (URISyntaxException e) {
      throw new IOException(e);
    }
    Path jar = classes;
    if (Files.isDirectory(classes)) {
      jar = folder.resolve("classes.jar");
      pack(classes, jar);
    }
    // An archive takes jars only. The tests' classes are not needed.
    String libraries =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> entry.endsWith(".jar"))
            .collect(Collectors.joining(File.pathSeparator));
    classPath = jar + File.pathSeparator + libraries;
  }

  private static void pack(Path classes, Path jar) throws IOException {
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
        Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        out.putNextEntry(
            new JarEntry(classes.relativize(file).toString().replace(File.separatorChar, '/')));
        Files.copy(file, out);
        out.closeEntry();
      }
    }
  }

  /** The first command: when it ends, what it loaded is archived. */
  public List<String> first(List<String> arguments) {
    return with("-XX:ArchiveClassesAtExit=", List.of(), arguments);
  }

  /** One of the others. */
  public List<String> again(List<String> arguments) {
    return again(List.of(), arguments);
  }

  /** The same, with options of the Java virtual machine. */
  public List<String> again(List<String> options, List<String> arguments) {
    return with("-XX:SharedArchiveFile=", options, arguments);
  }

  private List<String> with(String archive, List<String> options, List<String> arguments) {
    List<String> all = new ArrayList<>(options);
    all.addAll(List.of("-Xlog:disable", archive + folder.resolve(ARCHIVE)));
    List<String> command = new ArrayList<>(CommandProcess.command(all, arguments));
    command.set(command.indexOf("-cp") + 1, classPath);
    return command;
  }
}
