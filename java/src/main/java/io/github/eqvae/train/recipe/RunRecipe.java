package io.github.eqvae.train.recipe;

import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.tensor.MathMode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code run}: length, device, and what is written during the run.
 *
 * <p>A step is one update of the parameters: {@code optimizer.accumulate} batches.
 *
 * @param steps updates in total, those before a resume included; required
 * @param batchSize {@code batch_size}: images per batch; default 10. Source: paper, for
 *     autoencoders (DiT, SiT: 256)
 * @param seed seed of initialisation, data order, τ and noise; default 0. Source: DiT and SiT:
 *     train.py; autoencoders: ours
 * @param emaDecay {@code ema_decay}: decay of the exponential moving average of the weights, in (0,
 *     1); default none: no average. Source: released: no average (DiT, SiT: 0.9999)
 * @param emaRule {@code ema_rule}: {@code constant}, {@code ema_decay} from the first update on, or
 *     {@code warmup}, min(ema_decay, (1 + n) / (10 + n)) after n updates; default {@code warmup}.
 *     Source: LDM: LitEma (DiT, SiT: constant)
 * @param recompute which activations the backward pass computes again instead of keeping them;
 *     default {@code none}. Source: ours: fastest
 * @param logEvery {@code log_every}: steps between metric lines; default 50. Source: ours
 * @param validateEvery {@code validate_every}: steps between validations; default 500; 0 never.
 *     Source: ours
 * @param saveEvery {@code save_every}: steps between checkpoints; default 1000; 0 only at the end.
 *     Source: ours
 * @param sampleEvery {@code sample_every}: steps between picture grids; default 500; 0 never.
 *     Source: ours (released: 1000)
 * @param keep number of checkpoints that are kept, the newest; default 3. Source: ours: a fault of
 *     the disk rarely hits three
 * @param maxConsecutiveNonfinite {@code max_consecutive_nonfinite}: the run stops after so many
 *     skipped updates in a row (NaN or infinity in loss or gradient norm); default 10. Source:
 *     ours: single ones are harmless
 * @param device {@code cpu}, {@code cuda} or {@code cuda:N}, {@code simt} or {@code simt:1};
 *     default {@code cpu}. Source: ours: no GPU has run it yet
 * @param threads threads of the CPU backend; default 0, or {@code auto}: one for each physical core
 *     that the process may use. Source: ours: fastest alone on a machine
 * @param precision precision of activations and products: {@code fp32}, {@code tf32} or {@code
 *     bf16} ({@code cuda}), {@code bf16_products} ({@code cpu}: fp32, with factors of products
 *     rounded to bf16), or {@code auto}, bf16 on {@code cuda} and fp32 elsewhere; default {@code
 *     auto}. Source: ours (released: fp32; DiT, SiT: TF32)
 * @param graphs capture steps and launch them as a whole: {@code auto}, if the device can, or
 *     {@code off}; default {@code auto}. Source: ours: the same bits with fewer launches
 * @param packedWeights {@code packed_weights}: keep a second copy of weights, today the
 *     convolutions', in the order that tensor cores read; default {@code auto}. Source: ours: the
 *     same bits with fewer launches
 * @param bestMetric {@code best_metric}: the metric by which the best model of all validations is
 *     kept, beside the final one; which metrics there are depends on the task; default {@code
 *     none}. Source: ours: published models are those of the end
 * @param earlyStop {@code early_stop}: the run ends after so many validations in a row that are not
 *     better by {@code best_metric}; default 0: never. Source: ours: published runs have a fixed
 *     length
 * @param gradientOrder {@code gradient_order}: how several ranks add up their gradients: {@code
 *     fixed}, in the order of the micro-batches, with the bits of one rank; or {@code library}, as
 *     NCCL's all-reduce does, once per step, which sends less but has other bits; default {@code
 *     fixed}. Source: ours: results do not depend on the number of ranks
 */
public record RunRecipe(
    long steps,
    int batchSize,
    long seed,
    Optional<Double> emaDecay,
    EmaRule emaRule,
    Recompute recompute,
    long logEvery,
    long validateEvery,
    long saveEvery,
    long sampleEvery,
    int keep,
    int maxConsecutiveNonfinite,
    String device,
    int threads,
    Precision precision,
    Graphs graphs,
    PackedWeights packedWeights,
    String bestMetric,
    int earlyStop,
    GradientOrder gradientOrder) {
  /** Keeps no best model. */
  public static final String NO_METRIC = "none";

  /** What activations are stored and multiplied in; parameters and sums stay single precision. */
  public enum Precision {
    /** {@code bf16} on {@code cuda}, {@code fp32} elsewhere. */
    AUTO,
    /** Single precision. */
    FP32,
    /**
     * Single precision, but matrices are multiplied in TF32 on tensor cores; needs {@code cuda}.
     */
    TF32,
    /** bfloat16, with sums in single precision; needs {@code cuda}. */
    BF16,
    /**
     * Single precision, but factors of matrix products are rounded to bfloat16: faster on
     * processors that multiply bfloat16 (AVX-512-BF16, AMX), emulated on others; needs {@code cpu}.
     */
    BF16_PRODUCTS
  }

  /** How a step's operations reach the device. The results are the same bits. */
  public enum Graphs {
    /**
     * As graphs, one for each kind of step (each τ), where the device has them ({@code cuda}); else
     * one by one.
     */
    AUTO,
    /** One by one. */
    OFF
  }

  /**
   * Where operations find their weights in the order of tensor cores. The results are the same
   * bits.
   */
  public enum PackedWeights {
    /** In bf16 on {@code cuda}: in a copy that the optimiser writes, 4 bytes per weight. */
    AUTO,
    /** In a copy that every call makes. */
    OFF
  }

  /** How several ranks add up their gradients. One rank does not ask. */
  public enum GradientOrder {
    /** In the order of the micro-batches. */
    FIXED,
    /** As NCCL's all-reduce does; each rank first adds up its own. */
    LIBRARY
  }

  /**
   * The dtype of activations.
   *
   * @param where what computes or plans this run
   * @return BF16 or the device's own dtype
   */
  public DType activations(Device where) {
    boolean bf16 =
        precision == Precision.BF16
            || precision == Precision.AUTO && DeviceInfo.expected(device).prefersBf16();
    return bf16 ? DType.BF16 : where.dtype();
  }

  /**
   * Whether copies of weights are kept in the order of tensor cores.
   *
   * @param where what computes or plans this run
   * @return true where activations are bf16, unless the recipe says otherwise
   */
  public boolean keepsPackedWeights(Device where) {
    return packedWeights == PackedWeights.AUTO && activations(where) == DType.BF16;
  }

  /**
   * How fp32 matrices are multiplied.
   *
   * @return TF32 or BF16 where the recipe says so
   */
  public MathMode math() {
    return switch (precision) {
      case TF32 -> MathMode.TF32;
      case BF16_PRODUCTS -> MathMode.BF16;
      case AUTO, FP32, BF16 -> MathMode.FP32;
    };
  }

  /** How the decay of the moving average starts. */
  public enum EmaRule {
    /** {@code ema_decay} from the first update on. */
    CONSTANT,
    /**
     * min({@code ema_decay}, (1 + n) / (10 + n)) in update n, from 1 (LitEma of latent-diffusion).
     */
    WARMUP;

    /**
     * The decay of an update.
     *
     * @param decay {@code ema_decay}
     * @param updates updates of the average before it
     * @return in [0, 1)
     */
    public double decay(double decay, long updates) {
      long n = updates + 1;
      return this == WARMUP ? Math.min(decay, (1.0 + n) / (10.0 + n)) : decay;
    }
  }

  /** What the backward pass computes again instead of keeping. */
  public enum Recompute {
    /** Nothing: fastest, most memory. */
    NONE,
    /** The inside of each residual and attention block. */
    BLOCK
  }

  /**
   * Reads the section.
   *
   * @param in its fields
   * @return the section
   */
  public static RunRecipe read(RecipeFields in) {
    return new RunRecipe(
        in.requiredInteger("steps", 1, Long.MAX_VALUE, "the number of updates"),
        in.integer("batch_size", 10, 1, 65_536),
        in.longInteger("seed", 0, 0, Long.MAX_VALUE),
        in.optionalNumber("ema_decay", new Range(0, false, 1, false)),
        in.choice("ema_rule", EmaRule.WARMUP),
        in.choice("recompute", Recompute.NONE),
        in.longInteger("log_every", 50, 1, Long.MAX_VALUE),
        in.longInteger("validate_every", 500, 0, Long.MAX_VALUE),
        in.longInteger("save_every", 1000, 0, Long.MAX_VALUE),
        in.longInteger("sample_every", 500, 0, Long.MAX_VALUE),
        in.integer("keep", 3, 1, 10_000),
        in.integer("max_consecutive_nonfinite", 10, 1, 1_000_000),
        in.text(
            "device",
            DeviceInfo.DEFAULT,
            "cpu, cuda:N (cuda is cuda:0) or simt",
            DeviceInfo::trains),
        in.integerOrAuto("threads", 1024),
        in.choice("precision", Precision.AUTO),
        in.choice("graphs", Graphs.AUTO),
        in.choice("packed_weights", PackedWeights.AUTO),
        in.text("best_metric", NO_METRIC, "the name of a metric, or none", t -> !t.isBlank()),
        in.integer("early_stop", 0, 0, 1_000_000),
        in.choice("gradient_order", GradientOrder.FIXED));
  }

  /**
   * Adds a problem for each contradiction between values.
   *
   * @param problems is told of it
   */
  public void check(RecipeProblems problems) {
    DeviceInfo where = DeviceInfo.expected(device);
    boolean ofGpu = precision == Precision.BF16 || precision == Precision.TF32;
    if (ofGpu && !where.hasTensorCores()) {
      problems.add(
          "run.precision",
          RecipeFields.name(precision)
              + " needs run.device cuda; the CPU stores numbers in single precision: use auto or"
              + " fp32, or bf16_products");
    }
    boolean choosesBest = !bestMetric.equals(NO_METRIC);
    if (earlyStop > 0 && !choosesBest) {
      problems.add("run.early_stop", earlyStop + " without run.best_metric; say by which metric");
    }
    if (choosesBest && validateEvery == 0) {
      problems.add("run.best_metric", "run.validate_every is 0: it is measured at the end only");
    }
    if (precision == Precision.BF16_PRODUCTS && !where.roundsFactorsToBf16()) {
      problems.add(
          "run.precision",
          "bf16_products needs run.device cpu; a GPU's are bf16, and tf32 for numbers in single"
              + " precision");
    }
  }

  /**
   * The section as it is written.
   *
   * @return values by key, defaults included
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("steps", steps);
    map.put("batch_size", batchSize);
    map.put("seed", seed);
    map.put("ema_decay", emaDecay);
    map.put("ema_rule", RecipeFields.name(emaRule));
    map.put("recompute", RecipeFields.name(recompute));
    map.put("log_every", logEvery);
    map.put("validate_every", validateEvery);
    map.put("save_every", saveEvery);
    map.put("sample_every", sampleEvery);
    map.put("keep", keep);
    map.put("max_consecutive_nonfinite", maxConsecutiveNonfinite);
    map.put("device", device);
    map.put("threads", threads);
    map.put("precision", RecipeFields.name(precision));
    map.put("graphs", RecipeFields.name(graphs));
    map.put("packed_weights", RecipeFields.name(packedWeights));
    map.put("best_metric", bestMetric);
    map.put("early_stop", earlyStop);
    map.put("gradient_order", RecipeFields.name(gradientOrder));
    return map;
  }
}
