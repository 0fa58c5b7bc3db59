package io.github.eqvae.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The speeds in README and bench/tables.md are those of the recorded runs. */
class ReadmeTableTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));

  @Test
  void figuresAreThoseOfTheNewestRuns() throws Exception {
    String tables = Tables.of(ROOT.resolve("bench/runs"));
    assertEquals(tables, Files.readString(ROOT.resolve("bench/tables.md")), "bench/run tables");
    String readme = Files.readString(ROOT.resolve("README.md"));
    assertEquals(ReadmeTable.replaced(readme, ReadmeTable.of(tables)), readme, "bench/run tables");
    String other = ReadmeTable.replaced(readme, "another table\n");
    assertNotEquals(readme, other, "README has no place for the table");
    assertThrows(IllegalArgumentException.class, () -> ReadmeTable.of("no run"));
  }
}
