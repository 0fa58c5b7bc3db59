package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.torch.TorchDtype;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of PyTorch with the published shapes become the files that the networks load. */
class MetricWeightsTest {
  @TempDir Path folder;

  private static void put(
      Map<String, TorchTensor> dict, String name, Parameter p, Stream stream, Arena arena) {
    MemorySegment bytes = arena.allocate(p.value().bytes(), 64);
    p.value().copyTo(stream, bytes);
    dict.put(name, TorchTensor.of(TorchDtype.FLOAT32, p.shape().extents(), bytes));
  }

  @Test
  void lpipsIsMadeOfTwoFiles() throws IOException {
    Path vgg = folder.resolve("vgg16.pth");
    Path heads = folder.resolve("vgg.pth");
    Path out = folder.resolve("lpips.safetensors");
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        Arena arena = Arena.ofConfined();
        Lpips network = new Lpips(64, stream, 3)) {
      Map<String, TorchTensor> convolutions = new LinkedHashMap<>();
      Map<String, TorchTensor> lins = new LinkedHashMap<>();
      for (Parameter p : network.parameters().learned()) {
        boolean lin = p.name().startsWith("lin");
        put(lin ? lins : convolutions, p.name().replaceFirst("^net\\.", ""), p, stream, arena);
      }
      // A classifier that is not wanted.
      MemorySegment four = arena.allocate(16, 64);
      convolutions.put(
          "classifier.6.bias", TorchTensor.of(TorchDtype.FLOAT32, new long[] {4}, four));
      TorchWriter.writeStateDict(vgg, convolutions);
      TorchWriter.writeStateDict(heads, lins);
      MetricWeights.writeLpips(vgg, heads, out);
      try (Lpips again = new Lpips(64, stream, 4)) {
        ModelFile.load(out, again.parameters(), stream);
        Parameter expected = network.parameters().get("net.features.28.weight");
        Parameter actual = again.parameters().get("net.features.28.weight");
        assertEquals(
            expected.value().toFloats(stream)[12345], actual.value().toFloats(stream)[12345]);
      }
      String message =
          assertThrows(
                  EqvaeException.Argument.class, () -> MetricWeights.writeLpips(heads, vgg, out))
              .getMessage();
      assertTrue(message.contains("missing features.0.weight [64, 3, 3, 3]"), message);
    }
  }

  @Test
  void inceptionKeepsItsNamesAndRunningStatistics() throws IOException {
    Path file = folder.resolve("pt_inception.pth");
    Path out = folder.resolve("inception.safetensors");
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        Arena arena = Arena.ofConfined();
        InceptionV3 network = new InceptionV3(stream, 3)) {
      Map<String, TorchTensor> dict = new LinkedHashMap<>();
      for (Parameter p : network.parameters().all()) {
        put(dict, p.name(), p, stream, arena);
      }
      dict.put(
          "Conv2d_1a_3x3.bn.num_batches_tracked",
          TorchTensor.of(TorchDtype.INT64, new long[0], arena.allocate(8, 64)));
      TorchWriter.writeStateDict(file, dict);
      MetricWeights.writeInception(file, out);
      InceptionV3.load(out, stream).close();
      try (SafetensorsFile written = SafetensorsFile.open(out)) {
        assertEquals(dict.size() - 1, written.names().size());
      }
    }
    Path other = folder.resolve("other.safetensors");
    assertThrows(
        EqvaeException.Argument.class,
        () ->
            MetricWeights.writeInception(
                Samples.safetensors(
                    folder.resolve("kl.safetensors"), Samples.tensors(Samples.kl())),
                other));
  }

  @Test
  void publishedFilesAreKnownByTheirHash() throws IOException {
    Path file = folder.resolve("abc");
    Files.write(file, "abc".getBytes(StandardCharsets.US_ASCII));
    // FIPS 180-2 and RFC 1321 have these.
    new MetricWeights.Published("abc", "here", "SHA-256", "ba7816bf").check(file);
    new MetricWeights.Published("abc", "here", "MD5", "900150983cd24fb0d6963f7d28e17f72")
        .check(file);
    assertThrows(
        EqvaeException.Argument.class,
        () -> new MetricWeights.Published("abc", "here", "MD5", "900150983cd2_").check(file));
  }
}
