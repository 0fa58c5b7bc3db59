package io.github.eqvae;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.syntax.elements.GivenClassesConjunction;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each package uses only those before it in the list; only {@code ffi} makes native calls. */
class ArchitectureTest {
  private static final String ROOT = "io.github.eqvae.";

  /** From the bottom to the top, as docs/design.md says. */
  private static final List<String> LAYERS =
      List.of(
          "ffi",
          "ranks",
          "tensor",
          "op",
          "tape",
          "nn",
          "io",
          "model",
          "equivariance",
          "diffusion",
          "generator",
          "data",
          "latents",
          "eval",
          "train",
          "serve",
          "jobs",
          "cli");

  /** Packages of the JDK that this library's sources import from. */
  private static final List<String> JAVA =
      List.of(
          "java.lang.",
          "java.lang.foreign.",
          "java.util.",
          "java.util.concurrent.",
          "java.util.function.",
          "java.io.",
          "java.nio.",
          "java.nio.file.");

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          // The tests lie beside this one, wherever the build puts them.
          .withImportOption(location -> !location.contains(testsFolder()))
          .importPackages("io.github.eqvae");

  private static String testsFolder() {
    return ArchitectureTest.class.getProtectionDomain().getCodeSource().getLocation().getPath();
  }

  static List<String> layers() {
    return LAYERS;
  }

  @ParameterizedTest
  @MethodSource("layers")
  void usesOnlyWhatIsBelow(String layer) {
    String[] above =
        LAYERS.subList(LAYERS.indexOf(layer) + 1, LAYERS.size()).stream()
            .map(l -> ROOT + l + "..")
            .toArray(String[]::new);
    if (above.length > 0) {
      noClasses()
          .that()
          .resideInAPackage(ROOT + layer + "..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(above)
          .check(CLASSES);
    }
  }

  /** A package that the list lacks would be checked by no rule. */
  @Test
  void everyPackageIsInTheList() {
    Set<String> there =
        CLASSES.stream()
            .map(JavaClass::getPackageName)
            .filter(p -> p.startsWith(ROOT))
            .map(p -> p.substring(ROOT.length()).split("\\.")[0])
            .collect(Collectors.toSet());
    assertEquals(Set.copyOf(LAYERS), there);
  }

  /** Programs that embed the library do not get what only the command line needs. */
  @Test
  void onlyTheCommandLineNeedsPicocli() {
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT + "cli..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("picocli..", ROOT + "cli..")
        .check(CLASSES);
  }

  @Test
  void onlyFfiMakesNativeCalls() {
    GivenClassesConjunction others = noClasses().that().resideOutsideOfPackage(ROOT + "ffi..");
    others
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.foreign.Linker")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.foreign.SymbolLookup")
        .check(CLASSES);
  }

  /** The engine drives any kind of task: the tasks know it, it knows none. */
  @Test
  void theEngineKnowsNoModel() {
    String train = ROOT + "train";
    noClasses()
        .that()
        .resideInAnyPackage(
            train,
            train + ".recipe",
            train + ".checkpoint",
            train + ".log",
            train + ".report",
            train + ".run")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            ROOT + "model..",
            ROOT + "generator..",
            ROOT + "equivariance..",
            ROOT + "eval..",
            ROOT + "diffusion..",
            ROOT + "latents..",
            train + ".autoencoder..",
            train + ".generator..",
            train + ".classifier..",
            train + ".kinds..")
        .check(CLASSES);
  }

  /** A reader of one file meets one {@code Arena}: java.lang.foreign's. */
  @Test
  void noPublicClassHasTheNameOfOneOfJavas() {
    List<String> taken =
        CLASSES.stream()
            .filter(c -> c.isTopLevelClass() && c.getModifiers().contains(JavaModifier.PUBLIC))
            .filter(c -> JAVA.stream().anyMatch(p -> exists(p + c.getSimpleName())))
            .map(JavaClass::getName)
            .toList();
    assertEquals(List.of(), taken);
  }

  private static boolean exists(String name) {
    try {
      Class.forName(name, false, null);
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }
}
