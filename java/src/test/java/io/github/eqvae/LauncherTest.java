package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.eqvae.cli.Main;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * {@code ./eqvae} and native/build.sh on machines of all kinds, with stand-ins for what they start:
 * an mvn, a cmake and a java that write down how they were called.
 */
@Execution(ExecutionMode.CONCURRENT)
class LauncherTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root")).toAbsolutePath();

  @TempDir Path folder;
  private Path clone;
  private Path tools;
  private Path calls;

  @BeforeEach
  void aClone() throws IOException {
    folder = folder.toRealPath();
    calls = folder.resolve("calls");
    clone = Files.createDirectories(folder.resolve("clone"));
    for (String file : new String[] {"eqvae", "native/build.sh", "native/require.sh"}) {
      Files.createDirectories(clone.resolve(file).getParent());
      Files.copy(ROOT.resolve(file), clone.resolve(file));
    }
    clone.resolve("eqvae").toFile().setExecutable(true);
    Files.createDirectories(clone.resolve("kernels"));
    Files.createDirectories(clone.resolve("java/src/main"));
    for (String file : new String[] {"pom.xml", "java/pom.xml", "CMakeLists.txt"}) {
      Files.createFile(clone.resolve(file));
    }
    tools = folder.resolve("tools");
    tool(
        "mvn",
        """
        echo "mvn home=$HOME in $PWD" >> CALLS
        sleep 0.7
        mkdir -p java/target/classes java/target/native/lib
        echo lib.jar > java/target/classpath.txt
        """);
    tool(
        "cmake",
        """
        echo "cmake $*" >> CALLS
        if [ "$1" = -S ]; then
          mkdir -p "$4/lib"
          printf 'CMAKE_HOME_DIRECTORY:INTERNAL=%s\\nCMAKE_CACHEFILE_DIR:INTERNAL=%s\\n' "$2" "$4" > "$4/CMakeCache.txt"
          for word; do
            case "$word" in -DEQV_CUDA_*) echo "$word" | sed 's/^-D//; s/=/:STRING=/' >> "$4/CMakeCache.txt" ;; esac
          done
        fi
        case "$*" in *app_cuda) touch "$2/lib/libeqv_cuda.so" ;; esac
        """);
    tool("nvcc", "");
    Files.createDirectories(folder.resolve("jdk/bin"));
    Files.writeString(folder.resolve("jdk/release"), "JAVA_VERSION=\"25.0.1\"\n");
    program(
        folder.resolve("jdk/bin/java"),
        """
        case "$1" in
          -XX:AOTCacheOutput=*) echo "prepare $*" >> CALLS; touch "${1#*=}" ;;
          *) echo "java $*" >> CALLS; echo started "${@: -1}" ;;
        esac
        """);
    program(folder.resolve("jdk/bin/jar"), "touch \"$4\"");
  }

  private void tool(String name, String script) throws IOException {
    Files.createDirectories(tools);
    program(tools.resolve(name), script);
  }

  private void program(Path file, String script) throws IOException {
    Files.writeString(file, "#!/usr/bin/env bash\n" + script.replace("CALLS", calls.toString()));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private record Ended(int status, String text) {}

  private Process start(Map<String, String> environment, String... command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.directory(folder.toFile());
    builder.environment().put("PATH", tools + ":" + System.getenv("PATH"));
    builder.environment().put("JAVA_HOME", folder.resolve("jdk").toString());
    environment.forEach(
        (name, value) -> {
          if (value.isEmpty()) {
            builder.environment().remove(name);
          } else {
            builder.environment().put(name, value);
          }
        });
    return builder.start();
  }

  private static Ended end(Process process) throws IOException, InterruptedException {
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ended(process.waitFor(), text);
  }

  private Ended eqvae(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(clone.resolve("eqvae").toString()));
    command.addAll(List.of(arguments));
    return end(start(Map.of(), command.toArray(String[]::new)));
  }

  private List<String> calls(String program) throws IOException {
    return Files.exists(calls)
        ? Files.readAllLines(calls).stream().filter(c -> c.startsWith(program + " ")).toList()
        : List.of();
  }

  @Test
  void buildsOnceAndAgainWhenASourceIsNewer() throws Exception {
    Ended first = eqvae("doctor");
    assertEquals(0, first.status(), first.text());
    assertTrue(first.text().contains("building"), first.text());
    assertEquals("started doctor\n", eqvae("doctor").text());
    assertEquals(1, calls("mvn").size());
    Thread.sleep(20);
    Files.writeString(clone.resolve("kernels/new.cu"), "");
    assertTrue(eqvae("doctor").text().contains("building"));
    assertEquals(2, calls("mvn").size());
  }

  /** Whether the last start was one from the cache, with the jar that belongs to it. */
  private boolean wasQuick() throws IOException {
    Path start = clone.resolve("java/target/start");
    String last = calls("java").getLast();
    boolean cache = last.contains(" -XX:AOTCache=" + start.resolve("eqvae.aot") + " ");
    assertEquals(cache, last.contains(" -cp " + start.resolve("eqvae.jar") + ":lib.jar "), last);
    return cache;
  }

  @Test
  void startsAreQuickWhereTheCacheIsThisJavasAndThisBuilds() throws Exception {
    eqvae("doctor");
    assertTrue(wasQuick());
    assertEquals(1, calls("prepare").size());
    Path made = clone.resolve("java/target/start/java");
    Files.setLastModifiedTime(made, FileTime.fromMillis(0));
    eqvae("doctor");
    assertFalse(wasQuick(), "a build is newer");
    Files.setLastModifiedTime(made, FileTime.from(Instant.now()));
    eqvae("doctor");
    assertTrue(wasQuick());
    Files.writeString(folder.resolve("jdk/release"), "JAVA_VERSION=\"25.0.2\"\n");
    eqvae("doctor");
    assertFalse(wasQuick(), "another Java made it");
    Thread.sleep(20);
    Files.writeString(clone.resolve("kernels/new.cu"), "");
    eqvae("doctor");
    assertTrue(wasQuick(), "made anew");
    assertEquals(2, calls("prepare").size());
  }

  @Test
  void startsWithoutACache() throws Exception {
    program(folder.resolve("jdk/bin/jar"), "echo no room; exit 1");
    Ended ended = eqvae("doctor");
    assertEquals(0, ended.status(), ended.text());
    assertFalse(wasQuick());
    assertEquals("started doctor\n", eqvae("doctor").text());
    assertEquals(List.of(), calls("prepare"));
  }

  /** With this test's Java and classes. */
  @Test
  @Tag("full")
  void aDamagedCacheOnlyCostsTime() throws Exception {
    Path classes = Path.of(Main.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    String jars =
        Arrays.stream(System.getProperty("java.class.path").split(":"))
            .filter(entry -> entry.endsWith(".jar"))
            .collect(Collectors.joining(":"));
    tool(
        "mvn",
        "mkdir -p java/target; cp -r '%s' java/target/classes; echo '%s' > java/target/classpath.txt"
            .formatted(classes, jars));
    Map<String, String> real = Map.of("JAVA_HOME", System.getProperty("java.home"));
    String[] help = {clone.resolve("eqvae").toString(), "--help"};
    end(start(real, help));
    Path cache = clone.resolve("java/target/start/eqvae.aot");
    String expected = end(start(real, help)).text();
    assertTrue(expected.startsWith("Usage: "), expected);
    byte[] whole = Files.readAllBytes(cache);
    Files.write(cache, Arrays.copyOf(whole, whole.length / 2));
    assertEquals(new Ended(0, expected), end(start(real, help)));
    Files.write(cache, new byte[100]);
    assertEquals(new Ended(0, expected), end(start(real, help)));
    Files.delete(cache);
    assertEquals(new Ended(0, expected), end(start(real, help)));
  }

  @Test
  void twoFirstStartsBuildOnce() throws Exception {
    String program = clone.resolve("eqvae").toString();
    Process one = start(Map.of(), program, "doctor");
    Process two = start(Map.of(), program, "doctor");
    Ended first = end(one);
    Ended second = end(two);
    assertEquals(List.of(0, 0), List.of(first.status(), second.status()), first.text() + second);
    assertEquals(1, calls("mvn").size());
    assertTrue((first.text() + second.text()).contains("waiting for it"), first + "\n" + second);
  }

  @Test
  void startsThroughSymbolicLinks() throws Exception {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Files.createSymbolicLink(bin.resolve("absolute"), clone.resolve("eqvae"));
    Files.createSymbolicLink(bin.resolve("relative"), Path.of("../clone/eqvae"));
    Files.createSymbolicLink(folder.resolve("eqvae"), Path.of("bin/relative"));
    for (String name : new String[] {"bin/absolute", "bin/relative", "eqvae"}) {
      Ended ended = end(start(Map.of(), folder.resolve(name).toString(), "doctor"));
      assertEquals(0, ended.status(), ended.text());
    }
    assertTrue(calls("java").stream().allMatch(c -> c.contains("-Deqvae.root=" + clone)));
  }

  /**
   * The launcher of the distribution, which builds nothing: its jars, and a Java of 25 or newer.
   */
  @Test
  void theDistributionStartsItsJars() throws Exception {
    Path dist = Files.createDirectories(folder.resolve("a distribution"));
    Files.copy(ROOT.resolve("java/src/dist/eqvae"), dist.resolve("eqvae"));
    dist.resolve("eqvae").toFile().setExecutable(true);
    Files.createSymbolicLink(folder.resolve("short"), dist.resolve("eqvae"));
    Files.createDirectories(folder.resolve("old/bin"));
    Files.writeString(folder.resolve("old/release"), "JAVA_VERSION=\"21.0.1\"\n");
    program(folder.resolve("old/bin/java"), "echo old >> CALLS; exit 1");
    Map<String, String> environment =
        Map.of(
            "JAVA_HOME",
            folder.resolve("old").toString(),
            "PATH",
            folder.resolve("jdk/bin") + ":" + System.getenv("PATH"));
    Ended ended = end(start(environment, folder.resolve("short").toString(), "inspect", "a b"));
    assertEquals(0, ended.status(), ended.text());
    List<String> all = Files.readAllLines(calls);
    assertEquals(1, all.size(), all::toString);
    String call = all.getFirst();
    assertTrue(call.contains(" -Deqvae.root=" + dist + " "), call);
    assertFalse(call.contains("-Deqvae.builds"), "it cannot build: " + call);
    assertTrue(call.endsWith(" -cp " + dist + "/lib/* io.github.eqvae.cli.Main inspect a b"), call);
  }

  @Test
  void usesTheLibrariesThatTheEnvironmentNames() throws Exception {
    String program = clone.resolve("eqvae").toString();
    assertEquals(0, end(start(Map.of("EQVAE_NATIVE_DIR", ""), program, "doctor")).status());
    assertEquals(0, end(start(Map.of("EQVAE_NATIVE_DIR", "/mine"), program, "doctor")).status());
    List<String> starts = calls("java");
    String own = "-Deqvae.native.dir=" + clone.resolve("java/target/native/lib") + " ";
    assertTrue(starts.get(0).contains(own), starts.get(0));
    assertTrue(starts.get(1).contains("-Deqvae.native.dir=/mine "), starts.get(1));
  }

  @Test
  void noHome() throws Exception {
    Ended ended = end(start(Map.of("HOME", ""), clone.resolve("eqvae").toString(), "doctor"));
    assertEquals(0, ended.status(), ended.text());
    // A home that is not there, and a user without one in the system's list:
    String missing = folder.resolve("missing").toString();
    Files.delete(clone.resolve("java/target/.built"));
    ended = end(start(Map.of("HOME", missing), clone.resolve("eqvae").toString(), "doctor"));
    assertEquals(0, ended.status(), ended.text());
    assertTrue(calls("mvn").getLast().contains("home=" + clone.resolve("java/target/home")));
  }

  @Test
  void aCopiedCloneIsBuiltAnew() throws Exception {
    eqvae("doctor");
    Path copy = folder.resolve("copy");
    assertEquals(0, end(start(Map.of(), "cp", "-a", clone.toString(), copy.toString())).status());
    end(start(Map.of(), copy.resolve("eqvae").toString(), "doctor"));
    assertEquals(2, calls("mvn").size());
    assertTrue(calls("mvn").getLast().endsWith(" in " + copy));
    clone = copy;
    assertTrue(wasQuick());
  }

  @Test
  void theNativePartOfACopiedCloneStartsAnew() throws Exception {
    Path build = clone.resolve("java/target/native");
    Files.createDirectories(build.getParent());
    String[] command = {"bash", "native/build.sh", build.toString(), "onednn", "app"};
    command[1] = clone.resolve("native/build.sh").toString();
    assertEquals(0, end(start(Map.of(), command)).status());
    Path left = Files.writeString(build.resolve("object"), "");
    assertEquals(0, end(start(Map.of(), command)).status());
    assertTrue(Files.exists(left), "the same clone goes on with what is there");
    Path cache = build.resolve("CMakeCache.txt");
    Files.writeString(
        cache, Files.readString(cache).replace(clone.toString(), folder + "/where/it/was"));
    Ended ended = end(start(Map.of(), command));
    assertEquals(0, ended.status(), ended.text());
    assertTrue(ended.text().contains("built anew"), ended.text());
    assertFalse(Files.exists(left));
  }

  /** Seen: `mvn verify` after `mvn verify -Pfull` compiled all CUDA objects again. */
  @Test
  void codeForMoreGpusStays() throws Exception {
    String build = clone.resolve("java/target/native").toString();
    List<String> asked = List.of("80;90a-real", "80;90a-real;100-real", "80;90a-real", "75");
    List<String> used =
        List.of("80;90a-real", "80;90a-real;100-real", "80;90a-real;100-real", "75");
    for (int i = 0; i < asked.size(); i++) {
      String script = clone.resolve("native/build.sh").toString();
      Ended ended = end(start(Map.of(), "bash", script, build, "onednn", "app", asked.get(i)));
      assertEquals(0, ended.status(), ended.text());
      String configured = calls("cmake").get(2 * i);
      assertTrue(configured.endsWith("-DEQV_CUDA_ARCHITECTURES=" + used.get(i)), configured);
    }
  }

  @Test
  void theCudaLibraryIsBuiltWhenItIsAskedFor() throws Exception {
    eqvae("train", "photos");
    assertEquals(List.of(), calls("cmake"));
    eqvae("train", "photos", "--device", "cuda");
    assertEquals(2, calls("cmake").size());
    assertTrue(calls("cmake").getLast().endsWith(" app_cuda"), calls("cmake").toString());
    eqvae("train", "photos", "--set", "run.device=cuda:1");
    assertEquals(2, calls("cmake").size(), "it was there");
    Files.delete(clone.resolve("java/target/native/lib/libeqv_cuda.so"));
    Path run = Files.createDirectories(folder.resolve("runs/one"));
    Files.writeString(run.resolve("recipe.yaml"), "run:\n  device: cuda:0\n");
    eqvae("train", "--resume", run.toString(), "--device", "cpu");
    assertEquals(2, calls("cmake").size(), "the command line has the last word");
    eqvae("train", "--resume", run.toString());
    assertEquals(4, calls("cmake").size(), "the run's recipe asks for it");
    assertEquals(0, eqvae("--build-cuda").status());
    Files.delete(tools.resolve("nvcc"));
    Files.delete(clone.resolve("java/target/native/lib/libeqv_cuda.so"));
    if (Files.notExists(Path.of("/usr/local/bin/nvcc"))) {
      assertTrue(eqvae("--build-cuda").text().contains("no nvcc was found"));
    }
  }

  /** Seen: the CUDA library alone was built while "fetching libraries" and "compiling Java". */
  @Test
  void aBuildSaysHowFarItIs() throws Exception {
    String steps =
        """
        case "$*" in
          *app_cuda) echo '[ 42%] Building CUDA object'; sleep 1.2; echo '[100%] Linking'; sleep 1.2 ;;
        esac
        """;
    tool("mvn", Files.readString(tools.resolve("mvn")) + "echo '[ 42%] Building'\nsleep 1.2\n");
    tool("cmake", Files.readString(tools.resolve("cmake")) + steps);
    String text = eqvae("doctor").text();
    assertTrue(text.contains("building (once): fetching libraries\n"), text);
    assertTrue(text.contains("building (once): native code 42 %\n"), text);
    text = eqvae("--build-cuda").text();
    String cuda = "building the CUDA library (once): ";
    assertTrue(text.contains(cuda + "configuring\n"), text);
    assertTrue(text.contains(cuda + "native code 42 %\n"), text);
    assertTrue(text.contains(cuda + "native code 100 %, linking\n"), text);
    assertFalse(text.contains("fetching libraries") || text.contains("compiling Java"), text);
  }

  /** Mounted read-only, as in an image of a container; needs the right to mount. */
  @Test
  void aReadOnlyClone() throws Exception {
    String script =
        "mount --bind '%1$s' '%1$s' && mount -o remount,ro,bind '%1$s' && '%1$s/eqvae' doctor"
            .formatted(clone);
    String[] command = {"unshare", "--mount", "bash", "-c", script};
    Ended ended = end(start(Map.of(), "unshare", "--mount", "true"));
    assumeTrue(ended.status() == 0, "this user may not mount");
    ended = end(start(Map.of(), command));
    assertEquals(1, ended.status(), ended.text());
    assertTrue(ended.text().contains("cannot be written and nothing was built"), ended.text());
    eqvae("doctor");
    Files.writeString(clone.resolve("kernels/newer.cu"), "");
    ended = end(start(Map.of(), command));
    assertEquals(0, ended.status(), ended.text());
    assertTrue(ended.text().contains("the earlier build is used"), ended.text());
    assertTrue(wasQuick());
  }
}
