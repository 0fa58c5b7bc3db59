package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Packed copies of weights, in the order in which a GPU's tensor cores read them with bf16
 * activations, for {@linkplain Op#readsPackedWeight operations that read them}. The copy of a
 * weight is {O, kH·kW, I}, then {I, kH·kW, O} for the input gradient, in BF16, with the last axis
 * padded with zeros to a multiple of 64. Copies have the values of the last {@link #write} (or
 * optimiser update); after changing a weight, write them again.
 */
public final class PackedWeights {
  private static final int UNIT = 64;
  private static final int COLUMNS = 5;

  /**
   * The position of a weight.
   *
   * @param shape {@code [O,I,kH,kW]}; for a matrix {@code [O,I,1,1]}
   * @param first index of its first element in a flat tensor of values
   */
  public record Source(Shape shape, long first) {}

  private final Tensor layout;
  private final Tensor all;
  private final List<Tensor> copies = new ArrayList<>();

  /**
   * Allocates copies, which are not yet written.
   *
   * @param stream orders the work; this call waits for it
   * @param arena owns the copies
   * @param weights at least one
   */
  public PackedWeights(Stream stream, TensorArena arena, List<Source> weights) {
    long size = 0;
    layout = arena.tensor(Shape.of(weights.size(), COLUMNS), DType.I64);
    try (Arena memory = Arena.ofConfined()) {
      MemorySegment table = memory.allocate(layout.bytes(), 64);
      for (int i = 0; i < weights.size(); i++) {
        Shape w = weights.get(i).shape();
        long[] row = {weights.get(i).first(), w.dim(0), w.dim(1), w.dim(2) * w.dim(3), size};
        MemorySegment.copy(row, 0, table, ValueLayout.JAVA_LONG, 8L * COLUMNS * i, COLUMNS);
        size += elements(w);
      }
      layout.copyFrom(stream, table);
      stream.sync();
    }
    all = arena.tensor(Shape.of(size), DType.BF16);
    long first = 0;
    for (Source w : weights) {
      copies.add(all.narrow(0, first, elements(w.shape())));
      first += elements(w.shape());
    }
  }

  /**
   * Size of the copy of one weight.
   *
   * @param weight {@code [O,I,kH,kW]}
   * @return elements of BF16, a multiple of 64
   */
  public static long elements(Shape weight) {
    long outputs = weight.dim(0);
    long inputs = weight.dim(1);
    return weight.dim(2) * weight.dim(3) * (outputs * padded(inputs) + inputs * padded(outputs));
  }

  private static long padded(long channels) {
    return (channels + UNIT - 1) / UNIT * UNIT;
  }

  /**
   * Writes all copies.
   *
   * @param stream orders the work
   * @param values flat, F32; the positions of the weights refer to it
   */
  public void write(Stream stream, Tensor values) {
    stream.launch(Fn.PACK_WEIGHTS).run(layout, values, all);
  }

  /**
   * The table with the positions of each weight and its copy, for the device.
   *
   * @return {@code [weights, 5]} of I64
   */
  public Tensor layout() {
    return layout;
  }

  /**
   * All copies as one flat tensor.
   *
   * @return the memory itself
   */
  public Tensor all() {
    return all;
  }

  /**
   * The copies, in the order of the weights.
   *
   * @return views of {@link #all}: inputs of {@link Conv2d}
   */
  public List<Tensor> copies() {
    return Collections.unmodifiableList(copies);
  }
}
