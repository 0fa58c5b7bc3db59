package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsWriter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Converts the published weights of LPIPS and rFID into the files that this library reads: the same
 * numbers with the names used here, in single precision. Nothing is downloaded.
 */
public final class MetricWeights {
  /**
   * A published file.
   *
   * @param name as it is published
   * @param url where
   * @param algorithm name of the hash in {@link MessageDigest}
   * @param hash in hexadecimal digits; may be only its beginning, as in PyTorch's file names
   */
  public record Published(String name, String url, String algorithm, String hash) {
    /**
     * Compares a file with the published one.
     *
     * @param file the file
     * @throws IOException if it cannot be read
     * @throws EqvaeException.Argument if it differs; the message has both hashes
     */
    public void check(Path file) throws IOException {
      String found = digest(file, algorithm);
      if (!found.startsWith(hash)) {
        throw new EqvaeException.Argument(
            "%s is not the published %s: its %s is %s, expected %s%s.%nDownload it again from %s"
                .formatted(
                    file,
                    name,
                    algorithm,
                    found,
                    hash,
                    hash.length() < found.length() ? "…" : "",
                    url));
      }
    }
  }

  /** torchvision's VGG16, trained on ImageNet. */
  public static final Published VGG16 =
      new Published(
          "vgg16-397923af.pth",
          "https://download.pytorch.org/models/vgg16-397923af.pth",
          "SHA-256",
          "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0");

  /** The heads of LPIPS 0.1 over it; the same file is in LPIPS' own repository. */
  public static final Published LPIPS_HEADS =
      new Published(
          "vgg.pth",
          "https://heibox.uni-heidelberg.de/f/607503859c864bc1b30b/?dl=1",
          "SHA-256",
          "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868");

  /** TensorFlow's Inception-v3 of 2015-12-05, as pytorch-fid ported it. */
  public static final Published INCEPTION =
      new Published(
          "pt_inception-2015-12-05-6726825d.pth",
          "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
              + "pt_inception-2015-12-05-6726825d.pth",
          "SHA-256",
          "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2");

  /** The positions of the convolutions among the layers of VGG16, and their output channels. */
  private static final int[][] VGG_LAYERS = {
    {0, 64}, {2, 64}, {5, 128}, {7, 128}, {10, 256}, {12, 256}, {14, 256}, {17, 512}, {19, 512},
    {21, 512}, {24, 512}, {26, 512}, {28, 512}
  };

  private static final int[] HEADS = {64, 128, 256, 512, 512};
  private static final int CHUNK = 1 << 20;

  private MetricWeights() {}

  private static String digest(Path file, String algorithm) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest hash = MessageDigest.getInstance(algorithm);
      byte[] buffer = new byte[CHUNK];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        hash.update(buffer, 0, n);
      }
      return HexFormat.of().formatHex(hash.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new EqvaeException.Internal("no " + algorithm + " in this Java runtime", e);
    }
  }

  /**
   * Writes the weights of LPIPS.
   *
   * @param vgg torchvision's VGG16, with or without the classifier
   * @param heads the five heads; other tensors in the file are not read
   * @param out the safetensors file to write
   * @throws IOException if a file cannot be read or written
   * @throws EqvaeException.Argument if a tensor is missing or has another shape; the message names
   *     all
   */
  public static void writeLpips(Path vgg, Path heads, Path out) throws IOException {
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    try (CheckpointFile file = CheckpointFile.open(vgg)) {
      int in = 3;
      for (int[] layer : VGG_LAYERS) {
        String name = "features." + layer[0];
        add(file, name + ".weight", "net.", entries, problems, layer[1], in, 3, 3);
        add(file, name + ".bias", "net.", entries, problems, layer[1]);
        in = layer[1];
      }
      require(vgg, problems, "torchvision's VGG16");
    }
    try (CheckpointFile file = CheckpointFile.open(heads)) {
      for (int i = 0; i < HEADS.length; i++) {
        add(file, "lin" + i + ".model.1.weight", "", entries, problems, 1, HEADS[i], 1, 1);
      }
      require(heads, problems, "the heads of LPIPS over VGG16");
    }
    SafetensorsWriter.write(out, entries, Map.of("format", "pt"));
  }

  /**
   * Writes the weights of rFID's Inception.
   *
   * @param inception pytorch-fid's file
   * @param out the safetensors file to write
   * @throws IOException if a file cannot be read or written
   * @throws EqvaeException.Argument if it is no Inception-v3
   */
  public static void writeInception(Path inception, Path out) throws IOException {
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    try (CheckpointFile file = CheckpointFile.open(inception)) {
      if (!file.tensors().containsKey("Mixed_7c.branch_pool.conv.weight")) {
        throw new EqvaeException.Argument(
            inception
                + " is no Inception-v3: it has no Mixed_7c.branch_pool.conv.weight"
                + ForeignModel.recognise(file.tensors().keySet())
                    .map(what -> "; it is " + what)
                    .orElse(""));
      }
      file.tensors()
          .forEach(
              (name, tensor) -> {
                if (FloatType.of(tensor.dtype()).isPresent()) { // not the counters of batches
                  entries.add(
                      SafetensorsWriter.Entry.floats(name, tensor.floats(), tensor.shape()));
                }
              });
    }
    SafetensorsWriter.write(out, entries, Map.of("format", "pt"));
  }

  private static void add(
      CheckpointFile file,
      String name,
      String prefix,
      List<SafetensorsWriter.Entry> entries,
      List<String> problems,
      long... shape) {
    StoredTensor tensor = file.tensors().get(name);
    if (tensor == null) {
      problems.add("missing " + name + " " + Arrays.toString(shape));
    } else if (!Arrays.equals(tensor.shape(), shape)) {
      problems.add(tensor + ", expected " + Arrays.toString(shape));
    } else {
      entries.add(SafetensorsWriter.Entry.floats(prefix + name, tensor.floats(), shape));
    }
  }

  private static void require(Path file, List<String> problems, String what) {
    if (!problems.isEmpty()) {
      throw new EqvaeException.Argument(
          file + " is not " + what + ":\n  " + String.join("\n  ", problems));
    }
  }

  /**
   * The published files and their use.
   *
   * @return purpose to files
   */
  public static Map<String, List<Published>> all() {
    Map<String, List<Published>> map = new LinkedHashMap<>();
    map.put("lpips", List.of(VGG16, LPIPS_HEADS));
    map.put("inception", List.of(INCEPTION));
    return map;
  }
}
