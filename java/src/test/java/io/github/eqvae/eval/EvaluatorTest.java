package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.model.SpectrumMatching;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.TinyClassifier;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluatorTest {
  private static final int SIDE = 16;
  private static final AutoencoderConfig CONFIG =
      new AutoencoderConfig(1, 1, 8, List.of(1, 2), 1, List.of(), SIDE, 2, 2, 4, true, false);

  private static float[] images(int n) {
    Random random = new Random(4);
    float[] out = new float[n * SIDE * SIDE];
    for (int i = 0; i < out.length; i++) {
      out[i] = 2 * random.nextFloat() - 1;
    }
    return out;
  }

  @Test
  void measuresWhatItsPartsMeasure() {
    float[] x = images(5);
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        AutoencoderKl vae = new AutoencoderKl(CONFIG, stream, 1, false);
        Evaluator evaluator = new Evaluator(vae, null, stream)) {
      Evaluation whole = evaluator.measure(x, 5, SIDE, 2, List.of(90), List.of(0.5));
      assertEquals(5, whole.images());
      float[] y = evaluator.reconstruct(x, 5, SIDE);
      double psnr = 0;
      for (int n = 0; n < 5; n++) {
        float[] a = java.util.Arrays.copyOfRange(x, n * SIDE * SIDE, (n + 1) * SIDE * SIDE);
        float[] b = java.util.Arrays.copyOfRange(y, n * SIDE * SIDE, (n + 1) * SIDE * SIDE);
        psnr += Psnr.uint8(a, b) / 5;
      }
      assertEquals(psnr, whole.psnr(), 1e-6);

      SpatialTransform turn = SpatialTransform.rotation(1);
      float[] turned = evaluator.transform(x, 5, SIDE, turn);
      float[] ofTurned = evaluator.encode(turned, 5, SIDE, SpatialTransform.IDENTITY);
      float[] turnedLatent = evaluator.encode(x, 5, SIDE, turn);
      EquivarianceError error = new EquivarianceError();
      error.add("90°", turnedLatent, ofTurned, 5);
      assertEquals(error.mean("90°"), whole.rotationErrors().get("90"), 1e-6);
      assertTrue(whole.scaleError() > 0);
      // the identity has no error, whatever the network
      assertArrayEquals(
          evaluator.encode(x, 5, SIDE, SpatialTransform.IDENTITY),
          evaluator.encode(
              evaluator.transform(x, 5, SIDE, SpatialTransform.IDENTITY),
              5,
              SIDE,
              SpatialTransform.IDENTITY));
    }
  }

  /** As if images and reconstructions had been two sets of pictures; rFID is not the only one. */
  @Test
  void distancesAreThoseOfTheirFeatures(@TempDir Path folder) throws IOException {
    float[] x = images(12);
    Path classifier = TinyClassifier.write(folder, 1);
    List<Extractor> extractors =
        ReconstructionDistances.extractors(
            Optional.empty(), List.of(classifier, classifier), Optional.empty(), why -> {});
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        AutoencoderKl vae = new AutoencoderKl(CONFIG, stream, 1, false);
        Evaluator evaluator = new Evaluator(vae, null, stream);
        ReconstructionDistances distances = ReconstructionDistances.open(extractors, stream, 3);
        ImageFeatures features = ClassifierFeatures.load(classifier, stream);
        FeatureSet real = new FeatureSet(features, 64);
        FeatureSet decoded = new FeatureSet(features, 64)) {
      ArrayBatches batches = new ArrayBatches(x, 12, SIDE * SIDE, 5);
      Evaluation found = evaluator.measure(batches, SIDE, List.of(90), List.of(0.5), distances);
      add(real, x);
      add(decoded, evaluator.reconstruct(x, 12, SIDE));
      double expected = real.pooled().distance(decoded.pooled());
      assertTrue(expected > 0, "an uninteresting pair");
      assertEquals(
          List.of("frechet_distance_of_reconstructions", "frechet_distance_2_of_reconstructions"),
          found.distances().stream().map(MeasuredDistance::key).toList());
      for (MeasuredDistance distance : found.distances()) {
        // Other batches round differently, which may move a sample to the next of 256 levels.
        assertEquals(expected, distance.value(), 1e-3 * expected);
        assertEquals(12, distance.images());
        assertEquals(FileHash.sha256(classifier), distance.sha256());
      }
      assertTrue(found.rfid().isEmpty());
    }
  }

  private static void add(FeatureSet set, float[] images) throws IOException {
    for (int i = 0; i < 12; i++) {
      byte[] bytes = new byte[SIDE * SIDE];
      for (int k = 0; k < bytes.length; k++) {
        bytes[k] = (byte) Psnr.toByte(images[i * bytes.length + k]);
      }
      set.add(new Image(SIDE, SIDE, 1, bytes));
    }
  }

  private static ReconstructionDistance rfid(Stream stream) {
    return ReconstructionDistance.of(
        ReconstructionDistance.rfid(Path.of("inception")),
        "abc",
        PytorchFidFeatures.of(new InceptionV3(stream, 1), stream),
        5);
  }

  @Test
  @Tag("full")
  void rfidAndIntrinsicDimensionAreThoseOfTheirClasses() {
    float[] x = images(12);
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        AutoencoderKl vae = new AutoencoderKl(CONFIG, stream, 1, false);
        Evaluator evaluator = new Evaluator(vae, null, stream);
        ReconstructionDistance inside = rfid(stream);
        ReconstructionDistance apart = rfid(stream)) {
      Evaluation found =
          evaluator.measure(
              new ArrayBatches(x, 12, SIDE * SIDE, 5),
              SIDE,
              List.of(90),
              List.of(0.5),
              ReconstructionDistances.of(inside));
      apart.add(x, evaluator.reconstruct(x, 12, SIDE), 12, SIDE, SIDE, 1);
      // Other batches round differently, which may move a sample to the next of 256 levels.
      assertEquals(apart.value(), found.rfid().orElseThrow(), 1e-3 * apart.value());
      float[] z = evaluator.encode(x, 12, SIDE, SpatialTransform.IDENTITY);
      IntrinsicDimension dimension =
          IntrinsicDimension.twoNN(z, z.length / 12, IntrinsicDimension.DISCARD).orElseThrow();
      assertEquals(
          dimension.dimension(),
          found.intrinsicDimension().orElseThrow(),
          1e-3 * dimension.dimension());
      Evaluation few = evaluator.measure(x, 5, SIDE, 5, List.of(90), List.of(0.5));
      assertTrue(few.rfid().isEmpty() && few.intrinsicDimension().isEmpty());
    }
  }

  /** Of every image and its posterior's mean, whatever the batch. */
  @Test
  void theSpectrumsDivergenceIsThatOfItsClass() {
    float[] x = images(5);
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        AutoencoderKl vae = new AutoencoderKl(CONFIG, stream, 1, false);
        SpectrumMatching matching =
            new SpectrumMatching(1, 2, new TreeSet<>(List.of(SIDE / 2)), stream);
        Evaluator evaluator = new Evaluator(vae, null, stream)) {
      double expected = 0;
      for (int n = 0; n < 5; n++) {
        float[] one = java.util.Arrays.copyOfRange(x, n * SIDE * SIDE, (n + 1) * SIDE * SIDE);
        Tensor image = arena.tensor(Shape.of(1, SIDE, SIDE, 1));
        image.set(stream, one);
        Tensor latent = arena.tensor(Shape.of(1, SIDE / 2, SIDE / 2, 2));
        latent.set(stream, evaluator.encode(one, 1, SIDE, SpatialTransform.IDENTITY));
        Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
        for (double ring : matching.forward(tape, image, latent).toDoubles(stream)) {
          expected += ring / 5;
        }
      }
      assertTrue(expected > 1e-3, "the spectra are alike: this shows nothing");
      for (int batch : new int[] {2, 5}) {
        Evaluation found = evaluator.measure(x, 5, SIDE, batch, List.of(90), List.of(0.5));
        assertEquals(expected, found.spectrumDivergence(), 1e-4 * expected);
      }
    }
  }

  @Test
  void theBatchDoesNotMatter() {
    float[] x = images(5);
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        AutoencoderKl vae = new AutoencoderKl(CONFIG, stream, 1, false);
        Evaluator evaluator = new Evaluator(vae, null, stream)) {
      Evaluation two = evaluator.measure(x, 5, SIDE, 2, List.of(90, 180), List.of(0.25, 0.5));
      Evaluation five = evaluator.measure(x, 5, SIDE, 5, List.of(90, 180), List.of(0.25, 0.5));
      assertEquals(two.psnr(), five.psnr(), 1e-3);
      assertEquals(two.rotationError(), five.rotationError(), 1e-5 * two.rotationError());
      assertEquals(two.scaleError(), five.scaleError(), 1e-5 * two.scaleError());
    }
  }
}
