package io.github.eqvae.ffi;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Finds the backend libraries: in the folder that {@code -Deqvae.native.dir} or {@code
 * EQVAE_NATIVE_DIR} names, else in the jar, unpacked once per version into a cache folder ({@code
 * EQVAE_CACHE_DIR}, by default {@code ~/.cache/eqvae}).
 */
public final class Libraries {
  private static final String PLATFORM = "linux-x86_64";
  private static final List<String> CPU_DEPENDENCIES = List.of("libgomp.so.1", "libdnnl.so.3");
  private static final Map<String, NativeLibrary> OPEN = new ConcurrentHashMap<>();

  private Libraries() {}

  /**
   * The library of a backend, opened at most once.
   *
   * @param backend {@code cpu}, {@code cuda}, {@code simt}, {@code ref} or {@code null}
   * @return the library
   * @throws EqvaeException.Environment when there is none or it does not load
   */
  public static NativeLibrary library(String backend) {
    return OPEN.computeIfAbsent(backend, b -> NativeLibrary.open(locate(b)));
  }

  /**
   * The file of a backend library, unpacked from the jar if need be.
   *
   * @param backend the backend's name
   * @return its path
   * @throws EqvaeException.Environment when this build has no such library
   */
  public static Path locate(String backend) {
    String file = "libeqv_" + backend + ".so";
    String folder = System.getProperty("eqvae.native.dir", System.getenv("EQVAE_NATIVE_DIR"));
    if (folder != null) {
      Path path = Path.of(folder, file);
      if (!Files.isRegularFile(path)) {
        throw new EqvaeException.Environment(
            "There is no "
                + file
                + " in "
                + folder
                + " (set by eqvae.native.dir or"
                + " EQVAE_NATIVE_DIR). Build it with `mvn verify` or unset the folder.");
      }
      return path;
    }
    if (Libraries.class.getResource(resource(file)) == null) {
      throw new EqvaeException.Environment(
          "This build of eqvae has no "
              + backend
              + " backend ("
              + file
              + " is not in the jar)."
              + ("cuda".equals(backend)
                  ? " Rebuild where nvcc is installed, or use --device cpu."
                  : " Known devices: cpu."));
    }
    try {
      if ("cpu".equals(backend)) {
        for (String dependency : CPU_DEPENDENCIES) {
          unpack(dependency);
        }
      }
      return unpack(file);
    } catch (IOException e) {
      throw new EqvaeException.Environment(
          "The native libraries could not be unpacked into "
              + cache()
              + ": "
              + e.getMessage()
              + ". Set EQVAE_CACHE_DIR to a writable folder.",
          e);
    }
  }

  private static String resource(String file) {
    return "/native/" + PLATFORM + "/" + file;
  }

  private static Path cache() {
    String folder = System.getenv("EQVAE_CACHE_DIR");
    return folder != null
        ? Path.of(folder)
        : Path.of(System.getProperty("user.home"), ".cache", "eqvae");
  }

  /** Unpacks under a folder named after the hash of libeqv_cpu, so that versions never mix. */
  private static Path unpack(String file) throws IOException {
    Path target = cache().resolve("native-" + version()).resolve(file);
    if (Files.isRegularFile(target)) {
      return target;
    }
    Files.createDirectories(target.getParent());
    Path temporary = Files.createTempFile(target.getParent(), file, ".part");
    try (InputStream in = Libraries.class.getResourceAsStream(resource(file))) {
      if (in == null) {
        throw new IOException(file + " is not in the jar");
      }
      Files.copy(in, temporary, StandardCopyOption.REPLACE_EXISTING);
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

  private static String version() throws IOException {
    try (InputStream in = Libraries.class.getResourceAsStream(resource("libeqv_cpu.so"))) {
      if (in == null) {
        throw new IOException("libeqv_cpu.so is not in the jar");
      }
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      new DigestInputStream(in, sha).transferTo(java.io.OutputStream.nullOutputStream());
      return HexFormat.of().formatHex(sha.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new EqvaeException.Internal("this JDK has no SHA-256", e);
    }
  }
}
