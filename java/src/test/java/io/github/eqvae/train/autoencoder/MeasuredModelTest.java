package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.eval.Extractor;
import io.github.eqvae.eval.LatentSpectrum;
import io.github.eqvae.eval.LatentStatistics;
import io.github.eqvae.eval.MeasuredDistance;
import io.github.eqvae.eval.Protocol;
import io.github.eqvae.eval.ReconstructionDistance;
import io.github.eqvae.eval.Ssim;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.report.Machine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** What stands beside an rFID, and beside the distance of other features. */
class MeasuredModelTest {
  private static MeasuredModel measured(OptionalDouble lpips, MeasuredDistance... distances) {
    LatentStatistics statistics = new LatentStatistics(4);
    statistics.add(new float[2 * 8 * 8 * 4], 8);
    LatentSpectrum spectrum = new LatentSpectrum();
    spectrum.add(new float[8 * 8 * 4], 8, 8, 4);
    try (Device device = Device.open("cpu")) {
      return new MeasuredModel(
          new Evaluation(
              2,
              20,
              0.5,
              Ssim.Variant.SCIKIT_IMAGE,
              lpips,
              List.of(distances),
              Map.of("90", 0.1),
              Map.of("0.5", 0.1),
              statistics,
              spectrum,
              0,
              OptionalDouble.empty(),
              Optional.empty()),
          ModelPictures.NONE,
          OptionalLong.empty(),
          Machine.of("cpu", device.info()),
          new Measured("m", "ema", OptionalLong.empty(), "d"),
          new MeasuredWith(
              "abc",
              Optional.empty(),
              distances.length > 0 ? Optional.of("def") : Optional.empty()));
    }
  }

  private static MeasuredDistance distance(Extractor extractor, double value) {
    return new MeasuredDistance(extractor, "0123456789abcdef", "a network", 2, value);
  }

  private static MeasuredDistance rfid() {
    return distance(ReconstructionDistance.rfid(Path.of("inception.safetensors")), 1.5);
  }

  private static MeasuredDistance ofClassifier() {
    return distance(
        Extractor.of(Protocol.CLASSIFIER, Path.of("c.safetensors")).distanceOf("reconstructions"),
        2.25);
  }

  @Test
  void anRfidHasTheThreeOthersOrAReason() throws IOException {
    MeasuredModel alone = measured(OptionalDouble.empty(), rfid());
    String text = alone.text();
    for (String part : new String[] {"PSNR", "SSIM", "LPIPS", "left out", "rFID, of pytorch-fid"}) {
      assertTrue(text.contains(part), part + " in " + text);
    }
    JsonNode json = new ObjectMapper().readTree(alone.json());
    assertTrue(json.path("left_out").path("lpips").asText().contains("no file is named"));
    assertEquals(1.5, json.path("rfid").asDouble());
    assertEquals("pytorch_fid", json.path("rfid_protocol").asText());
    assertEquals("def", json.path("rfid_sha256").asText());
    assertEquals("abc", json.path("autoencoder_sha256").asText());
    assertTrue(json.path("evaluator").asText().startsWith("eqvae "));
    assertFalse(json.has("measured_distances"), json.toString());
    MeasuredModel both = measured(OptionalDouble.of(0.2), rfid());
    assertFalse(both.text().contains("left out"), both.text());
    assertFalse(both.json().contains("left_out"), both.json());
    assertFalse(measured(OptionalDouble.empty()).text().contains("rFID"));
  }

  @Test
  void soHasADistanceByOtherFeatures() throws IOException {
    MeasuredModel alone = measured(OptionalDouble.empty(), ofClassifier());
    String text = alone.text();
    for (String part :
        new String[] {
          "PSNR",
          "SSIM",
          "LPIPS",
          "left out",
          "Fréchet distance of reconstructions 2.2500   (classifier, weights 0123456789ab…)"
        }) {
      assertTrue(text.contains(part), part + " in " + text);
    }
    assertFalse(text.contains("FID"), text);
    JsonNode json = new ObjectMapper().readTree(alone.json());
    assertTrue(json.path("left_out").path("lpips").asText().contains("no file is named"));
    assertEquals(2.25, json.path("frechet_distance_of_reconstructions").asDouble());
    JsonNode how = json.path("measured_distances").path("extractors").path(0);
    assertEquals("frechet_distance_of_reconstructions", how.path("distance").asText());
    assertEquals("classifier", how.path("protocol").asText());
    assertEquals("0123456789abcdef", how.path("extractor_sha256").asText());
    assertEquals(2, how.path("images").asInt());
  }

  @Test
  void reportsShowTheThreeOthersOrAReason() throws IOException {
    for (MeasuredDistance distance : List.of(rfid(), ofClassifier())) {
      List<List<String>> rows = rows(measured(OptionalDouble.empty(), distance));
      assertTrue(value(rows, "PSNR").matches("[0-9.]+"), rows.toString());
      assertTrue(value(rows, "SSIM").matches("[0-9.]+"), rows.toString());
      assertEquals(MeasuredWith.NO_LPIPS, value(rows, "LPIPS"));
      assertTrue(value(rows, distance.extractor().title()).matches("[0-9.]+"), rows.toString());
      rows = rows(measured(OptionalDouble.of(0.2), distance));
      assertEquals("0.2000", value(rows, "LPIPS"));
    }
    List<List<String>> without = rows(measured(OptionalDouble.empty()));
    assertTrue(without.stream().noneMatch(row -> row.getFirst().equals("LPIPS")), "no reason");
  }

  /** The table of figures of a report. */
  private static List<List<String>> rows(MeasuredModel measured) {
    return RunReports.table(Map.of("model", measured)).rows();
  }

  private static String value(List<List<String>> rows, String label) {
    return rows.stream()
        .filter(row -> row.getFirst().startsWith(label))
        .map(row -> row.get(1))
        .findFirst()
        .orElse("none");
  }
}
