package io.github.eqvae.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.diffusion.SdeSampler;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.tensor.MemoryStats;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The stable interface is what a file says. A change of that file in a commit is a change that
 * programs notice: {@code -Deqvae.reference.write=true} writes it.
 */
class StableInterfaceTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));
  private static final Path FILE =
      ROOT.resolve("java/src/test/resources/io/github/eqvae/serve/stable-interface.txt");
  private static final Path PACKAGE =
      ROOT.resolve("java/src/main/java/io/github/eqvae/serve/package-info.java");

  /** Of other packages, as the description of this package lists them. */
  private static final List<Class<?>> OTHERS =
      List.of(
          Device.class,
          DeviceInfo.class,
          DType.class,
          MemoryStats.class,
          EqvaeException.class,
          Weights.class,
          LatentScaling.class,
          LatentsOrigin.class,
          GeneratorHints.class,
          MaskSchedule.class,
          SdeSampler.Form.class,
          SdeSampler.Last.class,
          Image.class);

  @Test
  void itIsTheStoredOne() throws Exception {
    TreeSet<String> lines = new TreeSet<>();
    for (Class<?> each : classes()) {
      describe(each, lines);
    }
    String text = String.join("\n", lines) + "\n";
    if (Boolean.getBoolean("eqvae.reference.write")) {
      Files.createDirectories(FILE.getParent());
      Files.writeString(FILE, text);
    }
    assertEquals(Files.readString(FILE), text, "-Deqvae.reference.write=true writes " + FILE);
  }

  /** There is one list for readers, and it is complete. */
  @Test
  void thePackageNamesWhatBelongsToIt() throws IOException {
    String described = Files.readString(PACKAGE).replaceAll("\\s+\\*\\s+", " ");
    for (Class<?> other : OTHERS) {
      assertTrue(described.contains("{@link " + other.getCanonicalName()), other.getName());
    }
  }

  private static List<Class<?>> classes() throws Exception {
    List<Class<?>> all = new ArrayList<>(OTHERS);
    try (Stream<Path> files = Files.list(PACKAGE.getParent())) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString().replace(".java", "");
        if (!name.equals("package-info")) {
          Class<?> found = Class.forName("io.github.eqvae.serve." + name);
          if (Modifier.isPublic(found.getModifiers())) {
            all.add(found);
          }
        }
      }
    }
    assertTrue(all.size() > OTHERS.size() + 10, all.toString());
    return all;
  }

  private static void describe(Class<?> type, TreeSet<String> lines) {
    String name = type.getName();
    lines.add(name + " : " + type.toGenericString() + " " + Arrays.toString(type.getInterfaces()));
    // members that a class has from a hidden one are its own to those who see it
    for (Class<?> from = type;
        from != null && (from == type || !Modifier.isPublic(from.getModifiers()));
        from = from.getSuperclass()) {
      Stream<Executable> code =
          Stream.concat(
              Arrays.<Method>stream(from.getDeclaredMethods()),
              Arrays.<Constructor<?>>stream(
                  from == type ? from.getDeclaredConstructors() : new Constructor<?>[0]));
      code.filter(StableInterfaceTest::isPublic)
          .forEach(m -> lines.add(name + " " + m.toGenericString()));
      Arrays.<Field>stream(from.getDeclaredFields())
          .filter(StableInterfaceTest::isPublic)
          .forEach(f -> lines.add(name + " " + f.toGenericString()));
    }
    for (Class<?> inner : type.getDeclaredClasses()) {
      if (Modifier.isPublic(inner.getModifiers())) {
        describe(inner, lines);
      }
    }
  }

  private static boolean isPublic(Member member) {
    return Modifier.isPublic(member.getModifiers()) && !member.isSynthetic();
  }
}
