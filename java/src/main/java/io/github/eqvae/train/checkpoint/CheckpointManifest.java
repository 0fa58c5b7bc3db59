package io.github.eqvae.train.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The list of a checkpoint's files with lengths and hashes; written last, so a checkpoint without
 * one is incomplete.
 *
 * <p>The text is canonical: parsing it and printing it again must give the same bytes, its own hash
 * included. So no bit of the manifest itself can flip unnoticed either.
 */
record CheckpointManifest(long step, List<Entry> files) {
  static final String NAME = "manifest.json";
  static final String STATE = "state.json";
  static final Pattern FILE_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}");

  private static final String FORMAT = "eqvae-checkpoint";
  private static final int VERSION = 1;
  private static final int MAX_BYTES = 1 << 20;
  private static final int MAX_FILES = 4096;
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /** Strict JSON for manifests and states: no duplicate keys, nothing after the end. */
  static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_LONG_FOR_INTS)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /** One file. */
  record Entry(String name, long length, String sha256) {}

  byte[] toBytes() {
    String open = print("");
    String hash =
        CheckpointFiles.hex(CheckpointFiles.sha256().digest(open.getBytes(StandardCharsets.UTF_8)));
    return print(hash).getBytes(StandardCharsets.UTF_8);
  }

  /** Reads and checks the manifest of a checkpoint directory; the files are not looked at. */
  static CheckpointManifest read(Path directory) throws IOException {
    byte[] bytes = CheckpointFiles.readSmall(directory, NAME, MAX_BYTES);
    JsonNode root;
    try {
      root = JSON.readTree(bytes);
    } catch (JsonProcessingException e) {
      throw new InvalidCheckpointException(
          directory, NAME + " is not valid JSON: " + e.getOriginalMessage(), e);
    }
    if (!root.path("format").asText("").equals(FORMAT)) {
      throw new InvalidCheckpointException(directory, NAME + " is not a manifest of " + FORMAT);
    }
    if (!root.path("version").isInt() && !root.path("version").isLong()
        || root.path("version").longValue() != VERSION) {
      throw new InvalidCheckpointException(
          directory,
          "format version "
              + root.path("version")
              + ", this program knows "
              + VERSION
              + "; it was written by another version of eqvae");
    }
    CheckpointManifest manifest = new CheckpointManifest(step(root), entries(directory, root));
    if (!Arrays.equals(manifest.toBytes(), bytes)) {
      throw new InvalidCheckpointException(
          directory, NAME + " has changed since it was written: its own sha256 does not match");
    }
    return manifest;
  }

  private static long step(JsonNode root) {
    return root.path("step").isIntegralNumber() ? root.path("step").longValue() : -1;
  }

  private static List<Entry> entries(Path directory, JsonNode root)
      throws InvalidCheckpointException {
    JsonNode files = root.path("files");
    if (!files.isArray() || files.size() > MAX_FILES) {
      throw new InvalidCheckpointException(
          directory, NAME + ": 'files' is not a list of at most " + MAX_FILES);
    }
    List<Entry> entries = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (JsonNode file : files) {
      Entry entry =
          new Entry(
              file.path("name").asText(""),
              file.path("length").asLong(-1),
              file.path("sha256").asText(""));
      boolean valid =
          FILE_NAME.matcher(entry.name()).matches()
              && !entry.name().equals(NAME)
              && entry.length() >= 0
              && SHA256.matcher(entry.sha256()).matches();
      if (!valid || !names.add(entry.name())) {
        throw new InvalidCheckpointException(
            directory, NAME + ": entry " + entries.size() + " is not a valid, new file");
      }
      entries.add(entry);
    }
    if (!names.contains(STATE)) {
      throw new InvalidCheckpointException(directory, NAME + " does not list " + STATE);
    }
    return List.copyOf(entries);
  }

  private String print(String ownHash) {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("format", FORMAT);
    root.put("version", VERSION);
    root.put("step", step);
    List<Map<String, Object>> list = new ArrayList<>();
    for (Entry entry : files) {
      Map<String, Object> file = new LinkedHashMap<>();
      file.put("name", entry.name());
      file.put("length", entry.length());
      file.put("sha256", entry.sha256());
      list.add(file);
    }
    root.put("files", list);
    root.put("sha256", ownHash);
    try {
      // Line ends of our own choice: the bytes must not depend on the platform.
      return JSON.writeValueAsString(root).replace("\r\n", "\n") + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a manifest could not be written as JSON", e);
    }
  }
}
