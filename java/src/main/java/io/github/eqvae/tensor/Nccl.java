package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.CommLibrary;
import io.github.eqvae.ffi.Libraries;
import java.lang.foreign.Arena;
import java.util.Optional;

/**
 * NVIDIA's library for several GPUs, which eqvae opens when several ranks compute on GPUs: the
 * system's {@code libnccl.so.2}, or the file that {@code EQVAE_NCCL} names. eqvae has none of its
 * own.
 *
 * @param functions what calls it
 * @param version such as {@code 2.27.3}
 */
record Nccl(CommLibrary functions, String version) {
  private static final String NONE = "none";

  /** What a user says of it: a file, {@code none}, or nothing. */
  private static Optional<String> setting() {
    String text = System.getProperty("eqvae.nccl", System.getenv("EQVAE_NCCL"));
    return Optional.ofNullable(text).map(String::strip).filter(t -> !t.isEmpty());
  }

  /**
   * Opens it.
   *
   * @param functions of the device's library
   * @return empty where the user wants none, or the device has none by default: numbers of ranks
   *     then travel through host memory
   * @throws EqvaeException.Environment when it is missing
   */
  static Optional<Nccl> open(CommLibrary functions) {
    Optional<String> file = setting();
    if (file.filter(NONE::equals).isPresent()) {
      return Optional.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      long name = file.isPresent() ? arena.allocateFrom(file.get()).address() : 0;
      long code = functions.ask(CommLibrary.Function.LOAD, name);
      return Optional.of(
          new Nccl(functions, code / 10_000 + "." + code / 100 % 100 + "." + code % 100));
    } catch (EqvaeException.Unsupported e) {
      return Optional.empty();
    }
  }

  /** One line for people: what there is, or what to do. */
  static String describe() {
    Optional<CommLibrary> functions;
    try {
      functions = CommLibrary.of(Libraries.library("cuda"));
    } catch (EqvaeException.Environment e) {
      return "not looked for: there is no CUDA library";
    }
    try {
      return functions
          .flatMap(Nccl::open)
          .map(n -> n.version() + " (for several ranks on GPUs)")
          .orElse("not used: EQVAE_NCCL is none");
    } catch (EqvaeException.Environment e) {
      return "not available, so training uses one GPU: "
          + e.getMessage()
          + " (EQVAE_NCCL names another file: docs/scaling.md)";
    }
  }
}
