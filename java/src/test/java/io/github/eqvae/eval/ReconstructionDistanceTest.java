package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.DeviceFixture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReconstructionDistanceTest extends DeviceFixture {
  private static final int COUNT = 5;
  private static final int SIDE = 40;
  private static final int EACH = SIDE * SIDE * 3;

  @TempDir Path folder;

  private ReconstructionDistance metric(int batch) {
    return ReconstructionDistance.of(
        ReconstructionDistance.rfid(folder),
        "abc",
        PytorchFidFeatures.of(new InceptionV3(stream, 3), stream),
        batch);
  }

  /** Beyond [-1, 1] too, as decoders answer. */
  private static float[] images(long seed, int values, double spread) {
    Random random = new Random(seed);
    float[] out = new float[values];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) (spread * (2.2 * random.nextDouble() - 1.1));
    }
    return out;
  }

  private static final float[] REAL = images(1, COUNT * EACH, 1);
  private static final float[] FAKE = images(2, COUNT * EACH, 0.7);

  ReconstructionDistanceTest() {
    super("cpu");
  }

  private double distance(float[] a, float[] b, int batch) {
    try (ReconstructionDistance rfid = metric(batch)) {
      rfid.add(a, b, COUNT, SIDE, SIDE, 3);
      assertEquals(COUNT, rfid.count());
      return rfid.value();
    }
  }

  /** Straight from the definition: 8 bits, over 255, network, statistics, distance. */
  private FeatureStatistics statistics(float[] images) {
    FeatureStatistics out = new FeatureStatistics(InceptionV3.FEATURES);
    try (InceptionV3 network = new InceptionV3(stream, 3);
        TensorArena arena = new TensorArena(device, "test")) {
      for (int n = 0; n < COUNT; n++) {
        float[] pixels = new float[EACH];
        for (int i = 0; i < EACH; i++) {
          double level = Math.floor(Math.clamp(127.5 * images[n * EACH + i] + 128, 0.0, 255.0));
          pixels[i] = (float) level / 255;
        }
        Tensor x = arena.tensor(Shape.of(1, SIDE, SIDE, 3));
        x.set(stream, pixels);
        Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
        out.add(network.forward(tape, x).toFloats(stream));
        arena.reset();
      }
    }
    return out;
  }

  @Test
  @Tag("full")
  void isTheDistanceOfTheFeatures() {
    double expected = FrechetDistance.between(statistics(REAL), statistics(FAKE));
    assertTrue(expected > 0, "an uninteresting pair");
    assertEquals(expected, distance(REAL, FAKE, 1), 0);
    // Other batches round the features differently, by 10⁻⁶ of them or so.
    assertEquals(expected, distance(REAL, FAKE, 2), 1e-4 * expected);
    assertEquals(0, distance(REAL, REAL, 2), 1e-6 * expected);
  }

  private static byte[] png(float[] values, int offset, int height, int width, int channels) {
    byte[] bytes = new byte[height * width * channels];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) Psnr.toByte(values[offset + i]);
    }
    return Images.png(new Image(width, height, channels, bytes));
  }

  /** Folders of pictures of several sizes, one of them gray; the same batches as arrays form. */
  @Test
  void foldersGiveWhatArraysGive() throws IOException {
    float[] gray = images(4, 20 * 30, 1);
    float[] lighter = images(5, 20 * 30, 0.5);
    Path a = Files.createDirectory(folder.resolve("a"));
    Path b = Files.createDirectory(folder.resolve("b"));
    for (int i = 0; i < 3; i++) {
      Files.write(a.resolve(i + ".png"), png(REAL, i * EACH, SIDE, SIDE, 3));
      Files.write(b.resolve(i + ".png"), png(FAKE, i * EACH, SIDE, SIDE, 3));
    }
    Files.write(a.resolve("3.png"), png(gray, 0, 20, 30, 1));
    Files.write(b.resolve("3.png"), png(lighter, 0, 20, 30, 1));
    double expected;
    try (ReconstructionDistance rfid = metric(2)) {
      rfid.add(REAL_3, FAKE_3, 3, SIDE, SIDE, 3);
      rfid.add(gray, lighter, 1, 20, 30, 1);
      expected = rfid.value();
    }
    try (ReconstructionDistance rfid = metric(2)) {
      rfid.addAll(ImageFolder.open(a), ImageFolder.open(b));
      assertEquals(4, rfid.count());
      assertEquals(expected, rfid.value(), 0);
    }
  }

  private static final float[] REAL_3 = java.util.Arrays.copyOf(REAL, 3 * EACH);
  private static final float[] FAKE_3 = java.util.Arrays.copyOf(FAKE, 3 * EACH);

  @Test
  void withoutWeightsThereIsNoneAndThatIsSaid() throws IOException {
    List<String> said = new ArrayList<>();
    assertEquals(List.of(), extractors(Optional.empty(), said));
    assertEquals(1, said.size());
    assertTrue(said.getFirst().contains("rFID is left out"), said.getFirst());
    List<Extractor> nowhere = extractors(Optional.of(folder.resolve("none.safetensors")), said);
    assertThrows(IOException.class, () -> ReconstructionDistances.open(nowhere, stream, 8));
    assertEquals(1, said.size());
  }

  private static List<Extractor> extractors(Optional<Path> inception, List<String> said) {
    return ReconstructionDistances.extractors(inception, List.of(), Optional.empty(), said::add);
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (ReconstructionDistance rfid = metric(1)) {
      assertThrows(
          IllegalArgumentException.class, () -> rfid.add(REAL, FAKE_3, COUNT, SIDE, SIDE, 3));
      assertThrows(IllegalStateException.class, rfid::value);
    }
    Extractor rfid = ReconstructionDistance.rfid(folder);
    try (ImageFeatures features = PytorchFidFeatures.of(new InceptionV3(stream, 3), stream)) {
      assertThrows(
          IllegalArgumentException.class,
          () -> ReconstructionDistance.of(rfid, "abc", features, 0));
    }
  }
}
