package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Version;
import io.github.eqvae.ffi.Libraries;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.ranks.Agreement;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What must be the same in all ranks before the first step: the program and its libraries, the
 * recipe, the data. Otherwise they would compute something that no single process computes.
 */
final class RankAgreement {
  private static final List<String> LIBRARIES = List.of("libdnnl.so.3", "libgomp.so.1");

  private RankAgreement() {}

  /**
   * Compares the ranks. All call it.
   *
   * @throws EqvaeException.Argument in all ranks if they differ; the message says in what
   */
  static <T extends Task> void check(
      Communicator ranks,
      RunnableRecipe<T> recipe,
      Workload<T> workload,
      Trainer<T> trainer,
      boolean overfitBatch)
      throws IOException {
    if (ranks.isAlone()) {
      return;
    }
    Map<String, String> mine = new LinkedHashMap<>();
    mine.put("version of eqvae", Version.TEXT + " " + program());
    mine.put("Java", Runtime.version().toString());
    mine.putAll(libraries(recipe.run().device()));
    recipe.settings().forEach((key, value) -> mine.put("recipe's " + key, value));
    mine.remove("recipe's run.threads"); // machines may have different numbers of processors
    mine.put("size of buckets (EQVAE_RANKS_BUCKET)", Long.toString(ranks.bucketBytes()));
    mine.put("--overfit-batch", Boolean.toString(overfitBatch));
    mine.put("data", workload.describe());
    mine.put("held-out samples", FileHash.ofLines(workload.heldOutNames().stream()));
    mine.putAll(workload.agreement());
    HostBatch batch = new HostBatch(trainer.task().batch());
    try (Workload.Batches batches = workload.batches(0, 1)) {
      batches.load(0, batch);
    }
    mine.put("first batch", batch.hash());
    Agreement.require(ranks, mine);
  }

  /** The jar's hash; classes in a folder, as in tests, have none. */
  private static String program() throws IOException {
    var source = RankAgreement.class.getProtectionDomain().getCodeSource();
    Path path = source == null ? Path.of("") : Path.of(source.getLocation().getPath());
    return Files.isRegularFile(path) ? FileHash.sha256(path) : "";
  }

  private static Map<String, String> libraries(String device) throws IOException {
    Map<String, String> all = new LinkedHashMap<>();
    Path library = Libraries.library(device.replaceFirst(":.*", "")).path();
    all.put(String.valueOf(library.getFileName()), FileHash.sha256(library));
    for (String name : LIBRARIES) {
      Path beside = library.resolveSibling(name);
      all.put(name, Files.isRegularFile(beside) ? FileHash.sha256(beside) : "none");
    }
    return all;
  }
}
