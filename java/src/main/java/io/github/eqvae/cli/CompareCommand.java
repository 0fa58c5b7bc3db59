package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.train.report.Report;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae compare}: several runs on one page. */
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    description = {
      "Compares runs on one page.",
      "Writes one HTML file with the figures of all runs, the settings in which their recipes"
          + " differ, all curves in one chart, and their samples side by side. Runs need not be"
          + " finished, and are not changed. A folder of `eqvae demo` counts as its two runs."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae compare runs/photos runs/photos-seed-1",
      "  eqvae compare runs/demo --out demo.html"
    })
final class CompareCommand implements Callable<Integer> {
  /** The beginning of every comparison, by which it is recognised among other reports. */
  private static final Pattern OURS =
      Pattern.compile("<meta name=\"generator\" content=\"eqvae\">.*?<title>\\d+ runs</title>");

  @Parameters(arity = "1..*", paramLabel = "RUN", description = "Folders of runs, two or more.")
  private List<Path> folders = new ArrayList<>();

  @Option(names = "--out", paramLabel = "FILE", description = "Default: compare.html.")
  private Path out = Path.of("compare.html");

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    PrintWriter stdout = spec.commandLine().getOut();
    List<Path> runs = new ArrayList<>();
    for (Path folder : folders) {
      for (Path run : runs(folder)) {
        boolean twice = false;
        for (Path other : runs) {
          twice |= Files.isSameFile(run, other);
        }
        if (!twice) {
          runs.add(run);
        }
      }
    }
    if (runs.size() < 2) {
      throw new EqvaeException.Argument(
          "There is one run, " + runs.getFirst() + ": name at least two to compare");
    }
    requireOurs(out);
    List<ComparedRun> compared = new ArrayList<>();
    List<String> names = ComparedRun.names(runs);
    for (int i = 0; i < runs.size(); i++) {
      compared.add(ComparedRun.read(names.get(i), runs.get(i)));
    }
    AtomicFiles.write(out, Report.html(ComparisonReport.of(compared)));
    stdout.print(ComparisonReport.text(compared));
    stdout.println("report " + out);
    stdout.flush();
    return 0;
  }

  /** The folder itself, or the two runs of a demo. */
  private static List<Path> runs(Path folder) {
    if (new RunFolder(folder).isUsed()) {
      return List.of(folder);
    }
    List<Path> parts =
        List.of("plain", "eq").stream()
            .map(folder::resolve)
            .filter(part -> new RunFolder(part).isUsed())
            .toList();
    if (parts.isEmpty()) {
      throw new EqvaeException.Argument(
          folder
              + " is not the folder of a run: it has no recipe.yaml. Name folders that "
              + Invocation.shown("train")
              + " or "
              + Invocation.shown("demo")
              + " made.");
    }
    return parts;
  }

  /** Only an earlier comparison may be replaced. */
  private static void requireOurs(Path file) throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    if (Files.isRegularFile(file)) {
      String start = new String(head(file), StandardCharsets.UTF_8);
      if (OURS.matcher(start).find()) {
        return;
      }
    }
    throw OutputLock.notOurs("--out " + file, "comparison");
  }

  private static byte[] head(Path file) throws IOException {
    try (var in = Files.newInputStream(file)) {
      return in.readNBytes(1024);
    }
  }
}
