package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.testing.GoldenFile;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * No tensor of the generators' golden files is left unread: all tests of them run here once more,
 * on the processor, and every tensor's values must have been asked for.
 */
@Tag("full")
class GoldenCoverageTest {
  private static final List<String> TESTS =
      List.of(
          "diffusion.GoldenMaskScheduleTest",
          "diffusion.GoldenRepaScoreTest",
          "diffusion.GoldenScheduleTest",
          "diffusion.GoldenTransportTest",
          "eval.GoldenEvaluationTest",
          "eval.GoldenInceptionTest",
          "generator.GoldenDitTest",
          "generator.GoldenHaltonTest",
          "generator.GoldenLossTest",
          "generator.GoldenMaskGitTest",
          "generator.GoldenProcessTest",
          "generator.GoldenRepaSamplingTest",
          "generator.GoldenRepaTest",
          "generator.GoldenSamplingTest",
          "generator.GoldenTrajectoryTest",
          "generator.GoldenVisionTransformerTest",
          "train.GoldenAverageTest");

  /**
   * DiT, SiT, LightningDiT, LitEma, REPA, MaskGIT, the evaluators and DINOv2, whose files of
   * weights are read as checkpoints; other files are other tests'.
   */
  private static final Predicate<Path> GENERATORS =
      file ->
          file.getFileName()
              .toString()
              .matches(
                  "(dit|sit|lightningdit|repa|eval)_.*|dinov2_(image|reg._out)\\..*|litema\\..*"
                      + "|(maskgit|halton)_(model|schedule|order|sampling)\\..*");

  /**
   * What is not compared, and why: what is told of the step control of dopri5, which is not to be
   * compared tightly; a frozen bias, which has no average; averages of Halton-MaskGIT, of which the
   * tied table's is a defect that is not copied, and the other's is LitEma's; numbers that no
   * result was made of; KID of a set with itself, whose draws the files lack; realism, which eqvae
   * does not give; and what lies on the way to figures that are compared: probabilities and
   * products before the score, and pytorch-fid's layers before its last.
   */
  private static final String LEFT_OUT =
      "ode\\.dopri5.*\\.t_evals|ema3\\..*|init\\.1\\.bias|cosine\\.target"
          + "|pr\\.adm\\..*\\.realism|is\\.adm\\.softmax|in\\.(W|is_feat)|kid\\.identical\\..*"
          + "|pytorch_fid\\.(64|192|768)";

  @Test
  void everyTensorIsRead() throws Exception {
    for (String name : TESTS) {
      run(Class.forName("io.github.eqvae." + name));
    }
    Map<String, List<String>> unread = new TreeMap<>();
    int files = 0;
    for (Path file : GoldenFile.all().stream().filter(GENERATORS).toList()) {
      files++;
      List<String> left =
          GoldenFile.unread(file).stream().filter(t -> !t.matches(LEFT_OUT)).toList();
      if (!left.isEmpty()) {
        unread.put(file.getFileName().toString(), left);
      }
    }
    assertTrue(files > 0, "there are no files");
    assertEquals(Map.of(), unread);
  }

  private static void run(Class<?> test) throws Exception {
    int calls = 0;
    for (Method method : test.getDeclaredMethods()) {
      method.setAccessible(true);
      if (method.isAnnotationPresent(Test.class)) {
        method.invoke(instance(test));
        calls++;
      } else if (method.isAnnotationPresent(TestFactory.class)) {
        for (Object made : (List<?>) method.invoke(instance(test))) {
          calls++;
          execute((DynamicTest) made);
        }
      } else if (method.isAnnotationPresent(ParameterizedTest.class)) {
        for (Object[] arguments : arguments(test, method)) {
          method.invoke(instance(test), arguments);
          calls++;
        }
      }
    }
    assertTrue(calls > 0, () -> test + " has no tests");
  }

  private static void execute(DynamicTest made) throws Exception {
    try {
      made.getExecutable().execute();
    } catch (Exception | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static Object instance(Class<?> test) throws Exception {
    var constructor = test.getDeclaredConstructor();
    constructor.setAccessible(true);
    return constructor.newInstance();
  }

  /** Of the processor only, where a device is asked for. */
  private static List<Object[]> arguments(Class<?> test, Method method) throws Exception {
    List<Object[]> all = new ArrayList<>();
    for (String source : method.getAnnotation(MethodSource.class).value()) {
      Method from = test.getDeclaredMethod(source);
      from.setAccessible(true);
      Object found = from.invoke(null);
      for (Object given : found instanceof Stream<?> s ? s.toList() : (List<?>) found) {
        Object[] arguments = given instanceof Arguments a ? a.get() : new Object[] {given};
        if (!(arguments[0] instanceof String device) || device.equals("cpu")) {
          all.add(arguments);
        }
      }
    }
    return all;
  }
}
