package io.github.eqvae.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The command line in a process of its own: as users start it, and so that it can be killed. */
public final class CommandProcess {
  private CommandProcess() {}

  /**
   * What to start.
   *
   * @param options of the Java virtual machine
   * @param arguments of {@code eqvae}
   * @return a command, to which nothing needs to be added
   */
  public static List<String> command(List<String> options, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-Xss4m"));
    command.add("-XX:TieredStopAtLevel=1"); // most end before a second compiler pays
    command.add("-Deqvae.native.dir=" + System.getProperty("eqvae.native.dir"));
    command.add("-Deqvae.root=" + System.getProperty("eqvae.root"));
    command.addAll(options);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add("io.github.eqvae.cli.Main");
    command.addAll(arguments);
    return command;
  }
}
