package io.github.eqvae.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.cli.JsonNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultFileTest {
  @TempDir Path folder;

  private Path file(String text) throws IOException {
    return Files.writeString(folder.resolve("result.json"), text);
  }

  @Test
  void whatIsWrittenSaysItsFormatAndVersion() throws IOException {
    Path file = file(ResultFile.text(ResultFile.DEMO, Map.of("scale_error", 0.5)));
    JsonNode node = new ObjectMapper().readTree(file.toFile());
    assertEquals("eqvae-demo", node.get("format").textValue());
    assertEquals(2, node.get("version").intValue());
    assertEquals(node, ResultFile.read(file));
  }

  @Test
  void earlierNamesAreReadAsTodays() throws IOException {
    JsonNode node =
        ResultFile.read(
            file(
                """
                {"rotation_errors": {"90°": 0.1, "180°": 0.2}, "scale_errors": {"×0.25": 0.3},
                 "eq": {"rotationError": 0.4, "codesUsed": 7}, "list": [{"scaleError": 0.5}]}
                """));
    assertEquals(0.1, node.get("rotation_errors").get("90").doubleValue());
    assertEquals(0.2, node.get("rotation_errors").get("180").doubleValue());
    assertEquals(0.3, node.get("scale_errors").get("0.25").doubleValue());
    assertEquals(0.4, node.get("eq").get("rotation_error").doubleValue());
    assertEquals(7, node.get("eq").get("codes_used").intValue());
    assertEquals(0.5, node.get("list").get(0).get("scale_error").doubleValue());
  }

  /** Their index has versions of its own; scalings are read from it as from results. */
  @Test
  void anIndexOfLatentsHasVersionsOfItsOwn() throws IOException {
    assertEquals(
        3,
        ResultFile.read(file("{\"format\": \"eqvae-latents\", \"version\": 3}"))
            .get("version")
            .intValue());
  }

  @Test
  void recordsOfEveryVersionAreRead() throws IOException {
    Path records = Path.of(System.getProperty("eqvae.root")).resolve("docs/results");
    int read = 0;
    try (Stream<Path> files = Files.list(records)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".json")).toList()) {
        JsonNode node = ResultFile.read(file);
        JsonNames.assertSnakeCase(file.toString(), node);
        for (String figure : figures(node)) {
          assertTrue(node.at(figure).isNumber(), file + ": " + figure);
        }
        read++;
      }
    }
    assertTrue(read > 0);
  }

  /** What a record of this kind must have: two autoencoders' figures, or those of samples. */
  private static List<String> figures(JsonNode record) {
    if (record.path("format").asText().equals(ResultFile.GENERATION)) {
      return List.of("/frechet_distance", "/kernel_distance", "/precision", "/recall", "/images");
    }
    return Stream.of("/plain", "/eq")
        .flatMap(
            model ->
                Stream.of("/psnr", "/ssim", "/rotation_error", "/scale_error").map(model::concat))
        .toList();
  }

  @Test
  void whatCannotBeReadIsSaid() {
    String later = "{\"format\": \"eqvae-%s\", \"version\": 3}";
    List<String> texts = new ArrayList<>(List.of("{", "[1]", "{\"version\": 3}"));
    Stream.of(
            "evaluation",
            "demo",
            "generation",
            "classifier-evaluation",
            "drop-in",
            "demo-generators")
        .forEach(format -> texts.add(later.formatted(format)));
    for (String text : texts) {
      String message =
          assertThrows(EqvaeException.Argument.class, () -> ResultFile.read(file(text)), text)
              .getMessage();
      assertTrue(message.contains("result.json"), message);
      assertFalse(message.contains("Exception"), message);
    }
  }
}
