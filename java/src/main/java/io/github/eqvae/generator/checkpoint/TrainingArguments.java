package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchValue.PyBool;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyNone;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The options with which the references' {@code train.py} would train a network, under their names:
 * what the network and its process determine. Sources: facebookresearch/DiT, willisma/SiT,
 * sihyun-yu/REPA.
 */
public final class TrainingArguments {
  /** Side of an image for each latent pixel: all references use an autoencoder of f8. */
  private static final int DOWNSAMPLING = 8;

  private TrainingArguments() {}

  /**
   * The options.
   *
   * @param size such as {@code XL/2}; empty for sizes without a name
   * @param network the network
   * @param alignment REPA's projectors; empty for none
   * @param process how it was trained
   * @return values by name
   */
  public static Map<String, TorchValue> of(
      Optional<String> size,
      DitConfig network,
      Optional<Alignment> alignment,
      GeneratorProcess process) {
    Map<String, TorchValue> all = new LinkedHashMap<>();
    boolean lightning = network.rope() || network.swiGlu() || network.rmsNorm();
    String family =
        lightning ? "LightningDiT" : process instanceof GeneratorProcess.Steps ? "DiT" : "SiT";
    size.ifPresent(name -> all.put("model", new PyStr(family + "-" + name)));
    PyInt side = new PyInt((long) DOWNSAMPLING * network.side());
    all.put("num_classes", new PyInt(network.classes()));
    alignment.ifPresent(a -> all.put("encoder_depth", new PyInt(a.depth())));
    switch (process) {
      case GeneratorProcess.Steps _ -> all.put("image_size", side);
      case GeneratorProcess.Flow flow -> {
        Transport t = flow.transport();
        all.put("image_size", side);
        all.put("path_type", new PyStr(path(t.path())));
        all.put("prediction", new PyStr(lower(t.prediction())));
        boolean weighted = t.weight() != Transport.Weight.NONE;
        all.put("loss_weight", weighted ? new PyStr(lower(t.weight())) : PyNone.NONE);
      }
      case GeneratorProcess.Repa repa -> {
        all.put("resolution", side);
        all.put("qk_norm", new PyBool(network.qkNorm()));
        boolean linear = repa.path() == Interpolant.LINEAR;
        all.put("path_type", new PyStr(linear ? "linear" : "cosine"));
        all.put("prediction", new PyStr("v"));
      }
    }
    return all;
  }

  private static String path(Interpolant path) {
    return path == Interpolant.LINEAR ? "Linear" : path.name();
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
