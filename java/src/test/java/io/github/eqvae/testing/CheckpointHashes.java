package io.github.eqvae.testing;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What a checkpoint holds, as hashes: equal ones are equal bits. */
public final class CheckpointHashes {
  private CheckpointHashes() {}

  /**
   * Of all files but the state and the manifest, which have clocks.
   *
   * @param checkpoint a checkpoint's folder
   * @param atLeast how many files of weights, moments and averages there must be
   */
  public static Map<String, String> of(Path checkpoint, int atLeast)
      throws IOException, NoSuchAlgorithmException {
    Map<String, String> out = new TreeMap<>();
    try (Stream<Path> files = Files.list(checkpoint)) {
      for (Path f : files.toList()) {
        String name = f.getFileName().toString();
        if (!name.endsWith(".json")) {
          byte[] sha = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(f));
          out.put(name, HexFormat.of().formatHex(sha));
        }
      }
    }
    assertTrue(out.size() >= atLeast, "weights, moments and averages: " + out.keySet());
    return out;
  }

  /** Of the newest checkpoint of a run. */
  public static Map<String, String> latest(Path run, int atLeast)
      throws IOException, NoSuchAlgorithmException {
    CheckpointStore store = new CheckpointStore(run.resolve("checkpoints"), 2);
    return of(store.latest().checkpoint().orElseThrow().directory(), atLeast);
  }
}
