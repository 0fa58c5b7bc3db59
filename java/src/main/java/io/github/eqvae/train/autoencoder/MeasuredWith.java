package io.github.eqvae.train.autoencoder;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.Version;
import io.github.eqvae.eval.Protocol;
import io.github.eqvae.eval.ReconstructionDistances;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The weights that figures were computed with. Only figures with equal weights can be compared.
 *
 * @param autoencoderSha256 of the measured weights, as latents and samples name it
 * @param lpipsSha256 of the file of LPIPS; empty without one
 * @param inceptionSha256 of the file of the rFID's network; empty without one
 */
public record MeasuredWith(
    String autoencoderSha256, Optional<String> lpipsSha256, Optional<String> inceptionSha256) {
  /** Why a result has no LPIPS. */
  public static final String NO_LPIPS =
      "left out: it needs the weights of VGG16 and of its heads, and no file is named";

  /**
   * Hashes the files.
   *
   * @param vae what is measured
   * @param stream waited for
   * @param lpips the file of LPIPS
   * @param inception the file of the rFID's network
   * @return their hashes
   * @throws IOException when a file cannot be read
   */
  public static MeasuredWith of(
      Autoencoder vae, Stream stream, Optional<Path> lpips, Optional<Path> inception)
      throws IOException {
    return new MeasuredWith(WeightsHash.of(vae.parameters(), stream), hash(lpips), hash(inception));
  }

  /**
   * Whether results have a distance of reconstructions, rFID included, beside which PSNR, SSIM and
   * LPIPS, or {@link #NO_LPIPS}, are shown: alone, a small distance can hide blurred or invented
   * detail.
   *
   * @param results the content of {@code evaluation.json}
   * @return true if there is one
   */
  public static boolean hasDistances(JsonNode results) {
    return ReconstructionDistances.names().keySet().stream()
        .anyMatch(key -> results.path(key).isNumber());
  }

  private static Optional<String> hash(Optional<Path> file) throws IOException {
    return file.isPresent() ? Optional.of(FileHash.sha256(file.get())) : Optional.empty();
  }

  /**
   * For programs.
   *
   * @return values by name
   */
  Map<String, Object> json() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("evaluator", Version.TEXT);
    map.put("autoencoder_sha256", autoencoderSha256);
    lpipsSha256.ifPresent(h -> map.put("lpips_sha256", h));
    inceptionSha256.ifPresent(
        h -> {
          map.put("rfid_protocol", Protocol.PYTORCH_FID.toString());
          map.put("rfid_sha256", h);
        });
    return map;
  }
}
