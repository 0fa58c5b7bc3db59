// A diffusion's variational bound, in chunks that are summed in double.
#include "gaussian_vlb/gaussian_vlb.h"

#include "parallel.h"

namespace eqv::backend {

using namespace cpu;

namespace {

constexpr int64_t kChunk = 1024;

float* optional(const Tensor* t) { return t ? f32(*t) : nullptr; }

// Calls f(chunk, sample, begin, end) for pieces of a sample, given as places in the whole tensor.
template <class F>
void each_chunk(Stream& stream, int64_t samples, int64_t values, F f) {
  const int64_t chunks = ceil_div(values, kChunk);
  parallel_for(stream, samples * chunks, grain(values, Cost::kDozens), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t n = i / chunks, at = i % chunks * kChunk;
      f(i, n, n * values + at, n * values + std::min(values, at + kChunk));
    }
  });
}

}  // namespace

void gaussian_vlb_fwd(Stream& stream, const Tensor& said, const Tensor* variance, const Tensor& start, const Tensor& noisy,
                      const Tensor& steps, const Tensor& out) {
  const int64_t samples = said.shape[0], values = elements(said) / samples, chunks = ceil_div(values, kChunk);
  Workspace workspace(stream, Workspace::bytes<double>(samples * chunks));
  double* parts = workspace.take<double>(samples * chunks);
  const float *s = f32(said), *v = optional(variance), *x0 = f32(start), *xt = f32(noisy);
  each_chunk(stream, samples, values, [&](int64_t chunk, int64_t n, int64_t begin, int64_t end) {
    const VlbStep<float> step(f32(steps) + n * kVlbColumns);
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += vlb_term(step, s[i], v ? v[i] : -1.0f, x0[i], xt[i]).value;
    parts[chunk] = sum;
  });
  for (int64_t n = 0; n < samples; ++n) {
    double sum = 0;
    for (int64_t i = n * chunks; i < (n + 1) * chunks; ++i) sum += parts[i];
    f32(out)[n] = static_cast<float>(sum / (static_cast<double>(values) * kNatsPerBit));
  }
}

void gaussian_vlb_bwd(Stream& stream, const Tensor& dout, const Tensor& said, const Tensor* variance, const Tensor& start,
                      const Tensor& noisy, const Tensor& steps, const Tensor* dsaid, const Tensor* dvariance) {
  const int64_t samples = said.shape[0], values = elements(said) / samples;
  const float *s = f32(said), *v = optional(variance), *x0 = f32(start), *xt = f32(noisy);
  float *ds = optional(dsaid), *dv = optional(dvariance);
  each_chunk(stream, samples, values, [&](int64_t, int64_t n, int64_t begin, int64_t end) {
    const VlbStep<float> step(f32(steps) + n * kVlbColumns);
    const auto share = static_cast<float>(static_cast<double>(f32(dout)[n]) / (static_cast<double>(values) * kNatsPerBit));
    for (int64_t i = begin; i < end; ++i) {
      const VlbTerm<float> term = vlb_term(step, s[i], v ? v[i] : -1.0f, x0[i], xt[i]);
      if (ds) ds[i] = share * term.said;
      if (dv) dv[i] = share * term.variance;
    }
  });
}

}  // namespace eqv::backend
