package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.MpiLibrary;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.DeviceCommunicator;
import io.github.eqvae.tensor.DeviceInfo;
import java.io.File;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * {@code eqvae doctor}: shows what was found on the machine, what was not and why, and what to do.
 */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = "Shows what was found on this machine, what was not and why, and what to do.",
    footer = {"", "Example:", "  eqvae doctor"})
final class DoctorCommand implements Callable<Integer> {
  private static final int CALLS = 2_000_000;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    Runtime runtime = Runtime.getRuntime();
    out.printf(
        Locale.ROOT,
        "java     %s (%s), %d processors, heap up to %d MiB%n",
        System.getProperty("java.runtime.version"),
        System.getProperty("java.vendor"),
        runtime.availableProcessors(),
        runtime.maxMemory() >> 20);
    out.printf("system   %s %s%n", System.getProperty("os.name"), System.getProperty("os.arch"));
    Path root = Path.of(System.getProperty("eqvae.root", "."));
    for (Tool tool : TOOLS) {
      out.printf(
          "%-8s %s%n", tool.name(), find(tool.name()).map(Path::toString).orElse(tool.without()));
    }
    boolean data = Files.isDirectory(root.resolve("data/fashion-mnist"));
    out.printf(
        "data     %s%n",
        data
            ? root.resolve("data/fashion-mnist").normalize() + " (for the demo)"
            : "the demo's images are missing in " + root + ": clone the repository again");
    out.printf("mpi      %s%n", mpi());
    out.printf("nccl     %s%n", DeviceCommunicator.describe());
    boolean cpu = false;
    for (String name : List.of("cpu", "cuda")) {
      try (Device device = Device.open(name)) {
        DeviceInfo info = device.info();
        out.printf(Locale.ROOT, "%-8s %s%n", name, info.name());
        out.printf(
            Locale.ROOT,
            "         %s; %d threads, %d MiB of memory, %d MiB free%n",
            info.detail(),
            info.threads(),
            info.memoryBytes() >> 20,
            info.freeBytes() >> 20);
        out.printf("         library %s%n", device.libraryPath());
        out.printf(Locale.ROOT, "         a native call costs %.1f ns%n", callNanos(device));
        cpu |= name.equals("cpu");
      } catch (EqvaeException.Environment e) {
        out.printf("%-8s not available: %s%n", name, e.getMessage());
      }
    }
    out.flush();
    return cpu ? 0 : 1;
  }

  /** What several processes would meet through. */
  private static String mpi() {
    try {
      return MpiLibrary.open()
          .map(mpi -> mpi.version() + " (for mpirun; without it ranks meet over TCP)")
          .orElse(
              "left out of the build, as there was no mpi.h: ranks meet over TCP (Debian, Ubuntu:"
                  + " sudo apt-get install openmpi-bin libopenmpi-dev)");
    } catch (EqvaeException.Environment e) {
      return "not available: " + e.getMessage();
    }
  }

  /** A program that the build needs, and the consequence if it is missing. */
  private record Tool(String name, String without) {}

  private static final List<Tool> TOOLS =
      List.of(
          tool("mvn", "maven"),
          tool("cmake", "cmake"),
          tool("make", "make"),
          tool("g++", "g++"),
          new Tool(
              "nvcc", "not found: the CUDA library is left out of the build (CUDA toolkit 12.8)"));

  private static Tool tool(String name, String debianPackage) {
    return new Tool(
        name,
        "not found: nothing can be built again (Debian, Ubuntu: sudo apt-get install "
            + debianPackage
            + ")");
  }

  private static Optional<Path> find(String program) {
    return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
        .map(folder -> Path.of(folder, program))
        .filter(Files::isExecutable)
        .findFirst();
  }

  private static double callNanos(Device device) {
    for (int i = 0; i < CALLS; i++) {
      device.noop(); // until the compiler has seen it
    }
    long start = System.nanoTime();
    for (int i = 0; i < CALLS; i++) {
      device.noop();
    }
    return (System.nanoTime() - start) / (double) CALLS;
  }
}
