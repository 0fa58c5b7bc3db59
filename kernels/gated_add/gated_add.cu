// x + gate·y, the gate being read once for all the rows that a thread walks down.
#include "common/columns.h"

namespace eqv::backend {

using namespace gpu;

namespace {

ColumnShape shape_of(const Tensor& x) { return {x.shape[0], rows_of(x) / x.shape[0], channels_of(x)}; }

struct Forward {
  Values x, gate, y, out;
  int64_t channels;

  template <int kWide>
  struct Column {
    Values x, y, out;
    float gate[kWide];
    __device__ Column(const Forward& f, int64_t n, int64_t, int64_t c) : x(f.x), y(f.y), out(f.out) {
      f.gate.load(n * f.channels + c, gate);
    }
    __device__ void apply(int64_t at) const {
      float a[kWide], b[kWide];
      x.load(at, a);
      y.load(at, b);
      for (int i = 0; i < kWide; ++i) a[i] += gate[i] * b[i];
      out.store(at, a);
    }
  };
};

struct Backward {
  Values dout, gate, dy;
  int64_t channels;

  template <int kWide>
  struct Column {
    Values dout, dy;
    float gate[kWide];
    __device__ Column(const Backward& b, int64_t n, int64_t, int64_t c) : dout(b.dout), dy(b.dy) {
      b.gate.load(n * b.channels + c, gate);
    }
    __device__ void apply(int64_t at) const {
      float d[kWide];
      dout.load(at, d);
      for (int i = 0; i < kWide; ++i) d[i] *= gate[i];
      dy.store(at, d);
    }
  };
};

// Sums of dout·y.
struct Products {
  Values dout, y;

  template <int kWide>
  struct Column {
    Values dout, y;
    __device__ Column(const Products& p, int64_t, int64_t, int64_t) : dout(p.dout), y(p.y) {}
    __device__ void add(int64_t at, float (&sums)[kWide][1]) const {
      float a[kWide], b[kWide];
      dout.load(at, a);
      y.load(at, b);
      for (int i = 0; i < kWide; ++i) sums[i][0] += a[i] * b[i];
    }
  };
};

}  // namespace

void gated_add_fwd(Stream& stream, const Tensor& x, const Tensor& gate, const Tensor& y, const Tensor& out) {
  const ColumnShape shape = shape_of(x);
  column_walk(stream, "gated_add_fwd", shape, in_vectors(shape.channels, {&x, &gate, &y, &out}),
              Forward{values(x), values(gate), values(y), values(out), shape.channels});
}

void gated_add_bwd(Stream& stream, const Tensor& dout, const Tensor& gate, const Tensor& y, const Tensor& dgate_tensor,
                   const Tensor& dy) {
  const ColumnShape shape = shape_of(y);
  const bool vectors = in_vectors(shape.channels, {&dout, &gate, &y, &dy});
  Workspace workspace(stream, Workspace::bytes<double>(shape.parts()));
  double* parts = workspace.take<double>(shape.parts());
  column_sums<1>(stream, "gated_add_bwd_sums", shape, vectors, Products{values(dout), values(y)}, parts);
  column_walk(stream, "gated_add_bwd", shape, vectors, Backward{values(dout), values(gate), values(dy), shape.channels});
  const Values dgate = values(dgate_tensor);
  const int64_t channels = shape.channels;
  join_chunks<1>(stream, "gated_add_bwd_gate", shape, parts, EQV_LAMBDA(int n, int c, double sum) {
    dgate.set(n * channels + c, static_cast<float>(sum));
  });
}

}  // namespace eqv::backend
