package io.github.eqvae.io;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * Reads the formats of {@link ImageFormat}, and writes PNG. The format is recognised by content,
 * the EXIF orientation is applied, and sizes are checked before anything is allocated. A truncated
 * file is refused, not filled up with gray. RGB samples are used as they are stored: an embedded
 * colour profile is applied to CMYK only, as in the training code of PyTorch projects.
 */
public final class Images {
  private static final long MAX_FILE_BYTES = 1L << 30;

  private Images() {}

  /**
   * Reads a picture with the default options.
   *
   * @param file a file of one of the formats, whatever its name
   * @return the picture
   * @throws IOException if it cannot be read or decoded; the message names the file and the cause
   */
  public static Image read(Path file) throws IOException {
    return read(file, DecodeOptions.DEFAULT);
  }

  /**
   * Reads a picture.
   *
   * @param file a file of one of the formats, whatever its name
   * @param options limits, and how transparency is handled
   * @return the picture
   * @throws IOException if it cannot be read or decoded; the message names the file and the cause
   */
  public static Image read(Path file, DecodeOptions options) throws IOException {
    return read(file, options, PixelRows::whole);
  }

  /**
   * Reads a picture and cuts it. JPEG, PNG, BMP and TIFF pictures that do not fit into memory are
   * decoded in bands; the result has the same bits.
   *
   * @param file a file of one of the formats, whatever its name
   * @param options limits, and how transparency is handled
   * @param cut cuts the wanted part
   * @return the result of {@code cut}
   * @throws IOException if it cannot be read or decoded; the message names the file and the cause
   */
  public static Image read(Path file, DecodeOptions options, Function<PixelRows, Image> cut)
      throws IOException {
    byte[] bytes =
        Retrying.read(
            file,
            () -> {
              long size = Files.size(file);
              if (size > MAX_FILE_BYTES) {
                throw new ImageException(
                    file.toString(), "has " + size + " bytes, more than " + MAX_FILE_BYTES);
              }
              return Files.readAllBytes(file);
            });
    return decode(bytes, file.toString(), options, cut);
  }

  /**
   * Decodes a picture.
   *
   * @param bytes the file's content
   * @param name its name, for messages
   * @param options limits, and how transparency is handled
   * @return the picture
   * @throws ImageException if it cannot be decoded
   */
  public static Image decode(byte[] bytes, String name, DecodeOptions options)
      throws ImageException {
    return decode(bytes, name, options, PixelRows::whole);
  }

  /**
   * Decodes a picture and cuts it, as {@link #read(Path, DecodeOptions, Function)}.
   *
   * @param bytes the file's content
   * @param name its name, for messages
   * @param options limits, and how transparency is handled
   * @param cut cuts the wanted part
   * @return the result of {@code cut}
   * @throws ImageException if it cannot be decoded
   */
  public static Image decode(
      byte[] bytes, String name, DecodeOptions options, Function<PixelRows, Image> cut)
      throws ImageException {
    return decode(bytes, name, options, cut, DecodeMemory.HEAP);
  }

  /** The same with a limit of memory. */
  static Image decode(
      byte[] bytes,
      String name,
      DecodeOptions options,
      Function<PixelRows, Image> cut,
      DecodeMemory memory)
      throws ImageException {
    Optional<String> refusal = ImageFormat.refusalOfWhole(name, bytes);
    if (refusal.isPresent()) {
      throw new ImageException(name, refusal.get());
    }
    ImageFormat format = ImageFormat.of(bytes).orElseThrow();
    boolean isStored =
        options.orientation() == DecodeOptions.Orientation.STORED && format != ImageFormat.TIFF;
    int orientation = isStored ? 1 : Exif.orientation(bytes, format);
    // a picture that is turned is in memory twice for a moment
    int bytesPerPixel = format.bytesPerPixel() + (orientation == 1 ? 0 : 3);
    try {
      return switch (format) {
        case PNM -> cut.apply(Pnm.read(bytes, name, options));
        case WEBP -> cut.apply(Exif.upright(Webp.read(bytes, name, options), orientation));
        case JPEG, PNG, BMP, TIFF -> {
          try (ImageIoPicture picture = new ImageIoPicture(bytes, format, name, options)) {
            BandedPicture.Stored stored =
                new BandedPicture.Stored(
                    name, picture.width(), picture.height(), orientation, bytesPerPixel);
            yield decode(picture, stored, bytes.length, cut, memory);
          }
        }
      };
    } catch (OutOfMemoryError e) {
      // despite the estimate; no part of the picture is kept
      throw new ImageException(name, "there is not enough memory to decode it", e);
    }
  }

  /** Decodes the whole picture, or bands if it does not fit into memory. */
  private static Image decode(
      ImageIoPicture picture,
      BandedPicture.Stored stored,
      long file,
      Function<PixelRows, Image> cut,
      DecodeMemory memory)
      throws ImageException {
    int width = stored.width();
    int height = stored.height();
    String name = stored.name();
    int bytesPerPixel = stored.bytesPerPixel();
    if (memory.fits(width, height, bytesPerPixel)) {
      Image image;
      try (DecodeMemory.Share _ = memory.reserve(name, width, height, bytesPerPixel)) {
        image = picture.read();
      }
      return cut.apply(Exif.upright(image, stored.orientation()));
    }
    int across = stored.isTurned() ? height : width;
    int rows = memory.bandRows(across, bytesPerPixel, file);
    if (rows == 0) {
      throw memory.tooLarge(name, width, height, bytesPerPixel);
    }
    try (DecodeMemory.Share _ = memory.reserve(name, across, rows, 2 * bytesPerPixel)) {
      BandedPicture bands = new BandedPicture(picture::read, stored, rows, memory);
      Image result = cut.apply(bands);
      bands.readToEnd();
      return result;
    } catch (UncheckedIOException e) {
      if (e.getCause() instanceof ImageException broken) {
        throw broken;
      }
      throw e;
    }
  }

  static void checkSize(String name, int width, int height, DecodeOptions options)
      throws ImageException {
    long pixels = (long) width * height;
    // one array cannot be larger, whatever the options allow
    long limit = Math.min(options.maxPixels(), (Integer.MAX_VALUE - 8) / 4);
    if (width < 1 || height < 1 || pixels > limit) {
      throw new ImageException(
          name, "is " + width + "x" + height + ", expected 1 to " + limit + " pixels");
    }
  }

  /**
   * Converts a picture from AWT.
   *
   * @param image of any type
   * @param options how transparency and 16 bits are handled
   * @return gray if it is gray, else RGB
   * @throws ImageException if its pixels cannot be read
   */
  public static Image of(BufferedImage image, DecodeOptions options) throws ImageException {
    return Pixels.of(image, "the image", options, new Pixels.Stored(false, false));
  }

  /**
   * Converts a picture for AWT.
   *
   * @param image the picture
   * @return {@code TYPE_BYTE_GRAY} or {@code TYPE_3BYTE_BGR}
   */
  public static BufferedImage toBufferedImage(Image image) {
    BufferedImage buffered =
        new BufferedImage(
            image.width(),
            image.height(),
            image.channels() == 1 ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_3BYTE_BGR);
    int row = image.width() * image.channels();
    int[] samples = new int[row];
    for (int y = 0; y < image.height(); y++) {
      for (int i = 0; i < row; i++) {
        samples[i] = image.data()[y * row + i] & 0xff;
      }
      buffered.getRaster().setPixels(0, y, image.width(), 1, samples);
    }
    return buffered;
  }

  /**
   * Encodes a picture as PNG.
   *
   * @param image the picture
   * @return the file's content; the same picture gives the same bytes
   */
  public static byte[] png(Image image) {
    BufferedImage buffered = toBufferedImage(image);
    ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ImageOutputStream output = new MemoryCacheImageOutputStream(bytes)) {
      writer.setOutput(output);
      writer.write(buffered);
    } catch (IOException e) {
      throw new AssertionError("writing to memory cannot fail", e);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  /**
   * Writes or replaces a PNG file, atomically.
   *
   * @param file the file; its directory must exist
   * @param image the picture
   * @throws IOException if writing fails
   */
  public static void writePng(Path file, Image image) throws IOException {
    AtomicFiles.write(file, png(image));
  }
}
