package io.github.eqvae.op;

import io.github.eqvae.op.In.Layout;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.testing.TorchOracle.Function;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/**
 * Every operation with the inputs it is tried on: odd sizes, one image, one channel, views, every
 * option.
 */
final class OpCases implements CaseSink {
  private static final Map<Class<? extends Op>, int[]> BF16 = new HashMap<>();
  private static final Map<Class<? extends Op>, Integer> FEWEST_CHANNELS = new HashMap<>();

  private final List<OpCase> cases = new ArrayList<>();
  private final Set<String> names = new HashSet<>();

  private OpCases() {}

  static List<OpCase> all() {
    return ALL;
  }

  /** Whether a case has exactly that name. */
  static boolean isCase(String name) {
    return Stream.concat(ALL.stream(), TILED.stream()).anyMatch(c -> c.name().equals(name));
  }

  /** Whether the operation takes activations in bf16. */
  static boolean takesBf16(Op op) {
    return BF16.containsKey(op.getClass());
  }

  /** Whether an input is an activation, which may be in bf16. */
  static boolean isActivation(Op op, int input) {
    int[] inputs = BF16.get(op.getClass());
    return inputs != null
        && (inputs.length == 0 || Arrays.stream(inputs).anyMatch(i -> i == input));
  }

  /** How many channels the operation's first input has at least. */
  static int fewestChannels(Class<?> op) {
    return FEWEST_CHANNELS.getOrDefault(op, 1);
  }

  private static final List<OpCase> ALL = build();

  @Override
  public void activations(Class<? extends Op> op, int... inputs) {
    BF16.put(op, inputs);
  }

  @Override
  public void needsChannels(Class<? extends Op> op, int fewest) {
    FEWEST_CHANNELS.put(op, fewest);
  }

  @Override
  public void add(String name, Op op, Function oracle, ErrorBound bound, In... inputs) {
    if (!names.add(name)) {
      throw new IllegalStateException("two cases are called " + name);
    }
    cases.add(new OpCase(name, op, List.of(inputs), oracle, bound));
  }

  /** Odd size; one image of one channel; a narrowed view; an axis-reversed view. */
  private static List<In> images() {
    return List.of(
        In.of(2, 5, 3, 4),
        In.of(1, 3, 5, 1),
        In.of(2, 3, 4, 3).with(Layout.NARROWED),
        In.of(1, 5, 4, 2).with(Layout.PERMUTED));
  }

  private static String describe(In in) {
    return in.shape() + (in.layout() == Layout.DENSE ? "" : " " + in.layout());
  }

  private static In vector(long n) {
    return In.of(n);
  }

  private static List<OpCase> build() {
    OpCases c = new OpCases();
    c.convolutions();
    c.linear();
    c.norms();
    c.elementwise();
    c.attention();
    c.resampling();
    c.affine();
    c.gaussian();
    c.losses();
    c.arrangement();
    c.pooling();
    c.quantization();
    c.whatTheyTake();
    inFilesOfTheirOwn(c);
    return List.copyOf(c.cases);
  }

  /** What every other class of this package whose name ends in Cases has. */
  private static void inFilesOfTheirOwn(CaseSink sink) {
    try {
      Path root =
          Path.of(OpCases.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      List<String> names;
      try (Stream<Path> files = Files.list(root.resolve("io/github/eqvae/op"))) {
        names = files.map(f -> f.getFileName().toString()).sorted().toList();
      }
      for (String name : names) {
        if (name.matches("\\w+Cases\\.class") && !name.equals("OpCases.class")) {
          Class.forName("io.github.eqvae.op." + name.replace(".class", ""))
              .getDeclaredMethod("addTo", CaseSink.class)
              .invoke(null, sink);
        }
      }
    } catch (ReflectiveOperationException | IOException | URISyntaxException e) {
      throw new IllegalStateException("cases in files of their own", e);
    }
  }

  /** The operations whose cases are in this file. */
  private void whatTheyTake() {
    for (Class<? extends Op> all :
        List.of(
            Add.class,
            Attention.class,
            AvgPool2d.class,
            Cast.class,
            Concat.class,
            LeakyRelu.class,
            MaxPool2d.class,
            MaxPool2x2.class,
            Narrow.class,
            Pad2d.class,
            Permute.class,
            Relu.class,
            Reshape.class,
            Scale.class,
            Silu.class,
            Upsample2x.class)) {
      activations(all);
    }
    activations(BatchNorm.class, 0);
    activations(Conv2d.class, 0, 3);
    activations(GroupNorm.class, 0);
    activations(Linear.class, 0);
    activations(LpipsHead.class, 0, 1);
    activations(UpsampleConv2d.class, 0);
    needsChannels(GaussianKl.class, 2);
    needsChannels(GaussianSample.class, 2);
  }

  private void convolutions() {
    int[][] pads = {{0, 0, 0, 0}, {1, 1, 1, 1}, {0, 1, 0, 1}, {2, 0, 1, 3}};
    for (int k : new int[] {1, 3, 4}) {
      for (int stride : new int[] {1, 2}) {
        for (int[] p : pads) {
          Conv2d op = new Conv2d(stride, p[0], p[1], p[2], p[3]);
          String name = "conv2d %dx%d stride %d pad %s".formatted(k, k, stride, Arrays.toString(p));
          conv(name, op, k, In.of(2, 5, 7, 3), 4, true);
          conv(name, op, k, In.of(1, 7, 5, 1), 1, false);
        }
      }
    }
    conv("conv2d 5x5", new Conv2d(1, 2), 5, In.of(1, 6, 7, 3), 4, true);
    conv("conv2d 1x7", new Conv2d(1, 0, 0, 3, 3), 1, 7, In.of(2, 5, 9, 3), 4, false);
    conv("conv2d 7x1", new Conv2d(1, 3, 3, 0, 0), 7, 1, In.of(2, 5, 9, 3), 4, false);
    conv("conv2d 1x3", new Conv2d(1, 0, 0, 1, 1), 1, 3, In.of(1, 3, 4, 5), 3, false);
    conv("conv2d 3x1", new Conv2d(1, 1, 1, 0, 0), 3, 1, In.of(1, 3, 4, 5), 3, false);
    upsampleConv(In.of(2, 5, 7, 3), 4, true);
    upsampleConv(In.of(1, 1, 1, 1), 1, false);
    upsampleConv(In.of(1, 3, 2, 5).with(Layout.PERMUTED), 2, true);
    upsampleConv(In.of(2, 4, 3, 2).with(Layout.NARROWED), 3, true);
    endings(In.of(2, 5, 7, 3), 4, 1);
    endings(In.of(1, 3, 5, 1), 1, 2);
    endings(In.of(2, 4, 5, 2).with(Layout.NARROWED), 6, 1);
    Conv2d same = new Conv2d(1, 1);
    conv("conv2d wide", same, 3, In.of(1, 9, 6, 16), 24, true);
    conv("conv2d narrowed", same, 3, In.of(2, 4, 5, 3).with(Layout.NARROWED), 2, true);
    conv("conv2d permuted", same, 3, In.of(2, 4, 5, 3).with(Layout.PERMUTED), 2, true);
    add(
        "conv2d weight is a view",
        same,
        Oracles.conv2d(same),
        ErrorBounds.convInBf16(ErrorBound.sums(32, 32, 32)),
        In.of(1, 5, 3, 2),
        In.of(3, 2, 3, 3).with(Layout.PERMUTED));
  }

  private void conv(String name, Conv2d op, int k, In x, int out, boolean bias) {
    conv(name, op, k, k, x, out, bias);
  }

  private void conv(String name, Conv2d op, int kh, int kw, In x, int out, boolean bias) {
    long in = x.shape().dim(3);
    List<In> inputs = new ArrayList<>(List.of(x, In.of(out, in, kh, kw)));
    if (bias) {
      inputs.add(vector(out));
    }
    long pixels = x.shape().elements() / in * 4;
    add(
        name + " " + x.shape() + "→" + out,
        op,
        Oracles.conv2d(op),
        ErrorBounds.convInBf16(
            ErrorBound.sums(kh * kw * in + 2, (long) kh * kw * out + 2, pixels, pixels)),
        inputs.toArray(In[]::new));
  }

  /**
   * Everything that can be done to a convolution's result. Residuals or, without them, biases are
   * larger than all else together, so that no activation is near its kink.
   */
  private void endings(In x, int out, int stride) {
    endings(
        x,
        out,
        stride,
        List.of(
            Activation.IDENTITY,
            Activation.SILU,
            Activation.RELU,
            Activation.leakyRelu(0.2),
            Activation.leakyRelu(0)));
  }

  private void endings(In x, int out, int stride, List<Activation> activations) {
    long in = x.shape().dim(3);
    long terms = 9 * in;
    Conv2d plain = new Conv2d(stride, 1);
    In image = x.with(In.uniform(-1, 1));
    In weight = In.of(out, in, 3, 3).with(In.uniform(-0.2, 0.2));
    In.Values large = In.eitherSign(0.2 * terms + 1, 0.2 * terms + 2);
    In bias = vector(out).with(large);
    Spec y =
        plain
            .infer(
                new Inputs(
                    plain, new Spec(x.shape(), DType.F32), new Spec(weight.shape(), DType.F32)))
            .outputs()
            .getFirst();
    In residual = new In(y.shape(), large, true, Layout.DENSE, false);
    for (Activation activation : activations) {
      Conv2d op = plain.with(activation);
      String name = "conv2d %s %s stride %d ".formatted(activation, describe(x), stride);
      ErrorBound bound =
          ErrorBounds.convInBf16(ErrorBounds.conv(op, terms, 9L * out, y.shape().elements()));
      add(name + "bias", op, Oracles.conv2d(op), bound, image, weight, bias);
      add(
          name + "residual",
          op.with(new GroupStatistics(out == 6 ? 3 : 1, 1e-6)),
          Oracles.conv2d(op),
          bound,
          image,
          weight,
          vector(out).with(In.uniform(-0.5, 0.5)),
          residual);
    }
  }

  /** The doubled image is never there: the weights are added up first, at most four of them. */
  private void upsampleConv(In x, int out, boolean bias) {
    long in = x.shape().dim(3);
    List<In> inputs = new ArrayList<>(List.of(x, In.of(out, in, 3, 3)));
    if (bias) {
      inputs.add(vector(out));
    }
    long pixels = x.shape().elements() / in * 4;
    add(
        "upsample_conv2d " + x.shape() + "→" + out,
        new UpsampleConv2d(),
        Oracles::upsampleConv2d,
        ErrorBounds.upsampleConvInBf16(
            ErrorBound.sums(4 * in + 5, 16L * out + 5, pixels + 5, pixels)),
        inputs.toArray(In[]::new));
  }

  /** Each of these devices with every case, tiled ones included, whose operation is wanted. */
  static Stream<Arguments> on(List<String> devices, Predicate<Op> wanted) {
    return devices.stream()
        .flatMap(
            d ->
                Stream.concat(all().stream(), tiled().stream())
                    .filter(c -> wanted.test(c.op()))
                    .map(c -> Arguments.of(d, c)));
  }

  /**
   * Matrix products of several tiles, splits and turns of a kernel's pipeline in every direction;
   * too large for finite differences.
   */
  static List<OpCase> tiled() {
    return TILED;
  }

  /**
   * The same for a sanitizer, under which the largest take minutes: these have fewer rows, which
   * still fill more than one tile of each kind and end within one.
   */
  static List<OpCase> tiledWithFewerRows() {
    OpCases c = new OpCases();
    Conv2d same = new Conv2d(1, 1);
    c.conv("conv2d tiled", same, 3, In.of(1, 17, 20, 40), 136, true);
    c.conv("conv2d tiled odd channels", same, 3, In.of(2, 6, 12, 72), 264, true);
    c.upsampleConv(In.of(2, 9, 8, 40), 136, true);
    Stream<OpCase> others = TILED.stream().filter(o -> EveryKernel.multiplications(o) <= MANY);
    return Stream.concat(c.cases.stream(), others).toList();
  }

  private static final long MANY = 20_000_000;

  private static final List<OpCase> TILED = buildTiled();

  private static List<OpCase> buildTiled() {
    OpCases c = new OpCases();
    c.conv("conv2d tiled", new Conv2d(1, 1), 3, In.of(2, 33, 20, 40), 136, true);
    c.conv("conv2d tiled stride 2", new Conv2d(2, 1), 4, In.of(1, 18, 21, 24), 48, false);
    c.conv("conv2d tiled halving", new Conv2d(2, 0, 1, 0, 1), 3, In.of(1, 20, 14, 16), 24, true);
    c.conv("conv2d tiled odd channels", new Conv2d(1, 1), 3, In.of(3, 9, 13, 72), 264, true);
    c.conv(
        "conv2d tiled wide kernel", new Conv2d(1, 2, 1, 1, 2), 4, In.of(2, 11, 12, 64), 40, true);
    c.conv("conv2d tiled 1x7", new Conv2d(1, 0, 0, 3, 3), 1, 7, In.of(2, 9, 17, 40), 72, false);
    c.conv("conv2d tiled 7x1", new Conv2d(1, 3, 3, 0, 0), 7, 1, In.of(2, 17, 9, 64), 72, false);
    c.conv("conv2d tiled 5x5", new Conv2d(1, 2), 5, In.of(1, 12, 13, 48), 64, false);
    c.conv("conv2d tiled pointwise", new Conv2d(1, 0), 1, In.of(2, 12, 12, 136), 32, true);
    c.conv("conv2d tiled unpadded", new Conv2d(2, 0), 3, In.of(2, 17, 14, 32), 64, true);
    c.conv(
        "conv2d tiled wide halving", new Conv2d(2, 0, 1, 0, 1), 3, In.of(1, 19, 14, 136), 72, true);
    c.upsampleConv(In.of(2, 17, 12, 40), 136, true);
    c.upsampleConv(In.of(1, 9, 21, 64), 32, false);
    c.upsampleConv(In.of(1, 11, 10, 3), 24, true);
    c.endings(In.of(2, 9, 11, 32), 72, 1);
    c.endings(In.of(1, 10, 13, 24), 140, 2);
    c.slabs();
    c.conv("conv2d tiled from 3", new Conv2d(1, 1), 3, In.of(1, 24, 25, 3), 72, true);
    c.conv("conv2d tiled to 3", new Conv2d(1, 1), 3, In.of(1, 24, 25, 72), 3, true);
    c.thin();
    c.edges();
    c.linears(List.of(In.of(2, 150, 72)), new int[] {40, 150});
    c.activatedLinear(Activation.GELU_TANH, In.of(2, 150, 72), 40);
    c.activatedLinear(Activation.GELU, In.of(1, 150, 72), 150);
    c.activatedLinear(Activation.SILU, In.of(2, 150, 72), 200);
    c.attentions(List.of(new Size(2, 40, 150, 32, 2), new Size(1, 130, 131, 144, 1)));
    return List.copyOf(c.cases);
  }

  /** The smallest with slabs, one tile. */
  static final String ONE_SLAB = "conv2d tiled slabs, skewed";

  /**
   * Images of whole slabs (docs/kernels/conv2d.md), of 8 × 16 pixels for more than 128 channels and
   * of 8 × 32 for up to 128: several tiles for a cluster of a device with four multiprocessors, and
   * a last pair that is not one; pads that differ on all sides.
   */
  private void slabs() {
    conv("conv2d tiled slabs", new Conv2d(1, 1), 3, In.of(5, 16, 8, 32), 136, true);
    conv("conv2d tiled slabs, gradient", new Conv2d(1, 1), 3, In.of(1, 32, 8, 72), 32, false);
    conv(ONE_SLAB, new Conv2d(1, 2, 0, 0, 3), 3, In.of(1, 16, 15, 32), 136, true);
    endings(In.of(1, 32, 16, 40), 72, 1, List.of(Activation.SILU));
  }

  /** Few channels on one side: the ends of a network, in all their directions. */
  private void thin() {
    conv("conv2d thin halving", new Conv2d(2, 1), 4, In.of(3, 18, 22, 3), 64, true);
    conv("conv2d thin halving, odd", new Conv2d(2, 1), 4, In.of(1, 35, 37, 2), 16, false);
    conv("conv2d thin from 4", new Conv2d(1, 1), 3, In.of(2, 9, 10, 4), 136, true);
    conv("conv2d thin to 8", new Conv2d(1, 1), 3, In.of(1, 17, 15, 72), 8, true);
    conv("conv2d thin to 4, many turns", new Conv2d(1, 1), 3, In.of(1, 9, 11, 200), 4, true);
    conv("conv2d thin to 1", new Conv2d(1, 1), 4, In.of(2, 31, 17, 40), 1, true);
    conv("conv2d thin to 3, halving", new Conv2d(2, 1, 0, 0, 1), 3, In.of(1, 39, 40, 16), 3, true);
    conv("conv2d thin unpadded", new Conv2d(1, 0), 2, In.of(1, 19, 33, 5), 24, false);
    conv("conv2d thin to 5, wide pads", new Conv2d(1, 3, 2, 2, 3), 3, In.of(2, 8, 30, 32), 5, true);
    conv("conv2d thin pointwise", new Conv2d(1, 0), 1, In.of(2, 20, 9, 48), 6, true);
    conv("conv2d thin, many pixels", new Conv2d(1, 1), 3, In.of(1, 90, 101, 3), 16, false);
  }

  /** Pixels that several places show, 8 channels at once. */
  private void edges() {
    for (PaddingMode mode : PaddingMode.values()) {
      Pad2d op = new Pad2d(mode, 1, 2, 2, 1);
      In x = In.of(2, 9, 35, 24);
      add("pad2d tiled " + mode, op, Oracles.pad2d(op), ErrorBound.sums(0, 16), x);
    }
  }

  private void linear() {
    linears(
        List.of(
            In.of(3, 5),
            In.of(1, 1),
            In.of(7),
            In.of(2, 3, 5, 7),
            In.of(2, 33, 9).with(Layout.NARROWED),
            In.of(3, 4).with(Layout.PERMUTED)),
        new int[] {1, 6});
  }

  private void linears(List<In> xs, int[] outs) {
    for (In x : xs) {
      for (int out : outs) {
        long i = x.shape().dim(-1);
        long rows = x.shape().elements() / i;
        ErrorBound bound = ErrorBound.sums(i + 2, out + 2, rows + 2, rows + 2);
        String name = "linear " + describe(x) + "→" + out;
        add(name + " bias", new Linear(), Oracles::linear, bound, x, In.of(out, i), vector(out));
        add(name, new Linear(), Oracles::linear, bound, x, In.of(out, i));
      }
    }
  }

  private void activatedLinear(Activation function, In x, int out) {
    Linear op = new Linear(function);
    In weight = In.of(out, x.shape().dim(-1)).with(In.uniform(-1, 1));
    add(
        "linear tiled " + function.kind() + " " + describe(x) + "→" + out,
        op,
        TransformerOracles.linear(op),
        TransformerBounds.activatedLinear(),
        x.with(In.uniform(-1, 1)),
        weight,
        In.of(out));
  }

  private void norms() {
    List<In> xs = new ArrayList<>(images());
    xs.add(In.of(2, 1, 3, 6));
    xs.add(In.of(1, 8, 8, 32));
    for (In x : xs) {
      long channels = x.shape().dim(3);
      long pixels = x.shape().dim(1) * x.shape().dim(2);
      for (int groups : new int[] {1, 2, 3, 4, 32}) {
        if (channels % groups != 0) {
          continue;
        }
        for (boolean silu : new boolean[] {false, true}) {
          GroupNorm op = new GroupNorm(groups, 1e-6, silu);
          long n = pixels * channels / groups;
          add(
              "group_norm %d%s %s".formatted(groups, silu ? " silu" : "", describe(x)),
              op,
              Oracles.groupNorm(op),
              ErrorBounds.norm(n, x.shape().dim(0) * pixels, silu, true, 1e-6),
              x,
              vector(channels),
              vector(channels));
        }
      }
      for (boolean training : new boolean[] {true, false}) {
        BatchNorm op = new BatchNorm(1e-5, 0.1, training);
        long n = x.shape().dim(0) * pixels;
        In mean = In.constant(channels);
        In variance = In.constant(channels).with(In.uniform(0.5, 2));
        add(
            "batch_norm " + (training ? "training " : "eval ") + describe(x),
            op,
            Oracles.batchNorm(op),
            ErrorBounds.norm(n, n, false, training, 1e-5),
            x,
            vector(channels),
            vector(channels),
            training ? mean.written() : mean,
            training ? variance.written() : variance);
      }
    }
  }

  private void elementwise() {
    List<In> xs = new ArrayList<>(images());
    xs.add(In.of(1));
    xs.add(In.of(4099));
    for (In x : xs) {
      In apart = x.with(In.grid(0.125, 0.0625));
      String at = " " + describe(x);
      ErrorBound product = ErrorBound.multiple(1, 1);
      add(
          "silu" + at,
          new Silu(),
          in -> org.bytedeco.pytorch.global.torch.silu(in[0]),
          ErrorBounds.silu(),
          x.with(In.uniform(-9, 9)));
      add(
          "relu" + at,
          new Relu(),
          in -> org.bytedeco.pytorch.global.torch.relu(in[0]),
          ErrorBound.EXACT,
          apart);
      LeakyRelu leaky = new LeakyRelu(0.2);
      add("leaky_relu" + at, leaky, Oracles.leakyRelu(leaky), product, apart);
      add("add" + at, new Add(), in -> in[0].add(in[1]), product, x, x.with(Layout.DENSE));
      add(
          "scale" + at,
          new Scale(-1.7),
          in -> in[0].mul(new org.bytedeco.pytorch.Scalar(Oracles.single(-1.7))),
          product,
          x);
      WeightedSum weighted = WeightedSum.of(0.3, -2, 0.7);
      add(
          "weighted_sum" + at,
          weighted,
          Oracles.weightedSum(weighted),
          weighted(),
          x,
          x,
          x.with(Layout.DENSE));
      long n = x.shape().elements();
      add(
          "sum" + at,
          new Sum(0.37),
          in -> in[0].sum().mul(new org.bytedeco.pytorch.Scalar(0.37)),
          ErrorBounds.total(0.37, n),
          x);
      In positive = x.with(In.uniform(0.25, 4));
      In divisor = x.with(In.eitherSign(0.25, 4)).with(Layout.DENSE);
      arithmetic(Arithmetic.PRODUCT, product, x, x.with(Layout.DENSE));
      arithmetic(Arithmetic.QUOTIENT, ErrorBound.multiple(1, 3), x, divisor);
      arithmetic(Arithmetic.LOGARITHM, ErrorBound.multiple(2, 1), positive);
      long channels = x.shape().dim(-1);
      ErrorBound two = ErrorBound.sums(2, 1, 0, 0);
      add(
          "channel_affine" + at,
          new ChannelAffine(),
          Oracles::channelAffine,
          two,
          x,
          In.constant(channels));
      add(
          "channel_affine shift" + at,
          new ChannelAffine(),
          Oracles::channelAffine,
          two,
          x,
          In.constant(channels),
          In.constant(channels));
      add(
          "channel_affine shift alone" + at,
          new ChannelAffine(),
          in -> in[0].add(in[2]),
          two,
          x,
          In.absent(),
          In.constant(channels));
    }
    add(
        "weighted_sum of one",
        WeightedSum.of(0.3),
        Oracles.weightedSum(WeightedSum.of(0.3)),
        ErrorBound.multiple(1, 1),
        In.of(3, 3));
  }

  private void arithmetic(Arithmetic op, ErrorBound bound, In... inputs) {
    String name = "arithmetic " + op.kind() + " " + describe(inputs[0]);
    add(name, op, Oracles.arithmetic(op), bound, inputs);
  }

  /** The weights have both signs, so the magnitudes are summed with positive ones. */
  private static ErrorBound weighted() {
    return (c, s, exact, ref) -> {
      OpCase positive =
          new OpCase(c.name(), WeightedSum.of(0.3, 2, 0.7), c.inputs(), c.oracle(), c.bound());
      return ErrorBound.sums(6, 2, 2, 2).of(positive, s, exact, ref);
    };
  }

  /** Queries [n,t,c], keys [n,s,c]. */
  private record Size(long n, long t, long s, long c, int heads) {}

  private void attention() {
    attentions(
        List.of(
            new Size(2, 5, 5, 4, 1),
            new Size(2, 5, 3, 6, 3),
            new Size(1, 1, 1, 1, 1),
            new Size(1, 1, 7, 2, 2),
            new Size(1, 70, 67, 8, 2)));
    Attention op = new Attention(2);
    add(
        "attention of views",
        op,
        Oracles.attention(op),
        ErrorBounds.attention(2),
        In.of(2, 5, 4).with(Layout.NARROWED),
        In.of(2, 3, 4).with(Layout.PERMUTED),
        In.of(2, 3, 4).with(Layout.NARROWED));
  }

  private void attentions(List<Size> sizes) {
    for (Size z : sizes) {
      Attention op = new Attention(z.heads);
      add(
          "attention " + z,
          op,
          Oracles.attention(op),
          ErrorBounds.attention(z.heads),
          In.of(z.n, z.t, z.c),
          In.of(z.n, z.s, z.c),
          In.of(z.n, z.s, z.c));
    }
  }

  private void resampling() {
    int[][] sizes = {{7, 9}, {3, 2}, {5, 4}, {5, 3}, {4, 7}, {1, 1}};
    for (Interpolation how : Interpolation.values()) {
      for (int turns = 0; turns < 4; turns++) {
        for (int flips = 0; flips < 4; flips++) {
          for (int[] to : sizes) {
            Resample op =
                new Resample(to[0], to[1], how, turns, (flips & 1) == 1, (flips & 2) == 2);
            resample(op, In.of(1, 5, 4, 2));
          }
        }
      }
      resample(new Resample(3, 8, how, 1, true, false), In.of(2, 7, 3, 1));
      resample(new Resample(6, 2, how, 3, false, true), In.of(2, 3, 5, 3).with(Layout.NARROWED));
      resample(new Resample(4, 4, how, 2, false, true), In.of(1, 3, 7, 3).with(Layout.PERMUTED));
      resample(new Resample(4, 7, how, 0, false, false), In.of(1, 1, 1, 2));
      resample(new Resample(11, 12, how, 0, false, false), In.of(1, 16, 16, 5));
      resample(new Resample(5, 4, how, 1, false, false), In.of(1, 16, 13, 1));
    }
  }

  private void resample(Resample op, In x) {
    String flips = (op.flipHorizontal() ? "h" : "") + (op.flipVertical() ? "v" : "");
    boolean identity = x.shape().dim(1) == op.height() && x.shape().dim(2) == op.width();
    add(
        "resample %s %s→%dx%d turns %d flips %s"
            .formatted(
                op.interpolation(), describe(x), op.height(), op.width(), op.quarterTurns(), flips),
        op,
        Oracles.resample(op),
        identity ? ErrorBound.EXACT : ErrorBounds.resample(),
        x);
  }

  private void affine() {
    double[] turn = {0.8, 0.6, 0.1, -0.6, 0.8, -0.2};
    double[] zoom = {0.4, 0, 0.3, 0, 0.45, 0};
    double[] shrink = {2.3, 0.4, 0, -0.3, 1.9, 0.5};
    double[] flip = {-1, 0, 0, 0, 1, 0};
    double[] away = {1, 0, 5, 0, 1, -4};
    for (Affine.Padding padding : Affine.Padding.values()) {
      for (double[] theta : List.of(turn, zoom, shrink, flip, away)) {
        affine(In.of(1, 5, 4, 1), padding, 6, 3, theta);
      }
      double[] two = new double[12];
      System.arraycopy(turn, 0, two, 0, 6);
      System.arraycopy(shrink, 0, two, 6, 6);
      affine(In.of(2, 3, 7, 3).with(Layout.NARROWED), padding, 5, 5, two);
      affine(In.of(2, 4, 3, 2).with(Layout.PERMUTED), padding, 3, 4, two);
      affine(In.of(1, 1, 1, 2), padding, 2, 3, turn);
    }
  }

  private void affine(In x, Affine.Padding padding, int h, int w, double[] theta) {
    double[] single = Arrays.stream(theta).map(Oracles::single).toArray();
    Affine op = new Affine(h, w, padding);
    add(
        "affine %s %s→%dx%d %s".formatted(padding, describe(x), h, w, Arrays.toString(theta)),
        op,
        Oracles.affine(op),
        ErrorBounds.affine(),
        x,
        In.constant(x.shape().dim(0), 2, 3).with(In.exactly(single)));
  }

  private void gaussian() {
    for (In x : images()) {
      In noise = new In(x.shape(), x.values(), false, x.layout(), false);
      In moments =
          new In(x.shape().with(3, 2 * x.shape().dim(3)), x.values(), true, x.layout(), false);
      add(
          "gaussian_sample " + describe(x),
          new GaussianSample(),
          Oracles::gaussianSample,
          ErrorBounds.gaussianSample(),
          moments,
          noise);
      add(
          "gaussian_kl " + describe(moments),
          new GaussianKl(),
          Oracles::gaussianKl,
          ErrorBounds.gaussianKl(),
          moments);
    }
    In clamped = In.of(1, 3, 5, 2).with(In.grid(3.3, 0.4));
    add(
        "gaussian_sample clamped",
        new GaussianSample(),
        Oracles::gaussianSample,
        ErrorBounds.gaussianSample(),
        clamped,
        In.constant(1, 3, 5, 1));
    add(
        "gaussian_kl clamped",
        new GaussianKl(),
        Oracles::gaussianKl,
        ErrorBounds.gaussianKl(),
        clamped);
  }

  private void losses() {
    List<In> xs = new ArrayList<>(images());
    xs.add(In.of(3));
    for (In x : xs) {
      In a = x.with(In.grid(0.125, 0.4375)); // between the kinks 0, 1, −1; sums do not cancel
      In b = x.with(In.grid(0.125, 0)).with(Layout.DENSE);
      for (PixelLoss.Kind kind : PixelLoss.Kind.values()) {
        PixelLoss op = new PixelLoss(kind, 0.37, 0.25);
        add(
            "pixel_loss " + kind + " " + describe(x),
            op,
            Oracles.pixelLoss(op),
            ErrorBounds.loss(0.37, kind == PixelLoss.Kind.L2 ? 2 : 1),
            a,
            b);
      }
      for (GanLoss.Kind kind : GanLoss.Kind.values()) {
        GanLoss op = new GanLoss(kind, 0.25);
        add(
            "gan_loss " + kind + " " + describe(x),
            op,
            Oracles.ganLoss(op),
            ErrorBounds.loss(0.25, 1),
            a);
      }
    }
    for (In f : images()) {
      In w = In.constant(f.shape().dim(3)).with(In.uniform(0, 1));
      add(
          "lpips_head " + describe(f),
          new LpipsHead(),
          Oracles::lpipsHead,
          ErrorBounds.lpipsHead(),
          f.with(apart()),
          f.with(apart()).with(Layout.DENSE),
          w);
      add(
          "lpips_head weighted " + describe(f),
          new LpipsHead(),
          Oracles::lpipsHead,
          ErrorBounds.lpipsHead(),
          f.with(apart()),
          f.with(apart()),
          new In(f.shape(), In.uniform(0, 1), false, f.layout(), false));
    }
    // Odd channels; channels that are read eight at a time, by several threads; more pixels than
    // one block takes.
    for (In f : List.of(In.of(2, 3, 3, 37), In.of(2, 2, 3, 136), In.of(2, 24, 22, 2))) {
      add(
          "lpips_head large " + f.shape(),
          new LpipsHead(),
          Oracles::lpipsHead,
          ErrorBounds.lpipsHead(),
          f.with(apart()),
          f.with(apart()),
          In.constant(f.shape().dim(3)).with(In.uniform(0, 1)));
      add(
          "lpips_head large weighted " + f.shape(),
          new LpipsHead(),
          Oracles::lpipsHead,
          ErrorBounds.lpipsHead(),
          f.with(apart()),
          f.with(apart()),
          new In(f.shape(), In.uniform(0, 2), false, Layout.DENSE, false));
    }
  }

  /** Numbers at least a quarter away from 0, so that no feature vector is nearly zero. */
  private static In.Values apart() {
    return (random, count) -> {
      double[] out = In.uniform(0.25, 2).draw(random, count);
      for (int i = 0; i < count; i++) {
        out[i] *= random.nextBoolean() ? 1 : -1;
      }
      return out;
    };
  }

  private void arrangement() {
    List<In> squares = new ArrayList<>(images());
    squares.add(In.of(2, 5, 7, 16)); // a GPU takes 8 channels at once
    for (In x : squares) {
      String at = " " + describe(x);
      add("upsample2x" + at, new Upsample2x(), Oracles::upsample, ErrorBound.sums(0, 4), x);
      add(
          "max_pool2x2" + at,
          new MaxPool2x2(),
          Oracles::maxPool,
          ErrorBound.EXACT,
          x.with(In.grid(0.125, 0)));
    }
    padding(squares);
    add("cast long", new Cast(DType.F64), in -> in[0].clone(), ErrorBound.EXACT, In.of(4099));
    for (In x : images()) {
      String at = " " + describe(x);
      add(
          "permute" + at,
          Permute.of(2, 0, 3, 1),
          in -> in[0].permute(2, 0, 3, 1),
          ErrorBound.EXACT,
          x);
      add("cast" + at, new Cast(DType.F64), in -> in[0].clone(), ErrorBound.EXACT, x);
      add("narrow" + at, new Narrow(2, 1, 2), in -> in[0].narrow(2, 1, 2), ErrorBound.EXACT, x);
      for (int axis = 0; axis < 4; axis++) {
        In other = new In(x.shape().with(axis, 2), x.values(), true, x.layout(), false);
        add(
            "concat " + axis + at,
            new Concat(axis),
            Oracles.concat(axis),
            ErrorBound.EXACT,
            x,
            other,
            x.with(Layout.DENSE));
      }
    }
    reshape(In.of(2, 3, 5, 4), 6, 20);
    reshape(In.of(1, 3, 5, 1), 15);
    reshape(In.of(1, 1), new long[0]);
    reshape(In.of(2, 3, 4, 3).with(Layout.NARROWED), 2, 12, 3);
    add("concat one", new Concat(0), Oracles.concat(0), ErrorBound.EXACT, In.of(3, 2));
    add(
        "narrow vector",
        new Narrow(0, 3, 1),
        in -> in[0].narrow(0, 3, 1),
        ErrorBound.EXACT,
        In.of(5));
  }

  /** All that lies beyond an edge, on some sides or all, by more than a pixel, too. */
  private void padding(List<In> images) {
    int[][] sides = {{1, 1, 1, 1}, {0, 1, 0, 1}, {2, 0, 1, 2}, {0, 0, 0, 0}};
    for (PaddingMode mode : PaddingMode.values()) {
      for (int[] s : sides) {
        Pad2d op = new Pad2d(mode, s[0], s[1], s[2], s[3]);
        long readers = (1L + s[0] + s[1]) * (1 + s[2] + s[3]);
        for (In x : images) {
          String name = "pad2d %s %s %s".formatted(mode, Arrays.toString(s), describe(x));
          add(name, op, Oracles.pad2d(op), ErrorBound.sums(0, readers), x);
        }
      }
    }
    Pad2d wide = new Pad2d(PaddingMode.REPLICATE, 3);
    add("pad2d of a pixel", wide, Oracles.pad2d(wide), ErrorBound.sums(0, 49), In.of(1, 1, 1, 1));
  }

  /** Windows that overlap, leave gaps, reach over the edge on either side, or see everything. */
  private void pooling() {
    int[][] windows = {
      {3, 3, 2, 0},
      {3, 3, 1, 1},
      {2, 2, 2, 1},
      {1, 1, 2, 0},
      {2, 3, 1, 1},
      {5, 4, 3, 2},
      {3, 3, 1, 0}
    };
    List<In> xs = new ArrayList<>(images());
    xs.add(In.of(2, 7, 9, 37));
    for (In x : xs) {
      for (int[] w : windows) {
        String at = " " + Arrays.toString(w) + " " + describe(x);
        long pixels = (long) w[0] * w[1];
        MaxPool2d max = new MaxPool2d(w[0], w[1], w[2], w[3]);
        add(
            "max_pool2d" + at,
            max,
            Oracles.maxPool2d(max),
            ErrorBounds.maxPool(pixels),
            x.with(In.grid(0.125, 0)));
        AvgPool2d mean = new AvgPool2d(w[0], w[1], w[2], w[3]);
        add("avg_pool2d" + at, mean, Oracles.avgPool2d(mean), ErrorBound.sums(pixels, pixels), x);
      }
    }
  }

  /**
   * One code and many, fewer and more than a tile of 64, 256 or 512; one vector; long and short.
   */
  private void quantization() {
    quantize(In.of(1, 3, 5, 1), 1);
    quantize(In.of(1, 1), 7);
    quantize(In.of(5), 3);
    quantize(In.of(2, 5, 3, 4), 6);
    quantize(In.of(2, 3, 4, 3).with(Layout.NARROWED), 65);
    quantize(In.of(1, 5, 4, 2).with(Layout.PERMUTED), 5);
    // Many vectors come near to where two codes are equally near, if not kept away from there.
    quantize(In.of(2, 9, 15, 1).with(In.grid(0x1p-6, 0x1p-7)), 519, In.grid(0.5, 0));
    quantize(In.of(67, 33), 130);
    quantize(In.of(1, 1, 1, 257), 1030);
  }

  private void quantize(In z, long codes) {
    quantize(z, codes, In.uniform(-2, 2));
  }

  private void quantize(In z, long codes, In.Values codebook) {
    add(
        "vector_quantize " + describe(z) + " of " + codes,
        new VectorQuantize(),
        Oracles::vectorQuantize,
        ErrorBounds.nearestCode(),
        z,
        In.of(codes, z.shape().dim(-1)).with(codebook));
  }

  private void reshape(In x, long... to) {
    add(
        "reshape " + describe(x),
        new Reshape(io.github.eqvae.tensor.Shape.of(to)),
        in -> in[0].reshape(to),
        ErrorBound.EXACT,
        x);
  }
}
