package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.GradientNorm;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.NonFiniteCount;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Graph;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.stream.Stream;
import java.util.zip.CRC32;

/**
 * Every kernel of some devices, as a program: for a sanitizer that watches the library, or for an
 * order of threads that the environment sets. Says how many results there were and the checksum of
 * their bits, which no order may change; whether they are right is looked at elsewhere.
 *
 * <p>Arguments: the devices, by default both of the shim. The first one runs everything, the others
 * what is not the same there: bf16. With {@code --light} nothing that takes long; with {@code
 * --fewer-rows} the largest products are smaller; with {@code --family=2/8} only the second eighth
 * of the operations, so that several processes can share them.
 */
public final class EveryKernel {
  /** What it prints before the checksum. */
  public static final String RESULTS = "results ";

  private static final long LIGHT = 3_000_000;

  private final CRC32 bits = new CRC32();
  private final boolean light;
  private final List<OpCase> heavy;
  private final Family family;
  private int results;

  /** The operations whose place in the list of all names leaves this remainder. */
  record Family(int number, int of) {
    static Family parse(String text) {
      String[] parts = text.split("/");
      Family f = new Family(Integer.parseInt(parts[0]) - 1, Integer.parseInt(parts[1]));
      if (f.number < 0 || f.number >= f.of) {
        throw new IllegalArgumentException("--family=" + text);
      }
      return f;
    }

    boolean has(Op op) {
      return NAMES.indexOf(op.getClass().getSimpleName()) % of == number;
    }

    boolean isLast() {
      return number == of - 1;
    }
  }

  private static final List<String> NAMES =
      Stream.of(OpCases.all(), OpCases.tiled())
          .flatMap(List::stream)
          .map(c -> c.op().getClass().getSimpleName())
          .distinct()
          .sorted()
          .toList();

  private EveryKernel(boolean light, List<OpCase> heavy, Family family) {
    this.light = light;
    this.heavy = heavy;
    this.family = family;
  }

  /** Ends with 0 when a sanitizer has nothing to say. */
  public static void main(String[] args) {
    List<String> given = List.of(args);
    boolean light = given.contains("--light");
    List<String> devices = given.stream().filter(a -> !a.startsWith("--")).toList();
    Family family =
        given.stream()
            .filter(a -> a.startsWith("--family="))
            .map(a -> Family.parse(a.substring(a.indexOf('=') + 1)))
            .findFirst()
            .orElse(new Family(0, 1));
    List<OpCase> heavy =
        given.contains("--fewer-rows") ? OpCases.tiledWithFewerRows() : OpCases.tiled();
    new EveryKernel(light, heavy, family)
        .run(devices.isEmpty() ? List.of("simt", "simt:1") : devices);
  }

  private void run(List<String> devices) {
    String first = devices.getFirst();
    List<OpCase> small = OpCases.all();
    List<OpCase> lightTiled = OpCases.tiled().stream().filter(EveryKernel::isLight).toList();
    cases(new OpRunner(first), small, op -> true);
    cases(new OpRunner(first, MathMode.TF32), small, Tf32Test::multiplies);
    cases(new OpRunner(first, MathMode.TF32), lightTiled, Tf32Test::multiplies);
    for (String device : devices) {
      cases(new OpRunner(device, true), small, OpCases::takesBf16);
      List<OpCase> tiled = light ? lightTiled : heavy;
      cases(new OpRunner(device, true), tiled, OpCases::takesBf16);
      if (!light) {
        cases(new OpRunner(device, true, true), lightTiled, Conv2d.class::isInstance);
      }
    }
    if (family.isLast()) {
      outsideOperations(first);
      devices.forEach(this::chained);
    }
    System.out.printf(Locale.ROOT, "%s%d %08x%n", RESULTS, results, bits.getValue());
  }

  /** Of the matrix products: few millions of multiplications, which still go round every ring. */
  private static boolean isLight(OpCase c) {
    return multiplications(c) <= LIGHT || c.name().startsWith(OpCases.ONE_SLAB);
  }

  /** Of a convolution's forward pass; other cases take little. */
  static long multiplications(OpCase c) {
    if (!(c.op() instanceof Convolution)) {
      return 0;
    }
    Shape weight = c.inputs().get(1).shape();
    return c.output().elements() * weight.elements() / weight.dim(0);
  }

  private void cases(OpRunner runner, List<OpCase> cases, Predicate<Op> taken) {
    try (runner) {
      for (OpCase c : cases) {
        if (family.has(c.op()) && taken.test(c.op())) {
          OpRunner.Result result = runner.run(c, c.sample());
          add(result.y());
          Stream.of(result.gradients(), result.after())
              .flatMap(Stream::of)
              .filter(values -> values != null)
              .forEach(this::add);
        }
      }
    }
  }

  private void add(double... values) {
    for (double value : values) {
      long word = Double.doubleToLongBits(value);
      for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
        bits.update((int) (word >>> shift));
      }
    }
    results++;
  }

  /** Random numbers, reductions, the optimiser with its packed weights, the adversarial weight. */
  private void outsideOperations(String name) {
    ParameterStore.Builder layout = new ParameterStore.Builder();
    layout.root().parameter("bias", new Init.Uniform(1), 4099);
    layout.root().weight(new Conv2d(1, 1), "conv.weight", new Init.Uniform(1), 40, 72, 3, 3);
    layout.root().weight(new Conv2d(1, 1), "thin.weight", new Init.Uniform(1), 5, 3, 4, 4);
    try (Device device = Device.open(name);
        var stream = new io.github.eqvae.tensor.Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        ParameterStore store = layout.build(stream, 3, true)) {
      store.keepPacked(stream);
      Tensor gradients = store.gradients(stream);
      gradients.normal(stream, 5, 6, 0, 1);
      Tensor squares = arena.tensor(Shape.SCALAR);
      GradientNorm.squares(stream, store, squares);
      NonFiniteCount bad = new NonFiniteCount(arena);
      bad.clear(stream);
      bad.add(stream, gradients);
      Tensor weight = arena.tensor(Shape.SCALAR);
      stream
          .launch(Fn.ADAPTIVE_WEIGHT, Struct.ADAPTIVE_WEIGHT_PARAMS)
          .f32(1e-4f)
          .f32(1e4f)
          .f32(0.5f)
          .run(squares, squares, weight);
      add(weight.toDoubles(stream));
      for (int kind = 0; kind < 4; kind++) {
        Tensor reduced = arena.tensor(Shape.SCALAR);
        stream.launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(kind).f64(1).run(gradients, reduced);
        add(reduced.toDoubles(stream));
      }
      Tensor schedule = arena.tensor(Shape.of(AdamOptimizer.SCHEDULE), DType.F64);
      Ema ema = new Ema(store, stream);
      for (boolean decoupled : new boolean[] {false, true}) {
        AdamOptimizer adam =
            new AdamOptimizer(store, stream, new AdamSettings(0.9, 0.999, 1e-8, 0.01, decoupled));
        schedule.set(stream, adam.schedule(1e-2, 0.9));
        adam.update(stream, schedule, 0.5, 1, squares, bad.total(), ema);
        add(adam.firstMoment().toDoubles(stream));
        add(adam.secondMoment().toDoubles(stream));
      }
      add(store.values().toDoubles(stream));
      add(ema.average().toDoubles(stream));
      store.repack(stream);
      Tensor packed = arena.tensor(store.get("conv.weight").packed().shape());
      store.get("conv.weight").packed().copyTo(stream, packed);
      add(packed.toDoubles(stream));
    }
  }

  /**
   * A convolution that makes the statistics of the norm after it, forward and backward with packed
   * weights: as it is, then as a graph that is launched.
   */
  private void chained(String name) {
    GroupNorm norm = new GroupNorm(4, 1e-6, true);
    ParameterStore.Builder layout = new ParameterStore.Builder();
    var conv =
        new io.github.eqvae.nn.Conv2d(
            layout.root().in("conv"), 8, 16, 3, new Conv2d(1, 1).with(norm.statistics()));
    var after = new io.github.eqvae.nn.GroupNorm(layout.root().in("norm"), 16, norm);
    try (Device device = Device.open(name);
        var stream = new io.github.eqvae.tensor.Stream(device);
        TensorArena kept = new TensorArena(device, "kept");
        TensorArena arena = new TensorArena(device, "step");
        ParameterStore store = layout.build(stream, 3, true)) {
      store.keepPacked(stream);
      Tensor x = kept.tensor(Shape.of(2, 9, 8, 8));
      Tensor dy = kept.tensor(Shape.of(2, 9, 8, 16));
      Tensor y = kept.tensor(dy.shape());
      x.normal(stream, 7, 8, 0, 1);
      dy.normal(stream, 9, 10, 0, 1);
      Runnable step =
          () -> {
            store.newUpdate();
            Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
            Tensor out = after.forward(tape, conv.forward(tape, x));
            out.copyTo(stream, y);
            tape.backward(List.of(new Seed(out, dy)));
            arena.reset();
          };
      step.run(); // allocates what a capture cannot
      add(y.toDoubles(stream));
      add(store.gradients(stream).toDoubles(stream));
      try (Graph graph = stream.capture(step)) {
        x.fill(stream, 0.5);
        graph.launch(stream);
        add(y.toDoubles(stream));
        add(store.gradients(stream).toDoubles(stream));
      }
    }
  }
}
