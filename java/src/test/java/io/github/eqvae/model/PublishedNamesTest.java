package io.github.eqvae.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The networks in their published sizes have the published parameters, name by name: weights of
 * others load without translation only then. The device plans and computes nothing, so that the
 * sizes cost nothing.
 */
class PublishedNamesTest {
  private static final int FLOAT = 4;

  /** taming-transformers, {@code NLayerDiscriminator(input_nc=3, ndf=64, n_layers=3)}. */
  private static final String DISCRIMINATOR =
      """
      main.0.weight [64, 3, 4, 4]
      main.0.bias [64]
      main.2.weight [128, 64, 4, 4]
      main.3.weight [128]
      main.3.bias [128]
      main.5.weight [256, 128, 4, 4]
      main.6.weight [256]
      main.6.bias [256]
      main.8.weight [512, 256, 4, 4]
      main.9.weight [512]
      main.9.bias [512]
      main.11.weight [1, 512, 4, 4]
      main.11.bias [1]
      """;

  /** Its state that is not learned. PyTorch's counter of batches does not enter any result. */
  private static final String RUNNING =
      """
      main.3.running_mean [128]
      main.3.running_var [128]
      main.6.running_mean [256]
      main.6.running_var [256]
      main.9.running_mean [512]
      main.9.running_var [512]
      """;

  /** torchvision's VGG16 up to its last convolution; ReLU and pooling have numbers too. */
  private static final String VGG16 =
      """
      net.features.0.weight [64, 3, 3, 3]
      net.features.0.bias [64]
      net.features.2.weight [64, 64, 3, 3]
      net.features.2.bias [64]
      net.features.5.weight [128, 64, 3, 3]
      net.features.5.bias [128]
      net.features.7.weight [128, 128, 3, 3]
      net.features.7.bias [128]
      net.features.10.weight [256, 128, 3, 3]
      net.features.10.bias [256]
      net.features.12.weight [256, 256, 3, 3]
      net.features.12.bias [256]
      net.features.14.weight [256, 256, 3, 3]
      net.features.14.bias [256]
      net.features.17.weight [512, 256, 3, 3]
      net.features.17.bias [512]
      net.features.19.weight [512, 512, 3, 3]
      net.features.19.bias [512]
      net.features.21.weight [512, 512, 3, 3]
      net.features.21.bias [512]
      net.features.24.weight [512, 512, 3, 3]
      net.features.24.bias [512]
      net.features.26.weight [512, 512, 3, 3]
      net.features.26.bias [512]
      net.features.28.weight [512, 512, 3, 3]
      net.features.28.bias [512]
      """;

  /** The learned weights of LPIPS, one per stage, after a dropout that has the number 0. */
  private static final String HEADS =
      """
      lin0.model.1.weight [1, 64, 1, 1]
      lin1.model.1.weight [1, 128, 1, 1]
      lin2.model.1.weight [1, 256, 1, 1]
      lin3.model.1.weight [1, 512, 1, 1]
      lin4.model.1.weight [1, 512, 1, 1]
      """;

  private Device device;
  private Stream stream;

  @BeforeEach
  void open() {
    device = Device.open("null");
    stream = new Stream(device);
  }

  @AfterEach
  void close() {
    stream.close();
    device.close();
  }

  private static Map<String, String> published(String table) {
    return table
        .lines()
        .filter(line -> !line.startsWith("#"))
        .map(line -> line.split("\\s", 2))
        .collect(Collectors.toMap(c -> c[0], c -> c[1], (a, b) -> a, TreeMap::new));
  }

  private static Map<String, String> shapes(Collection<Parameter> parameters) {
    return parameters.stream()
        .collect(
            Collectors.toMap(
                Parameter::name, p -> p.shape().toString(), (a, b) -> a, TreeMap::new));
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = PublishedNamesTest.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Beside the numbers there is only what aligns each parameter: below a thousandth. */
  private static void assertBytes(long numbers, ParameterStore store) {
    long expected = numbers * FLOAT;
    assertTrue(store.bytes() >= expected, store.bytes() + " is below " + expected);
    assertTrue(store.bytes() < 1.001 * expected, store.bytes() + " is above " + expected);
  }

  /** Attention's projections are 1×1 convolutions with four dimensions there. */
  @Test
  void autoencoderHasTheNamesAndShapesOfCompVis() throws IOException {
    Map<String, String> expected = published(resource("sd-vae-f8d4.tsv"));
    assertEquals(248, expected.size(), "the list is not whole");
    assertEquals("[512, 512, 1, 1]", expected.get("encoder.mid.attn_1.q.weight"));
    AutoencoderConfig config =
        new AutoencoderConfig(
            3, 3, 128, List.of(1, 2, 4, 4), 2, List.of(), 256, 4, 4, 32, true, true);
    assertEquals(config, AutoencoderConfig.sdVae());
    try (AutoencoderKl vae = new AutoencoderKl(config, stream, 0, false)) {
      assertEquals(expected, shapes(vae.parameters().all()));
      assertEquals(83_653_863, vae.parameters().count());
      assertTrue(vae.parameters().buffers().isEmpty());
      assertEquals("decoder.conv_out.weight", vae.lastLayer().name());
      assertBytes(83_653_863, vae.parameters());
    }
  }

  @Test
  void discreteAutoencoderHasTheNamesAndShapesOfTaming() throws IOException {
    Map<String, String> expected = published(resource("vqgan-f16.tsv"));
    assertEquals(343, expected.size(), "the list is not whole");
    assertEquals("[512, 512, 1, 1]", expected.get("encoder.down.4.attn.1.q.weight"));
    try (VqModel model = new VqModel(VqConfig.f16(1024, 256), stream, 0, false)) {
      assertEquals(expected, shapes(model.parameters().all()));
      assertEquals("quantize.embedding.weight", model.codebook().name());
      assertEquals("decoder.conv_out.weight", model.lastLayer().name());
    }
  }

  /** taming's two models and latent diffusion's vq-f16. */
  @ParameterizedTest
  @CsvSource({"1024, 256, 72141699", "16384, 256, 76073859", "16384, 8, 69593371"})
  void discreteAutoencodersHaveThePublishedNumberOfParameters(int codes, int channels, long count) {
    try (VqModel model = new VqModel(VqConfig.f16(codes, channels), stream, 0, false)) {
      assertEquals(count, model.parameters().count());
    }
  }

  @Test
  void trainingTheAutoencoderKeepsOneGradientPerNumber() {
    try (AutoencoderKl vae = new AutoencoderKl(AutoencoderConfig.sdVae(), stream, 0, true)) {
      assertBytes(2 * 83_653_863, vae.parameters());
    }
  }

  @Test
  void discriminatorHasTheNamesAndShapesOfTaming() {
    try (Discriminator discriminator = new Discriminator(3, 64, 3, stream, 0)) {
      ParameterStore parameters = discriminator.parameters();
      assertEquals(published(DISCRIMINATOR), shapes(parameters.learned()));
      assertEquals(published(RUNNING), shapes(parameters.buffers()));
      assertEquals(2_765_633, parameters.count());
      assertBytes(2 * 2_765_633 + 2 * (128 + 256 + 512), parameters);
    }
  }

  @Test
  void lpipsHasTheNamesAndShapesOfVgg16AndItsHeads() {
    try (Lpips lpips = new Lpips(64, stream, 0)) {
      ParameterStore parameters = lpips.parameters();
      assertEquals(published(VGG16 + HEADS), shapes(parameters.learned()));
      long vgg =
          parameters.learned().stream()
              .filter(p -> p.name().startsWith("net."))
              .mapToLong(p -> p.shape().elements())
              .sum();
      assertEquals(14_714_688, vgg);
      // Never trained: no memory for gradients.
      assertFalse(parameters.isTrainable());
      assertBytes(parameters.count(), parameters);
    }
  }

  /** The classifier is not built: features do not pass it. */
  @Test
  void inceptionHasTheNamesAndShapesOfTorchvision() throws IOException {
    Map<String, String> expected = published(resource("inception-v3-fid.tsv"));
    assertEquals(94 * 6 + 2, expected.size(), "the list is not whole");
    assertEquals("[1008, 2048]", expected.remove("fc.weight"));
    assertEquals("[1008]", expected.remove("fc.bias"));
    expected.keySet().removeIf(name -> name.endsWith("num_batches_tracked"));
    try (InceptionV3 network = new InceptionV3(stream, 0)) {
      ParameterStore parameters = network.parameters();
      assertEquals(expected, shapes(parameters.all()));
      assertEquals(94 * 3, parameters.learned().size());
      assertEquals(21_785_568, parameters.count());
      assertFalse(parameters.isTrainable());
    }
  }
}
