package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * Which options of {@code evaluate} the two kinds of comparison read. The others would change
 * nothing, so they are refused.
 */
final class MeasuringOptions {
  /** Read by every kind. */
  private static final Set<String> ALWAYS = Set.of("--device", "--json", "--quiet", "--help");

  private static final Set<String> OF_GENERATED =
      Set.of(
          "--reference",
          "--write-statistics",
          "--with-images",
          "--protocol",
          "--inception",
          "--dinov2",
          "--classifier");

  private static final Set<String> OF_DROP_IN =
      Set.of(
          "--drop-in",
          "--data",
          "--weights",
          "--size",
          "--crop",
          "--alpha",
          "--orientation",
          "--images",
          "--batch");

  private MeasuringOptions() {}

  /**
   * Checks a command line.
   *
   * @param spec the command
   * @throws EqvaeException.Argument if an option is given that would change nothing
   */
  static void check(CommandSpec spec) {
    ParseResult given = spec.commandLine().getParseResult();
    for (String kind : List.of("--reference", "--write-statistics")) {
      if (given.hasMatchedOption(kind)) {
        require(given, OF_GENERATED, kind);
        return;
      }
    }
    if (given.hasMatchedOption("--drop-in")) {
      require(given, OF_DROP_IN, "--drop-in");
    }
  }

  private static void require(ParseResult given, Set<String> read, String kind) {
    List<String> others =
        given.matchedOptions().stream()
            .map(OptionSpec::longestName)
            .filter(name -> !read.contains(name) && !ALWAYS.contains(name))
            .distinct()
            .sorted()
            .toList();
    if (!others.isEmpty()) {
      throw new EqvaeException.Argument(
          "%s would change nothing together with %s. Leave %s out."
              .formatted(String.join(", ", others), kind, others.size() == 1 ? "it" : "them"));
    }
  }
}
