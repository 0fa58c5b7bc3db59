package io.github.eqvae.ffi;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Finds the backend libraries: in the folder that {@code -Deqvae.native.dir} or {@code
 * EQVAE_NATIVE_DIR} names, else in the jar, unpacked once per version into a cache folder (see
 * {@code EQVAE_CACHE_DIR} in docs/embedding.md).
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
   * @throws EqvaeException.Environment when there is no such library or it cannot be loaded; the
   *     message says what to do
   */
  public static NativeLibrary library(String backend) {
    return OPEN.computeIfAbsent(backend, Libraries::open);
  }

  /**
   * Another library of this build, which need not be there.
   *
   * @param file its name
   * @return where it is; empty where this build has none
   */
  static Optional<Path> find(String file) {
    String folder = System.getProperty("eqvae.native.dir", System.getenv("EQVAE_NATIVE_DIR"));
    if (folder != null) {
      Path path = Path.of(folder, file).toAbsolutePath().normalize();
      return Files.isRegularFile(path) ? Optional.of(path) : Optional.empty();
    }
    try {
      NativeCache cache = NativeCache.of(Libraries::resource);
      if (!cache.has(file)) {
        return Optional.empty();
      }
      Path temporary = Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
      IOException last = new IOException("no folder");
      for (Path each :
          NativeCache.folders(
              System.getenv(), System.getProperty("user.home", ""), temporary, user())) {
        try {
          if (each.equals(NativeCache.shared(temporary, user()))) {
            NativeCache.claim(each);
          }
          return Optional.of(cache.unpack(each, file).toAbsolutePath().normalize());
        } catch (IOException e) {
          last = e;
        }
      }
      throw last;
    } catch (IOException e) {
      throw new EqvaeException.Environment(file + " cannot be unpacked: " + reason(e), e);
    }
  }

  private static NativeLibrary open(String backend) {
    String file = "libeqv_" + backend + ".so";
    String folder = System.getProperty("eqvae.native.dir", System.getenv("EQVAE_NATIVE_DIR"));
    if (folder != null) {
      Path path = Path.of(folder, file);
      if (!Files.isRegularFile(path)) {
        throw new EqvaeException.Environment(
            "There is no " + file + " in " + folder + ". " + advice(backend));
      }
      return NativeLibrary.open(path);
    }
    requirePlatform();
    try {
      NativeCache cache = NativeCache.of(Libraries::resource);
      if (!cache.has(file)) {
        throw new EqvaeException.Environment(
            "This jar has no " + backend + " backend. " + advice(backend));
      }
      Path temporary = Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
      return unpackedInto(
          NativeCache.folders(
              System.getenv(), System.getProperty("user.home", ""), temporary, user()),
          NativeCache.shared(temporary, user()),
          cache,
          file,
          backend.equals("cpu") ? CPU_DEPENDENCIES : List.of());
    } catch (IOException e) {
      throw new EqvaeException.Environment(
          "This jar has no native libraries ("
              + e.getMessage()
              + "). Build it with `mvn install -pl java -am -DskipTests` in a clone of eqvae.",
          e);
    }
  }

  /** Opens the library from the first folder in which it can be unpacked and loaded. */
  static NativeLibrary unpackedInto(
      List<Path> folders, Path shared, NativeCache cache, String file, List<String> dependencies) {
    List<String> refusals = new ArrayList<>();
    for (Path folder : folders) {
      try {
        if (folder.equals(shared)) {
          NativeCache.claim(folder); // also if it is the only one, for users without a home
        }
        for (String dependency : dependencies) {
          cache.unpack(folder, dependency);
        }
        return NativeLibrary.open(cache.unpack(folder, file));
      } catch (IOException e) {
        refusals.add(folder + ": " + reason(e));
      } catch (EqvaeException.Environment e) {
        String reason = String.valueOf(e.getMessage());
        if (!NativeCache.notExecutable(reason)) {
          throw e;
        }
        refusals.add(folder + ": libraries may not be loaded from there (mounted noexec?)");
      }
    }
    throw new EqvaeException.Environment(
        "The native libraries need a folder that can be written and executed from, and none was"
            + " found ("
            + String.join("; ", refusals)
            + "). Set EQVAE_CACHE_DIR to one.");
  }

  private static String reason(IOException e) {
    return switch (e) {
      case AccessDeniedException _ -> "access denied";
      case NoSuchFileException _ -> "it cannot be made";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      case FileSystemException _ -> "there is a file in its way";
      default -> String.valueOf(e.getMessage());
    };
  }

  private static String advice(String backend) {
    return switch (backend) {
      case "cuda" ->
          "The CUDA library is built where nvcc (CUDA toolkit 12.8 or newer) is installed: "
              + (Invocation.canBuild()
                  ? Invocation.shown("--build-cuda")
                  : "`./eqvae --build-cuda` in a clone of eqvae, or `mvn install -pl java -am"
                      + " -DskipTests -Pcuda` for a jar that has it")
              + ". Or use the device cpu.";
      case "cpu", "null" -> "Build it with `mvn install -pl java -am -DskipTests`.";
      default -> "It is a device of the tests; `mvn verify` builds it. Others use cpu or cuda.";
    };
  }

  private static void requirePlatform() {
    String system = System.getProperty("os.name") + " " + System.getProperty("os.arch");
    if (!system.equals("Linux amd64") && !system.equals("Linux x86_64")) {
      throw new EqvaeException.Environment(
          "eqvae has native libraries for Linux on x86-64 only; this is "
              + system
              + ". Use such a machine, a container or WSL 2.");
    }
  }

  private static InputStream resource(String file) throws IOException {
    InputStream in = Libraries.class.getResourceAsStream("/native/" + PLATFORM + "/" + file);
    if (in == null) {
      throw new FileNotFoundException(file + " is not in it");
    }
    return in;
  }

  /** The name of the user, or the number if the system has no name for it (Java then says "?"). */
  private static String user() {
    String name = System.getProperty("user.name", "?");
    if (!name.isEmpty() && !name.equals("?")) {
      return name;
    }
    try {
      return String.valueOf(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
    } catch (IOException | UnsupportedOperationException e) {
      return "user";
    }
  }
}
