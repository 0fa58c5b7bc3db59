package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.generator.PositionResize;
import io.github.eqvae.generator.VisionTransformer;
import io.github.eqvae.generator.VitConfig;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.checkpoint.MetricWeights.Published;
import io.github.eqvae.model.checkpoint.TransformersFolder;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * The list of DINOv2's published files (facebookresearch/dinov2), and the conversion of any of its
 * formats to a safetensors file with torch.hub's names, without tensors that only its training
 * uses. Nothing is downloaded.
 */
public final class Dinov2Weights {
  /** The metadata key for the number of heads in files that eqvae writes. */
  static final String HEADS = "eqvae.vit.heads";

  private static final String AT = "https://dl.fbaipublicfiles.com/dinov2/";

  private Dinov2Weights() {}

  /**
   * A published network.
   *
   * @param size the size
   * @param registers 0 or 4
   * @param file the published file
   */
  public record Network(VitConfig.Size size, int registers, Published file) {}

  /**
   * The published networks of the supported sizes, with torch.hub's file names.
   *
   * @return the networks, small ones first
   */
  public static List<Network> published() {
    List<Network> all = new ArrayList<>();
    add(
        all,
        VitConfig.Size.SMALL,
        "vits14",
        "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
        "f433177089a681826f849f194ece3bb48f4d63fb38d32fc837e3dc7a4e5641fb");
    add(
        all,
        VitConfig.Size.BASE,
        "vitb14",
        "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
        "73182a088cf94833c94b1666d1c99e02fe87e2007bff57b564fb6206e25dba71");
    add(
        all,
        VitConfig.Size.LARGE,
        "vitl14",
        "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
        "36e4deffbaef061a2576705b0c36f93621e2ae20bf6274694821b0b492551b51");
    return List.copyOf(all);
  }

  private static void add(
      List<Network> all, VitConfig.Size size, String arch, String plain, String registers) {
    all.add(new Network(size, 0, file(arch, "dinov2_" + arch + "_pretrain.pth", plain)));
    all.add(new Network(size, 4, file(arch, "dinov2_" + arch + "_reg4_pretrain.pth", registers)));
  }

  private static Published file(String arch, String name, String hash) {
    return new Published(name, AT + "dinov2_" + arch + "/" + name, "SHA-256", hash);
  }

  /**
   * Compares a file's hash with those of all published files.
   *
   * @param file the file
   * @return the published network that it is
   * @throws EqvaeException.Argument if it is none of them
   * @throws IOException if it cannot be read
   */
  public static Network check(Path file) throws IOException {
    String found = FileHash.sha256(TransformersFolder.weights(file).orElse(file));
    return published().stream()
        .filter(network -> network.file().hash().equals(found))
        .findFirst()
        .orElseThrow(
            () ->
                new EqvaeException.Argument(
                    file
                        + " is not a published file of torch.hub: its SHA-256 is "
                        + found
                        + ". "
                        + Invocation.shown("weights")
                        + " lists them. timm's and transformers' files have other hashes:"
                        + " --unchecked accepts them"));
  }

  /**
   * Writes a network in safetensors.
   *
   * @param from a file, or a folder of transformers, with the names of any of the three libraries
   * @param heads number of attention heads; empty for heads of 64 channels
   * @param out the file to write
   * @return the network's shape
   * @throws EqvaeException.Argument if it has no complete network
   * @throws IOException if a file cannot be read or written
   */
  public static VitConfig write(Path from, OptionalInt heads, Path out) throws IOException {
    try (VitCheckpoint checkpoint = VitCheckpoint.open(from, heads);
        Device device = Device.open("cpu"); // weights are only copied from file to file
        Stream stream = new Stream(device);
        VisionTransformer vit = checkpoint.load(stream, PositionResize.HUB)) {
      Map<String, String> metadata = new LinkedHashMap<>();
      metadata.put("format", "pt");
      metadata.put(HEADS, Integer.toString(vit.config().heads()));
      ModelFile.save(out, vit.parameters(), stream, metadata);
      return vit.config();
    }
  }
}
