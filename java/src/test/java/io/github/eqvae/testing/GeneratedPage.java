package io.github.eqvae.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A page of docs/reference that is made from the sources: one that is out of date fails its test,
 * and {@code -Deqvae.reference.write=true} writes it again.
 */
public final class GeneratedPage {
  /** The root of the repository. */
  public static final Path ROOT = Path.of(System.getProperty("eqvae.root")).normalize();

  private GeneratedPage() {}

  /**
   * Compares a page with what it should be, or writes it.
   *
   * @param name its file in docs/reference
   * @param text what it should be
   */
  public static void check(String name, String text) throws IOException {
    Path file = ROOT.resolve("docs/reference").resolve(name);
    if (Boolean.getBoolean("eqvae.reference.write")) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    }
    assertEquals(
        text,
        Files.exists(file) ? Files.readString(file) : "",
        "docs/reference/" + name + " is out of date; -Deqvae.reference.write=true writes it again");
  }
}
