package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.Folders;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Pattern;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/**
 * The target of pictures: a name with the ending of a picture is a file, any other name a folder.
 * Files are PNG, or JPEG if the name ends so.
 */
final class PictureTarget {
  private static final Pattern WRITTEN = Pattern.compile("(?s).*\\.(png|jpe?g)");
  private static final Pattern OTHERS =
      Pattern.compile("(?s).*\\.(webp|gif|bmp|tiff?|avif|heic|jp2|jxl|ppm)");

  /** Extensions of files in which results are not written; a folder of that name is a mistake. */
  private static final Pattern OTHER_FILE =
      Pattern.compile(
          "(?s).*\\.(tar|tgz|gz|zip|npy|npz|pt|pth|ckpt|safetensors|png|jpe?g|webp|parquet)",
          Pattern.CASE_INSENSITIVE);

  private static final float JPEG_QUALITY = 0.95f;

  private PictureTarget() {}

  /**
   * Whether OUT is the file of a picture.
   *
   * @param in what is read
   * @param out where the results go
   * @throws EqvaeException.Argument when it is neither that nor a folder
   */
  static boolean isFile(Path in, Path out) {
    String name = String.valueOf(out.getFileName()).toLowerCase(Locale.ROOT);
    boolean picture = WRITTEN.matcher(name).matches();
    if (Files.isDirectory(out)) {
      return false;
    }
    if (OTHERS.matcher(name).matches()) {
      throw new EqvaeException.Argument(
          "OUT " + out + ": pictures are written as .png or .jpg; name such a file, or a folder");
    }
    if (Files.isDirectory(in) && (picture || Files.exists(out))) {
      throw new EqvaeException.Argument(
          "OUT " + out + " is one file, and IN " + in + " a folder of pictures; name a folder");
    }
    if (!picture) {
      requireFolderName(out, "OUT", "name a folder, or a file that ends with .png or .jpg");
    }
    if (!picture && Files.exists(out)) {
      throw new EqvaeException.Argument(
          "OUT " + out + " is a file; name a folder, or a file that ends with .png or .jpg");
    }
    return picture;
  }

  /** Whether all pictures go into one file {@code .npz}. */
  static boolean isArchive(Path out) {
    return out.toString().toLowerCase(Locale.ROOT).endsWith(".npz");
  }

  /**
   * Refuses a folder whose name has the extension of a file.
   *
   * @param out where the results go
   * @param named what the command line calls it
   * @param instead what may be named
   */
  static void requireFolderName(Path out, String named, String instead) {
    if (!Files.isDirectory(out) && OTHER_FILE.matcher(out.toString()).matches()) {
      throw new EqvaeException.Argument(named + " " + out + ": " + instead);
    }
  }

  /**
   * Refuses results inside the folder of pictures: the next command would take them for pictures,
   * and their folder for a class. Folders whose names begin with a dot are not read.
   *
   * @param in what is read
   * @param out where the results go
   * @throws IOException when the folders cannot be looked at
   */
  static void requireOutside(Path in, Path out) throws IOException {
    if (!Folders.isListedIn(out, in)) {
      return;
    }
    throw new EqvaeException.Argument(
        out
            + " lies in "
            + in
            + ", whose files are read: the next command would take the results for pictures, and"
            + " their folder for a class. Name a folder beside it");
  }

  /** Writes a picture, or leaves the file as it was. */
  static void write(Path file, Image image) throws IOException {
    boolean jpeg =
        String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT).matches("(?s).*\\.jpe?g");
    if (jpeg) {
      AtomicFiles.write(file, jpeg(image));
    } else {
      Images.writePng(file, image);
    }
  }

  private static byte[] jpeg(Image image) throws IOException {
    BufferedImage picture = ImageIO.read(new java.io.ByteArrayInputStream(Images.png(image)));
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
      ImageWriteParam param = writer.getDefaultWriteParam();
      param.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
      param.setCompressionQuality(JPEG_QUALITY);
      writer.setOutput(out);
      writer.write(null, new IIOImage(picture, null, null), param);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }
}
