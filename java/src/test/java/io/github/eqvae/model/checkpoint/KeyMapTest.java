package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Names and shapes against lists of the published models, in three namings. */
class KeyMapTest {
  private static List<String[]> rows(String name) throws IOException {
    try (InputStream in = KeyMapTest.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split("\t"))
          .toList();
    }
  }

  @ParameterizedTest
  @CsvSource({"sd-vae-f8d4.tsv, SD_VAE, 248", "vqgan-f16.tsv, VQGAN_F16_1024, 343"})
  void everyNameIsTranslatedBetweenAllNamings(String list, KnownModel model, int count)
      throws IOException {
    List<String[]> rows = rows(list);
    assertEquals(count, rows.size(), "the list is not whole");
    KeyMap map = new KeyMap(model.architecture().levels());
    for (String[] row : rows) {
      for (KeyNaming from : KeyNaming.values()) {
        for (KeyNaming to : KeyNaming.values()) {
          assertEquals(
              Optional.of(row[to.ordinal()]), map.translate(row[from.ordinal()], from, to));
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"sd-vae-f8d4.tsv, SD_VAE", "vqgan-f16.tsv, VQGAN_F16_1024"})
  void theArchitectureHasTheListedTensors(String list, KnownModel model) throws IOException {
    Map<String, String> expected =
        rows(list).stream().collect(Collectors.toMap(r -> r[0], r -> r[3]));
    Map<String, String> actual = new TreeMap<>();
    model.architecture().tensors().forEach((name, shape) -> actual.put(name, shape.toString()));
    assertEquals(new TreeMap<>(expected), actual);
  }

  @Test
  void whatIsNoNameIsNotTranslated() {
    KeyMap map = new KeyMap(2);
    for (String name :
        List.of(
            "decoder.time_conv_out.weight",
            "encoder.down.2.block.0.conv1.weight", // deeper than two levels
            "encoder.down.00.block.0.conv1.weight",
            "encoder.down.0.block.0.conv3.weight",
            "encoder.down.0.block.0.conv1.scale",
            "encoder.mid.block_3.conv1.weight",
            "encoder.conv_in.0.weight",
            "encoder.mid.attn_1.to_q.weight",
            "first_stage_model.encoder.conv_in.weight")) {
      assertEquals(
          Optional.empty(), map.translate(name, KeyNaming.COMPVIS, KeyNaming.DIFFUSERS), name);
    }
  }
}
