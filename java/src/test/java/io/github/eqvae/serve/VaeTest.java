package io.github.eqvae.serve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MemoryStats;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The interface for programs that use a model. */
class VaeTest {
  @TempDir Path folder;

  @Test
  void encodesAndDecodesAsTheNetworkDoes() throws IOException {
    Path file = TinyModels.kl(folder);
    ImageBatch images = TinyModels.images(1, 16, 24, 1);
    try (Device device = Device.open("cpu", 2);
        Vae vae = Vae.load(file, device)) {
      assertEquals(4, vae.downsamplingFactor());
      assertEquals(2, vae.latentChannels());
      assertEquals(0, vae.codebookSize());
      Latents latents = vae.encode(images);
      ImageBatch again = vae.decode(latents);
      assertEquals(List.of(4, 6), List.of(latents.height(), latents.width()));
      assertEquals(List.of(16, 24, 3), List.of(again.height(), again.width(), again.channels()));
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file);
          Stream stream = new Stream(device);
          TensorArena arena = new TensorArena(device, "test");
          AutoencoderKl kl = checkpoint.load(stream, false)) {
        Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
        Tensor x = arena.tensor(Shape.of(1, 16, 24, 3));
        x.set(stream, images.pixels());
        Tensor moments = kl.encode(tape, x);
        Tensor z = arena.tensor(Shape.of(1, 4, 6, 2));
        kl.mode(tape, moments).copyTo(stream, z);
        assertArrayEquals(z.toFloats(stream), latents.values());
        assertArrayEquals(kl.decode(tape, z).toFloats(stream), again.pixels());
        float[] m = moments.toFloats(stream);
        Moments posterior = vae.moments(images);
        assertArrayEquals(latents.values(), posterior.mean());
        for (int i = 0; i < posterior.std().length; i++) {
          assertEquals(Math.exp(m[i / 2 * 4 + 2 + i % 2] / 2), posterior.std()[i], 1e-6);
        }
      }
    }
  }

  @Test
  void codesNeedACodebook() throws IOException {
    try (Device device = Device.open("cpu", 2);
        Vae vae = Vae.load(TinyModels.kl(folder), device)) {
      Codes codes = new Codes(1, 4, 6, new int[24]);
      EqvaeException.Unsupported e =
          assertThrows(EqvaeException.Unsupported.class, () -> vae.decode(codes));
      assertTrue(e.getMessage().contains("has no codebook"), e.getMessage());
    }
  }

  @Test
  void textsShowSizesAndNoAddresses() throws IOException {
    try (Device device = Device.open("cpu", 2);
        Vae vae = Vae.load(TinyModels.kl(folder), device)) {
      ImageBatch images = TinyModels.images(1, 16, 24, 1);
      Latents latents = vae.encode(images);
      assertEquals("ImageBatch[1, 16, 24, 3]", images.toString());
      assertEquals("Latents[1, 4, 6, 2, as encoded]", latents.toString());
      assertEquals("Moments[1, 4, 6, 2]", vae.moments(images).toString());
      assertEquals("Codes[1, 2, 1]", new Codes(1, 2, 1, new int[2]).toString());
      assertEquals("Vae[2 channels, 1/4 of the image's sides]", vae.toString());
      assertEquals("cpu (" + device.info().name() + ")", device.toString());
    }
  }

  @Test
  void samplesDependOnTheSeedAndTheNumberOfTheImageAlone() throws IOException {
    ImageBatch images = TinyModels.images(5, 8, 8, 2);
    try (Device device = Device.open("cpu", 2);
        Vae vae = Vae.load(TinyModels.kl(folder), device);
        Vae cut =
            Vae.load(
                TinyModels.kl(folder),
                device,
                VaeOptions.defaults().withBatch(2).withSessions(2))) {
      float[] all = vae.encode(images, Posterior.sample(7)).values();
      assertArrayEquals(all, vae.encode(images, Posterior.sample(7)).values());
      assertFalse(Arrays.equals(all, vae.encode(images, Posterior.sample(8)).values()));
      assertFalse(Arrays.equals(all, vae.encode(images).values()));
      int each = all.length / 5;
      // The same image with another number has other noise; in another batch it has the same.
      float[] last = vae.encode(images.part(4, 5), Posterior.sample(7).from(4)).values();
      assertClose(Arrays.copyOfRange(all, 4 * each, 5 * each), last);
      assertClose(all, cut.encode(images, Posterior.sample(7)).values());
    }
  }

  /** Other batches may have sums in another order. */
  private static void assertClose(float[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], 1e-4, "at " + i);
    }
  }

  @Test
  void latentsKnowWhetherTheyAreScaled() throws IOException {
    ImageBatch images = TinyModels.images(1, 8, 8, 3);
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(TinyModels.kl(folder), device);
        Vae unknown = Vae.load(TinyModels.unscaled(folder), device);
        Vae told =
            Vae.load(
                TinyModels.unscaled(folder),
                device,
                VaeOptions.defaults().withScaling(LatentScaling.of(2, 0)))) {
      Latents raw = vae.encode(images);
      Latents scaled = vae.scale(raw);
      assertFalse(raw.scaled());
      assertTrue(scaled.scaled());
      assertEquals((raw.values()[3] - 0.25f) * 0.5f, scaled.values()[3], 1e-6);
      assertClose(vae.decode(raw).pixels(), vae.decode(scaled).pixels());
      assertEquals(scaled, vae.scale(scaled));
      String message =
          assertThrows(EqvaeException.Argument.class, () -> unknown.scale(raw)).getMessage();
      assertTrue(message.contains("withScaling"), message);
      assertEquals(raw.values()[0] * 2, told.scale(raw).values()[0]);
      assertEquals(vae.weightsHash(), told.weightsHash());
      assertNotEquals(vae.weightsHash(), hashOfVq());
    }
  }

  private String hashOfVq() throws IOException {
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(TinyModels.vq(folder), device)) {
      return vae.weightsHash();
    }
  }

  @Test
  void discreteModelsGiveAndTakeCodes() throws IOException {
    ImageBatch images = TinyModels.images(3, 8, 12, 4);
    try (Device device = Device.open("cpu", 2);
        Vae vae = Vae.load(TinyModels.vq(folder), device, VaeOptions.defaults().withBatch(2))) {
      assertEquals(7, vae.codebookSize());
      Codes codes = vae.codes(images);
      assertEquals(3 * 2 * 3, codes.indices().length);
      assertTrue(Arrays.stream(codes.indices()).distinct().count() > 1, "one code only");
      // What is decoded from latents is the straight-through value, the code but for rounding.
      assertClose(vae.reconstruct(images).pixels(), vae.decode(codes).pixels());
      assertClose(vae.decode(codes).pixels(), vae.decode(codes, new Tiling(4)).pixels());
      assertThrows(EqvaeException.Unsupported.class, () -> vae.moments(images));
      Codes wrong = new Codes(1, 1, 1, new int[] {7});
      assertThrows(EqvaeException.Argument.class, () -> vae.decode(wrong));
    }
  }

  @Test
  void sizesThatDoNotFitAreNamedAndPadded() throws IOException {
    ImageBatch odd = TinyModels.images(1, 9, 14, 5);
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(TinyModels.kl(folder), device)) {
      String message =
          assertThrows(EqvaeException.Argument.class, () -> vae.encode(odd)).getMessage();
      assertTrue(message.contains("9×14") && message.contains("multiples of 4"), message);
      ImageBatch padded = odd.padToMultiple(4);
      assertEquals(List.of(12, 16), List.of(padded.height(), padded.width()));
      assertArrayEquals(odd.pixels(), padded.crop(9, 14).pixels());
      assertEquals(odd.pixels()[8 * 14 * 3], padded.pixels()[11 * 16 * 3], "not repeated");
      assertEquals(9, vae.reconstruct(padded).crop(9, 14).height());
      ImageBatch gray = new ImageBatch(1, 8, 8, 1, new float[64]);
      message = assertThrows(EqvaeException.Argument.class, () -> vae.encode(gray)).getMessage();
      assertTrue(message.contains("withChannels(3)"), message);
      assertArrayEquals(new float[192], gray.withChannels(3).pixels());
      assertEquals(0, gray.withChannels(3).withChannels(1).pixels()[63], 1 / 127.5); // 8 bits
      Latents wrong = new Latents(1, 2, 2, 3, new float[12], false);
      assertThrows(EqvaeException.Argument.class, () -> vae.decode(wrong));
      BufferedImage picture = new BufferedImage(8, 8, BufferedImage.TYPE_BYTE_GRAY);
      assertEquals(2 * 2 * 2, vae.encode(picture).values().length);
    }
  }

  @Test
  void layoutsAreThoseOfPyTorch() {
    ImageBatch images = TinyModels.images(2, 3, 5, 6);
    float[] nchw = images.toNchw();
    assertEquals(
        images.pixels()[((1 * 3 + 2) * 5 + 4) * 3 + 1], nchw[((1 * 3 + 1) * 3 + 2) * 5 + 4]);
    assertArrayEquals(images.pixels(), ImageBatch.ofNchw(2, 3, 3, 5, nchw).pixels());
    BufferedImage picture = images.toBufferedImage(1);
    assertArrayEquals(images.part(1, 2).pixels(), ImageBatch.of(picture).pixels(), 1e-6f);
  }

  /** Threads share a model: everybody gets what a lone caller gets, and nothing is allocated. */
  @Test
  void manyThreadsGetTheBitsOfOneAndAllocateNothing() throws Exception {
    int threads = 8;
    List<ImageBatch> images = new ArrayList<>();
    List<float[]> expected = new ArrayList<>();
    try (Device device = Device.open("cpu", 2);
        Vae vae =
            Vae.load(
                TinyModels.kl(folder), device, VaeOptions.defaults().withSessions(2).withBatch(1));
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < threads; i++) {
        images.add(TinyModels.images(1, 16, 16, 10 + i));
        expected.add(vae.decode(vae.encode(images.get(i))).pixels());
      }
      List<Future<?>> warm = new ArrayList<>();
      for (int i = 0; i < threads * 4; i++) {
        ImageBatch image = images.get(i % threads);
        warm.add(clients.submit(() -> vae.reconstruct(image)));
      }
      for (Future<?> f : warm) {
        f.get();
      }
      MemoryStats before = vae.memory();
      List<Future<float[]>> results = new ArrayList<>();
      for (int i = 0; i < threads * 25; i++) {
        ImageBatch image = images.get(i % threads);
        results.add(clients.submit(() -> vae.decode(vae.encode(image)).pixels()));
      }
      for (int i = 0; i < results.size(); i++) {
        assertArrayEquals(expected.get(i % threads), results.get(i).get());
      }
      assertEquals(before, vae.memory());
    }
  }

  @Test
  void closingWaitsForCallsAndRefusesLaterOnes() throws Exception {
    ImageBatch images = TinyModels.images(32, 32, 32, 7);
    try (Device device = Device.open("cpu", 1);
        ExecutorService client = Executors.newSingleThreadExecutor()) {
      Vae vae = Vae.load(TinyModels.kl(folder), device, VaeOptions.defaults().withBatch(1));
      vae.encode(images.part(0, 1));
      Future<Latents> running = client.submit(() -> vae.encode(images));
      while (vae.memory().totalBlocks() == 0 && !running.isDone()) {
        Thread.onSpinWait();
      }
      vae.close();
      vae.close();
      try {
        assertEquals(32, running.get().count());
      } catch (java.util.concurrent.ExecutionException late) { // it had not begun yet
        assertTrue(String.valueOf(late.getCause().getMessage()).contains("closed"));
      }
      String message =
          assertThrows(EqvaeException.Argument.class, () -> vae.encode(images)).getMessage();
      assertTrue(message.contains("closed"), message);
    }
  }

  @Test
  void theBestDeviceSaysWhyItIsNotAGpu() {
    try (Device device = Device.best()) {
      assertEquals(device.name().equals("cpu"), device.whyNotFaster().isPresent());
    }
  }

  @Test
  void whatCannotBeLoadedIsNamed() throws IOException {
    try (Device device = Device.open("cpu", 1)) {
      assertThrows(IOException.class, () -> Vae.load(folder.resolve("nowhere"), device));
      assertThrows(EqvaeException.Argument.class, () -> Vae.load(folder, device));
      Files.writeString(folder.resolve("recipe.yaml"), "model: {chh: 3}");
      String message =
          assertThrows(EqvaeException.Argument.class, () -> Vae.load(folder, device)).getMessage();
      assertTrue(message.contains("recipe.yaml") && message.contains("model.ch"), message);
    }
  }

  /** FLUX.2: half the sides, four times the channels, and back to the bit of a rounding. */
  @Test
  void squaresAreGatheredForGenerators() throws IOException {
    LatentScaling norm =
        LatentScaling.batchNorm(
            java.util.Collections.nCopies(8, 0.5),
            java.util.Collections.nCopies(8, 3.9999),
            2,
            1e-4);
    try (Device device = Device.open("cpu", 1);
        Vae vae =
            Vae.load(TinyModels.kl(folder), device, VaeOptions.defaults().withScaling(norm))) {
      Latents raw = vae.encode(TinyModels.images(2, 32, 16, 3));
      Latents scaled = vae.scale(raw);
      assertEquals(8, vae.scaledChannels());
      assertEquals(
          List.of(2, 4, 2, 8),
          List.of(scaled.count(), scaled.height(), scaled.width(), scaled.channels()));
      // Row 1, column 0 of the first square, channel 1.
      float z = raw.values()[raw.width() * 2 + 1];
      assertEquals((z - 0.5) / 2, scaled.values()[4 + 2], 1e-6);
      float[] back = vae.unscale(scaled).values();
      for (int i = 0; i < back.length; i++) {
        assertEquals(raw.values()[i], back[i], 1e-6);
      }
      Latents odd = vae.encode(TinyModels.images(1, 12, 16, 3));
      assertThrows(EqvaeException.Argument.class, () -> vae.scale(odd));
      assertThrows(
          EqvaeException.Argument.class,
          () -> vae.decode(new Latents(1, 4, 4, 2, new float[32], true)));
    }
  }
}
