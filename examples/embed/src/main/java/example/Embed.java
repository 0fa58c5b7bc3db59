package example;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.imageio.ImageIO;

/** Encodes an image from eight threads at once and writes what is decoded. */
public final class Embed {
  private static final int CLIENTS = 8;

  private Embed() {}

  /**
   * Runs the example.
   *
   * @param arguments a model, an image, and the PNG file to write
   * @throws Exception if a file cannot be read or written
   */
  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 3) {
      throw new IllegalArgumentException("expected: MODEL IMAGE OUT");
    }
    BufferedImage image = ImageIO.read(Path.of(arguments[1]).toFile());
    VaeOptions options = VaeOptions.defaults().withSessions(2);
    try (Device device = Device.best();
        Vae vae = Vae.load(Path.of(arguments[0]), device, options);
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      device.whyNotFaster().ifPresent(why -> System.out.println("on the CPU: " + why));
      ImageBatch batch =
          ImageBatch.of(image)
              .withChannels(vae.imageChannels()) // gray or RGB
              .padToMultiple(vae.downsamplingFactor()); // 8 for SD-VAE
      List<Future<Latents>> results = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        results.add(clients.submit(() -> vae.encode(batch)));
      }
      Latents latents = results.getFirst().get();
      System.out.printf(
          "latents of %d×%d with %d channels%n",
          latents.height(), latents.width(), latents.channels());
      if (vae.scaling().isPresent()) { // what a generator is trained on
        Latents scaled = vae.scale(latents);
        System.out.printf("first value %f, scaled %f%n", latents.values()[0], scaled.values()[0]);
      }
      ImageBatch again = vae.decode(latents).crop(image.getHeight(), image.getWidth());
      ImageIO.write(again.toBufferedImage(0), "png", Path.of(arguments[2]).toFile());
      System.out.println("wrote " + arguments[2]);
    } catch (EqvaeException | IOException e) { // the messages say what is wrong and what to do
      System.err.println(e.getMessage());
      System.exit(1);
    }
  }
}
