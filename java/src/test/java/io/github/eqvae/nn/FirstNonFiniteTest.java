package io.github.eqvae.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FirstNonFiniteTest {
  private static void spoil(Stream stream, io.github.eqvae.tensor.Tensor tensor, int at, float v) {
    float[] values = tensor.toFloats(stream);
    values[at] = v;
    tensor.set(stream, values);
  }

  @Test
  void weightsComeBeforeGradientsAndTheLastGradientIsTheFirst() {
    AutoencoderConfig config =
        new AutoencoderConfig(3, 3, 8, List.of(1, 2), 1, List.of(), 16, 2, 2, 4, true, false);
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        AutoencoderKl vae = new AutoencoderKl(config, stream, 1, true)) {
      ParameterStore store = vae.parameters();
      assertEquals(Optional.empty(), FirstNonFinite.in(stream, store));
      Parameter in = store.get("encoder.conv_in.weight");
      Parameter out = store.get("decoder.conv_in.bias");
      for (Parameter p : store.learned()) {
        p.markWritten();
      }
      spoil(stream, in.gradient(), 3, Float.NaN);
      spoil(stream, out.gradient(), 0, Float.POSITIVE_INFINITY);
      spoil(stream, out.gradient(), 1, Float.NaN);
      assertEquals(
          "the gradient of decoder.conv_in.bias (2 of 16 numbers; 1 parameters before it, too)",
          FirstNonFinite.in(stream, store).orElseThrow());
      spoil(stream, store.get("encoder.conv_out.bias").value(), 0, Float.NEGATIVE_INFINITY);
      assertEquals(
          "the weight encoder.conv_out.bias (1 of 4 numbers)",
          FirstNonFinite.in(stream, store).orElseThrow());
    }
  }
}
