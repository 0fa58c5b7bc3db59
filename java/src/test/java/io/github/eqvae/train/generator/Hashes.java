package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What a checkpoint holds, as hashes. */
final class Hashes {
  private Hashes() {}

  static Map<String, String> of(Path checkpoint) throws Exception {
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
    assertTrue(out.size() >= 4, "weights, moments and an average: " + out.keySet());
    return out;
  }
}
