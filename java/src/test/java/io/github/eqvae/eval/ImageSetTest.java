package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.io.Image;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pictures of a folder are read as the program of the protocol reads them. */
class ImageSetTest {
  @TempDir Path folder;

  /** A network that computes nothing. */
  private record Nothing(Protocol protocol) implements ImageFeatures {
    @Override
    public String name() {
      return "nothing";
    }

    @Override
    public int size() {
      return 1;
    }

    @Override
    public Values of(List<Image> images) {
      return new Values(new float[images.size()], new float[0], new float[0]);
    }

    @Override
    public void close() {
      // has nothing
    }
  }

  /** A JPEG of 24×16 pixels whose EXIF says that it is to be turned by a quarter. */
  private static byte[] turned() throws IOException {
    ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
    ImageIO.write(new BufferedImage(24, 16, BufferedImage.TYPE_INT_RGB), "jpg", jpeg);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] all = jpeg.toByteArray();
    out.write(all, 0, 2);
    out.write(
        new byte[] {
          (byte) 0xff,
          (byte) 0xe1,
          0,
          34,
          'E',
          'x',
          'i',
          'f',
          0,
          0,
          'M',
          'M',
          0,
          42,
          0,
          0,
          0,
          8,
          0,
          1,
          1,
          18,
          0,
          3,
          0,
          0,
          0,
          1,
          0,
          6,
          0,
          0,
          0,
          0,
          0,
          0
        });
    out.write(all, 2, all.length - 2);
    return out.toByteArray();
  }

  private List<String> sizes(Protocol protocol) throws IOException {
    List<String> sizes = new ArrayList<>();
    new ImageSet(folder)
        .measure(
            new Nothing(protocol),
            "",
            image -> sizes.add(image.width() + "×" + image.height()),
            (name, why) -> {},
            n -> {})
        .close();
    return sizes;
  }

  /** pytorch-fid, dgm-eval and guided-diffusion open pictures with Pillow, which does not turn. */
  @Test
  void onlyOursTurnsPictures() throws IOException {
    Files.write(folder.resolve("a.jpg"), turned());
    Files.write(folder.resolve("b.jpg"), turned());
    assertEquals(List.of("16×24", "16×24"), sizes(Protocol.CLASSIFIER));
    for (Protocol whose : List.of(Protocol.PYTORCH_FID, Protocol.DINOV2, Protocol.ADM)) {
      assertEquals(List.of("24×16", "24×16"), sizes(whose), whose.name());
    }
  }
}
