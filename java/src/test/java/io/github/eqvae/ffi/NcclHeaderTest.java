package io.github.eqvae.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What eqvae declares of NCCL and of eqv_comm.h is what those headers say. */
@Execution(ExecutionMode.CONCURRENT)
class NcclHeaderTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));

  @TempDir Path folder;

  private static Optional<Path> folderWith(String header, String property) {
    Stream<Path> usual =
        Stream.of("/usr/include", "/usr/local/include", "/usr/local/cuda/include").map(Path::of);
    return Stream.concat(
            Optional.ofNullable(System.getProperty(property)).map(Path::of).stream(), usual)
        .filter(f -> Files.exists(f.resolve(header)))
        .findFirst();
  }

  private String compiled(Path ours, Path nccl, Path cuda) throws Exception {
    List<String> command = new ArrayList<>(List.of("g++", "-std=c++20", "-fsyntax-only"));
    command.addAll(List.of("-isystem", nccl.toString(), "-isystem", cuda.toString()));
    command.addAll(List.of("-I", ours.toString(), ours.resolve("header_test.cpp").toString()));
    Process compiler = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return compiler.waitFor() == 0 ? "" : said;
  }

  /** Needs NCCL's header: of a package, or where -Deqvae.nccl.include says. */
  @Test
  void ourDeclarationsAreNccls() throws Exception {
    Optional<Path> nccl = folderWith("nccl.h", "eqvae.nccl.include");
    Optional<Path> cuda = folderWith("cuda_fp16.h", "eqvae.cuda.include");
    assumeTrue(
        nccl.isPresent() && cuda.isPresent(),
        "no nccl.h, or none of CUDA's headers: -Deqvae.nccl.include and -Deqvae.cuda.include name"
            + " their folders");
    Path ours = ROOT.resolve("native/nccl");
    assertEquals("", compiled(ours, nccl.get(), cuda.get()));

    // It would notice another value, another type, and another argument.
    Map<String, String> changes = new LinkedHashMap<>();
    changes.put("ncclRemoteError = 6", "ncclRemoteError = 8");
    changes.put("int maxCTAs", "long maxCTAs");
    changes.put(
        "size_t count, ncclDataType_t type, int peer", "int count, ncclDataType_t type, int peer");
    for (Map.Entry<String, String> change : changes.entrySet()) {
      for (String file :
          List.of("nccl_types.h", "nccl_functions.h", "nccl_constants.h", "header_test.cpp")) {
        String text = Files.readString(ours.resolve(file));
        Files.writeString(folder.resolve(file), text.replace(change.getKey(), change.getValue()));
      }
      assertNotEquals("", compiled(folder, nccl.get(), cuda.get()), change.getValue());
    }
  }

  /** The functions of eqv_comm.h as {@link CommLibrary} calls them. */
  @Test
  void ourCallsAreTheHeaders() throws IOException {
    String header =
        Files.readString(ROOT.resolve("native/include/eqv_comm.h"))
            .replaceAll("(?s)/\\*.*?\\*/", "");
    Map<String, Integer> theirs = new LinkedHashMap<>();
    Matcher function = Pattern.compile("EQV_API eqv_status (\\w+)\\(([^)]*)\\);").matcher(header);
    while (function.find()) {
      theirs.put(function.group(1), function.group(2).split(",").length);
    }
    Map<String, Integer> ours = new LinkedHashMap<>();
    for (CommLibrary.Function each : CommLibrary.Function.values()) {
      ours.put(each.symbol(), each.arity());
    }
    assertEquals(theirs, ours);
    assertTrue(header.contains("#define EQV_COMM_VERSION " + CommLibrary.VERSION + "\n"));
    assertTrue(header.contains("EQV_COMM_ID_BYTES = " + CommLibrary.ID_BYTES + " "));
  }
}
