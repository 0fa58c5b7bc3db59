package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.eval.LatentSpectrum;
import io.github.eqvae.eval.LatentStatistics;
import io.github.eqvae.eval.Ssim;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.report.Machine;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** What stands beside an rFID. */
class MeasuredModelTest {
  private static MeasuredModel measured(OptionalDouble lpips, OptionalDouble rfid) {
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
              rfid,
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
              "abc", Optional.empty(), rfid.isPresent() ? Optional.of("def") : Optional.empty()));
    }
  }

  @Test
  void anRfidHasTheThreeOthersOrAReason() throws IOException {
    MeasuredModel alone = measured(OptionalDouble.empty(), OptionalDouble.of(1.5));
    String text = alone.text();
    for (String part : new String[] {"PSNR", "SSIM", "LPIPS", "left out", "rFID, of pytorch-fid"}) {
      assertTrue(text.contains(part), part + " in " + text);
    }
    JsonNode json = new ObjectMapper().readTree(alone.json());
    assertTrue(json.path("left_out").path("lpips").asText().contains("no file is named"));
    assertEquals("pytorch_fid", json.path("rfid_protocol").asText());
    assertEquals("def", json.path("rfid_sha256").asText());
    assertEquals("abc", json.path("autoencoder_sha256").asText());
    assertTrue(json.path("evaluator").asText().startsWith("eqvae "));
    MeasuredModel both = measured(OptionalDouble.of(0.2), OptionalDouble.of(1.5));
    assertFalse(both.text().contains("left out"), both.text());
    assertFalse(both.json().contains("left_out"), both.json());
    assertFalse(measured(OptionalDouble.empty(), OptionalDouble.empty()).text().contains("rFID"));
  }
}
