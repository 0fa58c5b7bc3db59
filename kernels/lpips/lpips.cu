// One level of LPIPS, a thread per pixel.
#include "common/reduce.h"
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

namespace {

constexpr double kEps = 1e-10;

// ‖f‖ of one pixel
__device__ double norm(Values f, int64_t c) {
  double sum = 0;
  for (int64_t i = 0; i < c; ++i) sum += static_cast<double>(f[i]) * static_cast<double>(f[i]);
  return sqrt(sum);
}

}  // namespace

void lpips_head_fwd(Stream& stream, const Tensor& f0_tensor, const Tensor& f1_tensor, const Tensor& w_tensor,
                    const Tensor& out_tensor) {
  const int64_t pixels = f0_tensor.shape[1] * f0_tensor.shape[2], c = f0_tensor.shape[3];
  const Values f0 = values(f0_tensor), f1 = values(f1_tensor);
  const float* w = f32(w_tensor);
  float* out = f32(out_tensor);
  reduce_rows(
      stream, "lpips_head_fwd", f0_tensor.shape[0], pixels,
      EQV_LAMBDA(int64_t n, int64_t pixel) -> double {
        const Values a = f0.from((n * pixels + pixel) * c), b = f1.from((n * pixels + pixel) * c);
        const float ia = static_cast<float>(1 / (norm(a, c) + kEps)), ib = static_cast<float>(1 / (norm(b, c) + kEps));
        double sum = 0;
        for (int64_t i = 0; i < c; ++i) {
          const float d = a[i] * ia - b[i] * ib;
          sum += static_cast<double>(w[i] * d * d);
        }
        return sum;
      },
      EQV_LAMBDA(int64_t n, double sum) { out[n] = static_cast<float>(sum / static_cast<double>(pixels)); });
}

void lpips_head_bwd(Stream& stream, const Tensor& dout_tensor, const Tensor& f0_tensor, const Tensor& f1_tensor,
                    const Tensor& w_tensor, const Tensor& df1_tensor) {
  const int64_t pixels = f0_tensor.shape[1] * f0_tensor.shape[2], c = f0_tensor.shape[3];
  const Values f0 = values(f0_tensor), f1 = values(f1_tensor), df1 = values(df1_tensor);
  const float *dout = f32(dout_tensor), *w = f32(w_tensor);
  for_each(stream, "lpips_head_bwd", f0_tensor.shape[0] * pixels, EQV_LAMBDA(int64_t pixel) {
    const Values a = f0.from(pixel * c), b = f1.from(pixel * c), d = df1.from(pixel * c);
    const float factor = static_cast<float>(2 * static_cast<double>(dout[pixel / pixels]) / static_cast<double>(pixels));
    const double length = norm(b, c), i0 = 1 / (norm(a, c) + kEps), i1 = 1 / (length + kEps);
    const float u0 = static_cast<float>(i0), u1 = static_cast<float>(i1);
    double dot = 0;
    for (int64_t i = 0; i < c; ++i) {
      const float g = factor * w[i] * (b[i] * u1 - a[i] * u0);
      dot += static_cast<double>(g) * static_cast<double>(b[i]);
    }
    // d(1/(‖f‖ + ε))/df = −f/(‖f‖ (‖f‖ + ε)²); at f = 0 the dot product is 0 as well.
    const float k = static_cast<float>(length > 0 ? dot * i1 * i1 / length : 0);
    for (int64_t i = 0; i < c; ++i) {
      const float g = factor * w[i] * (b[i] * u1 - a[i] * u0);
      d.set(i, g * u1 - b[i] * k);
    }
  });
}

}  // namespace eqv::backend
