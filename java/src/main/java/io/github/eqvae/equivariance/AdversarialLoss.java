package io.github.eqvae.equivariance;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.nn.LossCollector;
import io.github.eqvae.op.GanLoss;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The autoencoder's adversarial loss, weighted so that its gradient at the decoder's last weight is
 * as large as that of the reconstruction. Source: CompVis/taming-transformers {@code
 * taming/modules/losses/vqperceptual.py}, {@code calculate_adaptive_weight}.
 *
 * @param vae the autoencoder
 * @param discriminator frozen during this step
 * @param loss the weights
 */
record AdversarialLoss(Autoencoder vae, Discriminator discriminator, LossOptions loss) {
  private static final double ADAPTIVE_EPS = 1e-4;

  /**
   * Balances both losses at the decoder's last weight. Then it adds seeds at the reconstruction
   * itself, so that the backward pass runs through the decoder once, not once per loss.
   *
   * @param ofNll the reconstruction loss's gradients at the reconstructions
   */
  void seeds(
      Tape tape,
      List<Pass> passes,
      Map<Tensor, Tensor> ofNll,
      List<Seed> seeds,
      LossCollector report) {
    Stream stream = tape.stream();
    Tape judging = new Tape(stream, tape.arena(), Tape.Mode.RECORD);
    GanLoss.Kind kind =
        loss.ganLoss() == LossOptions.GanKind.NON_SATURATING
            ? GanLoss.Kind.SOFTPLUS_REAL
            : GanLoss.Kind.NEGATED;
    List<Seed> ganSeeds = new ArrayList<>();
    List<Tensor> reconstructions = new ArrayList<>();
    List<Tensor> ganLosses = new ArrayList<>();
    for (Pass p : passes) {
      Tensor image = judging.watch(p.reconstruction());
      Tensor logits = discriminator.forward(judging, image, true);
      Tensor g = judging.apply(new GanLoss(kind, 1.0 / logits.shape().elements()), logits);
      ganSeeds.add(judging.seed(g, p.share()));
      ganLosses.add(g);
      report.add("g_loss", g, p.share());
      reconstructions.add(p.reconstruction());
    }
    Map<Tensor, Tensor> ofGan = judging.lastGradients(ganSeeds, reconstructions);
    Tensor weight = tape.arena().tensor(Shape.SCALAR);
    double factor = loss.discWeight() * loss.discFactor();
    if (loss.adaptiveWeight()) {
      Tensor nllNorm = lastLayerNorm(tape, ofNll);
      Tensor ganNorm = lastLayerNorm(tape, ofGan);
      stream
          .launch(Fn.ADAPTIVE_WEIGHT, Struct.ADAPTIVE_WEIGHT_PARAMS)
          .f32(ADAPTIVE_EPS)
          .f32(loss.adaptiveMaximum())
          .f32(factor)
          .run(nllNorm, ganNorm, weight);
    } else {
      weight.fill(stream, factor);
    }
    report.add("d_weight", weight, 1);
    for (int i = 0; i < passes.size(); i++) {
      Tensor product = tape.arena().tensor(Shape.SCALAR);
      stream.launch(Fn.ADD_SCALED).run(null, ganLosses.get(i), weight, product);
      report.add("total", product, passes.get(i).share());
      Tensor r = reconstructions.get(i);
      Tensor combined = tape.arena().tensor(r.shape());
      stream.launch(Fn.ADD_SCALED).run(ofNll.get(r), ofGan.get(r), weight, combined);
      seeds.add(new Seed(r, combined));
    }
  }

  /**
   * The squared norm of the gradient at decoder.conv_out.weight, computed from gradients at the
   * images.
   */
  private Tensor lastLayerNorm(Tape tape, Map<Tensor, Tensor> atImages) {
    List<Seed> seeds = new ArrayList<>();
    atImages.forEach((image, gradient) -> seeds.add(new Seed(image, gradient)));
    Tensor w = vae.lastLayer().value();
    Tensor gradient = tape.gradients(seeds, List.of(w)).get(w);
    Tensor out = tape.arena().tensor(Shape.SCALAR);
    tape.stream().launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(1).f64(1).run(gradient, out);
    return out;
  }
}
