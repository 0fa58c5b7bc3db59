package io.github.eqvae.ranks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LocalRankTest {
  @ParameterizedTest
  @ValueSource(
      strings = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID", "LOCAL_RANK"})
  void everyLauncherSaysIt(String name) {
    assertEquals(3, LocalRank.of(Map.of(name, " 3")));
  }

  @Test
  void nothingSaysIt() {
    assertEquals(0, LocalRank.of(Map.of()));
  }

  @Test
  void aWordIsNoRank() {
    String said =
        assertThrows(
                EqvaeException.Argument.class, () -> LocalRank.of(Map.of("SLURM_LOCALID", "first")))
            .getMessage();
    assertTrue(said.contains("SLURM_LOCALID is 'first'"), said);
  }
}
