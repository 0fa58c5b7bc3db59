package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.RepaLoss;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
import io.github.eqvae.generator.checkpoint.TrainingArguments;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchValue.PyFloat;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A run's recipe as options of the references' {@code train.py}, as far as these have them.
 * Sources: facebookresearch/DiT, willisma/SiT, sihyun-yu/REPA.
 */
final class RunArguments {
  private RunArguments() {}

  static Map<String, TorchValue> of(GeneratorRecipe recipe) {
    DitConfig network = recipe.model().config();
    Map<String, TorchValue> all =
        new LinkedHashMap<>(
            TrainingArguments.of(
                DitSize.name(network),
                network,
                recipe.alignment().shape(),
                recipe.process().process()));
    OptimizerRecipe o = recipe.optimizer();
    int batch = recipe.run().batchSize();
    if (!(recipe.process() instanceof RepaRecipe repa)) {
      all.put("global_batch_size", new PyInt((long) batch * o.accumulate()));
      all.put("global_seed", new PyInt(recipe.run().seed()));
      return all;
    }
    all.put("batch_size", new PyInt(batch));
    all.put("gradient_accumulation_steps", new PyInt(o.accumulate()));
    all.put("max_train_steps", new PyInt(recipe.run().steps()));
    all.put("learning_rate", new PyFloat(o.learningRate()));
    all.put("adam_beta1", new PyFloat(o.betas().get(0)));
    all.put("adam_beta2", new PyFloat(o.betas().get(1)));
    all.put("adam_weight_decay", new PyFloat(o.weightDecay()));
    all.put("adam_epsilon", new PyFloat(o.eps()));
    o.gradientClip().ifPresent(norm -> all.put("max_grad_norm", new PyFloat(norm)));
    all.put("seed", new PyInt(recipe.run().seed()));
    all.put("cfg_prob", new PyFloat(recipe.model().classDropout()));
    all.put("proj_coeff", new PyFloat(recipe.alignment().coefficient()));
    all.put(
        "weighting", new PyStr(repa.times() == RepaLoss.Times.UNIFORM ? "uniform" : "lognormal"));
    return all;
  }
}
