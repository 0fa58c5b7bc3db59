package io.github.eqvae.eval;

import io.github.eqvae.Version;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tensor.Stream;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** All that the figures of a batch depend on beside its images. */
record EvaluationKey(
    Autoencoder vae, @Nullable Lpips lpips, ReconstructionDistances distances, Stream stream) {
  Map<String, String> of(
      int side, Collection<String> transforms, Ssim.Variant ssim, OptionalLong seed) {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("version of eqvae", Version.TEXT);
    all.put("device", stream.device().toString());
    all.put("autoencoder", WeightsHash.of(vae.parameters(), stream));
    all.put("weights of LPIPS", lpips == null ? "" : WeightsHash.of(lpips.parameters(), stream));
    all.putAll(distances.weights());
    all.put("side of images", Integer.toString(side));
    all.put("transforms", String.join(" ", transforms));
    all.put("SSIM", ssim.toString());
    all.put("posterior", seed.toString());
    return all;
  }
}
