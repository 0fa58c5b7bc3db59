package io.github.eqvae.op;

import io.github.eqvae.op.In.Layout;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.testing.TorchOracle.Function;
import java.util.ArrayList;
import java.util.List;

/** Cases of the operations that transformers and their training add. */
final class TransformerCases {
  private final CaseSink sink;

  private TransformerCases(CaseSink sink) {
    this.sink = sink;
  }

  static void addTo(CaseSink sink) {
    sink.activations(Dropout.class, 0);
    sink.activations(GatedAdd.class);
    sink.activations(GatedUnit.class);
    sink.activations(Gelu.class);
    sink.activations(LayerNorm.class, 0, 3);
    sink.activations(Rope.class, 0);
    sink.activations(SelfAttention.class, 0);
    sink.needsChannels(GatedUnit.class, 2);
    sink.needsChannels(Rope.class, 2);
    sink.needsChannels(SelfAttention.class, 3);
    TransformerCases c = new TransformerCases(sink);
    c.layerNorm();
    c.linear();
    c.attention();
    c.gated();
    c.activations();
    c.rope();
    c.embeddings();
    c.errors();
    c.mixtures();
    c.dropout();
  }

  private static String describe(In in) {
    return in.shape() + (in.layout() == Layout.DENSE ? "" : " " + in.layout());
  }

  /** Odd size, one row of one channel, views, a vector, several chunks, eight channels at once. */
  private static List<In> rows() {
    return List.of(
        In.of(2, 5, 4),
        In.of(1, 3, 1),
        In.of(2, 3, 6).with(Layout.NARROWED),
        In.of(1, 5, 2).with(Layout.PERMUTED),
        In.of(7),
        In.of(2, 3, 5, 37),
        In.of(3, 131, 8),
        In.of(1, 3, 264));
  }

  private void layerNorm() {
    for (boolean rms : new boolean[] {false, true}) {
      LayerNorm op = new LayerNorm(1e-6, rms);
      for (In x : rows()) {
        // Rows whose values are all nearly equal, or nearly 0, have no derivative to speak of.
        In apart =
            x.with(
                switch ((int) x.shape().dim(-1)) {
                  case 1 -> In.eitherSign(0.2, 0.4); // what is not rms divides by √eps
                  case 2 -> In.grid(0.5, 0.25);
                  default -> In.eitherSign(0.5, 2);
                });
        In channels = In.of(x.shape().dim(-1));
        layerNorm(op, apart);
        layerNorm(op, apart, channels);
        layerNorm(op, apart, channels, channels);
        layerNorm(op, apart, In.absent(), channels);
        if (x.shape().rank() > 1) {
          In both = In.of(x.shape().dim(0), 2, x.shape().dim(-1));
          In scale = In.of(x.shape().dim(0), 1, x.shape().dim(-1));
          layerNorm(op, apart, In.absent(), In.absent(), both);
          layerNorm(op, apart, channels, In.absent(), both);
          layerNorm(op, apart, channels, In.absent(), scale.with(Layout.PERMUTED));
          layerNorm(op, apart, channels, channels, both.with(Layout.NARROWED));
        }
      }
    }
  }

  private void layerNorm(LayerNorm op, In... inputs) {
    StringBuilder given = new StringBuilder(op.rms() ? "rms_norm" : "layer_norm");
    String[] names = {"", " weight", " bias", " modulation"};
    for (int i = 0; i < inputs.length; i++) {
      if (!inputs[i].isAbsent()) {
        given.append(i == 3 ? names[i] + inputs[i].shape().dim(1) : names[i]);
      }
    }
    sink.add(
        given + " " + describe(inputs[0]),
        op,
        TransformerOracles.layerNorm(op, List.of(inputs)),
        TransformerBounds.layerNorm(op),
        inputs);
  }

  private void linear() {
    List<In> xs =
        List.of(
            In.of(3, 5),
            In.of(1, 1),
            In.of(7),
            In.of(2, 3, 5, 7),
            In.of(2, 33, 9).with(Layout.NARROWED),
            In.of(3, 4).with(Layout.PERMUTED),
            In.of(2, 70, 24),
            In.of(2, 70, 40)); // wide enough, and its result, for the pipeline of sm_90a
    List<Activation> functions = List.of(Activation.GELU_TANH, Activation.GELU, Activation.SILU);
    for (In x : xs) {
      for (Activation function : functions) {
        Linear op = new Linear(function);
        long in = x.shape().dim(-1);
        In narrow = x.with(In.uniform(-1, 1));
        long outputs = in == 40 ? 48 : 17;
        In weight = In.of(outputs, in).with(In.uniform(-1, 1));
        String name = "linear " + function.kind() + " " + describe(x);
        Function oracle = TransformerOracles.linear(op);
        ErrorBound bound = TransformerBounds.activatedLinear();
        sink.add(name, op, oracle, bound, narrow, weight);
        sink.add(name + " bias", op, oracle, bound, narrow, weight, In.of(outputs));
      }
    }
  }

  private void attention() {
    selfAttention(In.of(2, 5, 12), 1);
    selfAttention(In.of(1, 1, 3), 1);
    selfAttention(In.of(1, 7, 6), 2);
    selfAttention(In.of(2, 33, 18).with(Layout.NARROWED), 3);
    selfAttention(In.of(1, 5, 12).with(Layout.PERMUTED), 2);
    selfAttention(In.of(1, 67, 48).with(In.uniform(-1, 1)), 2);
    droppedAttention(In.of(2, 65, 18), 3, 0.1, 12345);
    droppedAttention(In.of(2, 5, 12), 2, 0.9, 1);
    for (int size : new int[] {32, 40, 64, 72, 80, 96, 128}) {
      // Narrower numbers: a score is the sum of so many products.
      selfAttention(In.of(1, 35, 3L * size).with(In.uniform(-0.7, 0.7)), 1);
    }
  }

  private void selfAttention(In qkv, int heads) {
    SelfAttention op = new SelfAttention(heads);
    sink.add(
        "self_attention " + heads + " of " + describe(qkv),
        op,
        TransformerOracles.selfAttention(op, 0),
        TransformerBounds.selfAttention(op),
        qkv);
    droppedAttention(qkv, heads, 0.3, 0);
  }

  private void droppedAttention(In qkv, int heads, double rate, long counter) {
    SelfAttention op = new SelfAttention(heads, rate, 5, 77);
    In[] inputs =
        counter == 0
            ? new In[] {qkv}
            : new In[] {qkv, In.constant().with(In.exactly(counter)).as(DType.F64)};
    sink.add(
        "self_attention "
            + heads
            + " of "
            + describe(qkv)
            + " dropped "
            + rate
            + (counter == 0 ? "" : " counted"),
        op,
        TransformerOracles.selfAttention(op, counter),
        TransformerBounds.selfAttention(op),
        inputs);
  }

  private void gated() {
    for (In x : rows()) {
      if (x.shape().rank() > 1) {
        long of = x.shape().elements() / x.shape().dim(0) / x.shape().dim(-1);
        In gate = In.of(x.shape().dim(0), x.shape().dim(-1));
        ErrorBound bound = ErrorBound.sums(2, 0, of + 2, 1);
        Function oracle = TransformerOracles::gatedAdd;
        sink.add("gated_add " + describe(x), new GatedAdd(), oracle, bound, x, gate, x);
        sink.add(
            "gated_add of views " + describe(x),
            new GatedAdd(),
            oracle,
            bound,
            x.with(Layout.DENSE),
            gate.with(Layout.NARROWED),
            x.with(Layout.PERMUTED));
      }
    }
    List<In> xs = new ArrayList<>(rows());
    xs.addAll(List.of(In.of(1, 3, 10), In.of(2), In.of(3, 48)));
    for (In x : xs) {
      if (x.shape().dim(-1) % 2 == 0) {
        sink.add(
            "gated_unit " + describe(x),
            new GatedUnit(),
            TransformerOracles::gatedUnit,
            TransformerBounds.gatedUnit(),
            x.with(In.uniform(-6, 6)));
      }
    }
  }

  private void activations() {
    List<In> xs = new ArrayList<>(rows());
    xs.add(In.of(4099));
    for (In x : xs) {
      for (boolean tanh : new boolean[] {true, false}) {
        Activation.Kind kind = tanh ? Activation.Kind.GELU_TANH : Activation.Kind.GELU;
        sink.add(
            kind + " " + describe(x),
            new Gelu(tanh),
            in -> TransformerOracles.gelu(kind, in[0]),
            TransformerBounds.gelu(tanh),
            x.with(In.uniform(-5, 5)));
      }
    }
  }

  private void rope() {
    rope(In.of(2, 5, 3, 4), 2);
    rope(In.of(1, 3, 1, 2), 1);
    rope(In.of(2, 3, 6, 8), 4);
    rope(In.of(1, 7, 2, 6).with(Layout.NARROWED), 2);
    rope(In.of(2, 4, 3, 2).with(Layout.PERMUTED), 1);
    rope(In.of(2, 33, 6, 72), 4);
  }

  private void rope(In x, int rotated) {
    Rope op = new Rope(rotated);
    In angles = In.constant(x.shape().dim(1), x.shape().dim(3));
    sink.add(
        "rope " + rotated + " of " + describe(x),
        op,
        TransformerOracles.rope(op),
        TransformerBounds.rope(),
        x,
        angles,
        angles);
  }

  private static In indices(int limit, long... shape) {
    return In.constant(shape)
        .with(
            (random, count) -> {
              double[] out = new double[count];
              for (int i = 0; i < count; i++) {
                out[i] = random.nextInt(limit);
              }
              return out;
            })
        .as(DType.I32);
  }

  private void embeddings() {
    embedding(In.of(4, 5), indices(4, 9));
    embedding(In.of(1, 1), indices(1, 3));
    embedding(In.of(6, 3).with(Layout.PERMUTED), indices(6, 2, 3));
    embedding(In.of(3, 4).with(Layout.NARROWED), indices(3));
    embedding(In.of(11, 150), indices(11, 70));
    for (int width : new int[] {2, 3, 8, 256}) {
      timestep(In.of(3, 5), width);
      timestep(In.of(1), width);
      timestep(In.of(2, 3).with(Layout.PERMUTED), width);
    }
    timestep(In.of(1, 1), 6);
    timestep(In.of(4).with(In.exactly(0, 1, 499, 999)), 256);
  }

  private void embedding(In table, In index) {
    sink.add(
        "embedding " + describe(table) + " at " + index.shape(),
        new Embedding(),
        TransformerOracles::embedding,
        TransformerBounds.embedding(),
        table,
        index);
  }

  private void timestep(In t, int width) {
    TimestepEmbedding op = new TimestepEmbedding(width, 10000);
    sink.add(
        "timestep_embedding " + describe(t) + " to " + width,
        op,
        TransformerOracles.timestepEmbedding(op),
        TransformerBounds.timestepEmbedding(),
        t);
  }

  private void errors() {
    List<In> xs = new ArrayList<>(rows());
    xs.add(In.of(2, 3, 3, 2000));
    for (In a : xs) {
      In b = a.with(In.uniform(3, 5)).with(Layout.DENSE);
      In weight = In.constant(a.shape().dim(0));
      Function oracle = TransformerOracles::sampleError;
      ErrorBound bound = TransformerBounds.sampleError();
      sink.add("sample_error " + describe(a), new SampleError(), oracle, bound, a, b);
      sink.add(
          "sample_error weighted " + describe(a), new SampleError(), oracle, bound, a, b, weight);
    }
  }

  private void mixtures() {
    for (In a : rows()) {
      In factors = In.constant(a.shape().dim(0), 2);
      sink.add(
          "sample_mix " + describe(a),
          new SampleMix(),
          TransformerOracles::sampleMix,
          ErrorBound.sums(3, 1, 1, 0),
          a,
          a.with(Layout.DENSE),
          factors);
    }
  }

  private void dropout() {
    for (In x : rows()) {
      for (double rate : new double[] {0, 0.1, 0.5}) {
        Dropout op = new Dropout(rate, 5, 77);
        ErrorBound bound = ErrorBound.multiple(2, 2);
        String name = "dropout " + rate + " of " + describe(x);
        sink.add(name, op, TransformerOracles.dropout(op, 0), bound, x);
        sink.add(
            name + " counted",
            op,
            TransformerOracles.dropout(op, 12345),
            bound,
            x,
            In.constant().with(In.exactly(12345)).as(DType.F64));
      }
    }
  }
}
