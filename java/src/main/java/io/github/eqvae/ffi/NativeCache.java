package io.github.eqvae.ffi;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The native libraries of the jar, as files that the loader can open. They are unpacked into one
 * folder per version and compared with the jar's list of sizes and hashes before each load: mapping
 * a truncated library would end the process without a message. A file that differs is unpacked
 * again, under another name, and then renamed. So processes that have loaded the old file keep it.
 */
final class NativeCache {
  private static final String LIST = "SHA256SUMS";

  /** What the jar says of a library. */
  record Entry(String sha256, long bytes) {}

  /** Opens a file of the jar by its name. */
  @FunctionalInterface
  interface Bundle {
    InputStream open(String file) throws IOException;
  }

  private final Bundle bundle;
  private final Map<String, Entry> entries;
  private final String version;

  private NativeCache(Bundle bundle, Map<String, Entry> entries, String version) {
    this.bundle = bundle;
    this.entries = entries;
    this.version = version;
  }

  /**
   * Reads the list of libraries in a jar.
   *
   * @param bundle the jar
   * @return its libraries
   * @throws IOException when the jar has no list or a broken one
   */
  static NativeCache of(Bundle bundle) throws IOException {
    byte[] list;
    try (InputStream in = bundle.open(LIST)) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      in.transferTo(bytes);
      list = bytes.toByteArray();
    }
    Map<String, Entry> entries = new LinkedHashMap<>();
    for (String line : new String(list, StandardCharsets.UTF_8).lines().toList()) {
      String[] words = line.strip().split("\\s+");
      if (words.length != 3 || !words[0].matches("[0-9a-f]{64}") || !words[1].matches("[0-9]+")) {
        throw new IOException("the jar's list of native libraries has a broken line: " + line);
      }
      entries.put(words[2], new Entry(words[0], Long.parseLong(words[1])));
    }
    return new NativeCache(bundle, entries, hex(sha256().digest(list)).substring(0, 16));
  }

  /**
   * Whether the jar carries a library.
   *
   * @param file its name
   * @return whether it is in the jar's list
   */
  boolean has(String file) {
    return entries.containsKey(file);
  }

  /**
   * A complete, unaltered copy of a library.
   *
   * @param folder the cache; a folder of this version is made in it
   * @param file the library's name
   * @return where the copy is
   * @throws IOException when the folder cannot be written, or what was written is not what the jar
   *     has (a full disk, a broken file system)
   */
  Path unpack(Path folder, String file) throws IOException {
    Entry entry = entries.get(file);
    if (entry == null) {
      throw new IOException(file + " is not in the jar");
    }
    Path target = folder.resolve("native-" + version).resolve(file);
    if (matches(target, entry)) {
      return target;
    }
    Files.createDirectories(target.getParent());
    Path temporary = Files.createTempFile(target.getParent(), file, ".part");
    try {
      try (InputStream in = bundle.open(file)) {
        Files.copy(in, temporary, StandardCopyOption.REPLACE_EXISTING);
      }
      if (!matches(temporary, entry)) {
        throw new IOException(file + " was not written completely; the disk may be full");
      }
      try {
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
      }
    } finally {
      Files.deleteIfExists(temporary);
    }
    return target;
  }

  private static boolean matches(Path file, Entry entry) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) != entry.bytes()) {
      return false;
    }
    MessageDigest sha = sha256();
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), sha)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    return hex(sha.digest()).equals(entry.sha256());
  }

  /**
   * Folders for the copies, the best one first: only {@code EQVAE_CACHE_DIR} if it is set; else
   * {@code $XDG_CACHE_HOME/eqvae}, {@code ~/.cache/eqvae}, and a folder of this user in the
   * directory for temporary files, for users without a home that can be written to and executed
   * from.
   *
   * @param environment the process's environment
   * @param home the system property {@code user.home}; "?" for a user that the system does not know
   * @param temporary the folder for temporary files
   * @param user a name or number of the user, for the folder's name
   * @return folders to try in this order; they need not exist
   */
  static List<Path> folders(
      Map<String, String> environment, String home, Path temporary, String user) {
    String chosen = environment.getOrDefault("EQVAE_CACHE_DIR", "");
    if (!chosen.isEmpty()) {
      return List.of(Path.of(chosen).toAbsolutePath());
    }
    List<Path> folders = new ArrayList<>();
    String xdg = environment.getOrDefault("XDG_CACHE_HOME", "");
    if (xdg.startsWith("/")) {
      folders.add(Path.of(xdg, "eqvae"));
    }
    for (String place : new String[] {environment.getOrDefault("HOME", ""), home}) {
      if (place.startsWith("/") && Files.isDirectory(Path.of(place))) {
        folders.add(Path.of(place, ".cache", "eqvae"));
      }
    }
    folders.add(shared(temporary, user));
    return folders.stream().distinct().toList();
  }

  /**
   * The user's folder among the temporary files, where other users can write, too.
   *
   * @param temporary the folder for temporary files
   * @param user a name or number of the user
   * @return the folder, which {@link #claim} makes
   */
  static Path shared(Path temporary, String user) {
    return temporary.resolve("eqvae-" + user.replaceAll("[^A-Za-z0-9_.-]", "_"));
  }

  /**
   * Makes sure that only this user can write into a folder that all users can see.
   *
   * @param folder a folder among the temporary files, made if need be
   * @throws IOException when it cannot be made, or another user made it
   */
  static void claim(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    Path probe = Files.createTempFile(folder, "mine", ".probe");
    try {
      boolean mine = Files.getOwner(folder).equals(Files.getOwner(probe));
      String permissions = PosixFilePermissions.toString(Files.getPosixFilePermissions(folder));
      if (!mine || permissions.charAt(4) == 'w' || permissions.charAt(7) == 'w') {
        throw new FileSystemException(folder.toString(), null, "others may write into it");
      }
    } finally {
      Files.deleteIfExists(probe);
    }
  }

  /**
   * Whether a loader's reason says that files of this folder may not be executed ({@code noexec}).
   *
   * @param reason what the loader said
   * @return whether another folder may help
   */
  static boolean notExecutable(String reason) {
    String text = reason.toLowerCase(Locale.ROOT);
    return text.contains("failed to map segment") || text.contains("operation not permitted");
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }
}
