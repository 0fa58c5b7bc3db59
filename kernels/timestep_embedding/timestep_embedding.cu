// Sines and cosines of times, in double: there are few of them, and t may be as large as 1000.
#include "common/device.h"
#include "common/host_device.h"

namespace eqv::backend {

using namespace gpu;

namespace {

struct Frequencies {
  double log_period, of_half;

  Frequencies(const eqv_timestep_embedding_params& p, int64_t half)
      : log_period(std::log(static_cast<double>(p.max_period))), of_half(1 / static_cast<double>(half)) {}

  __device__ double operator[](int64_t k) const { return exp(-log_period * static_cast<double>(k) * of_half); }
};

__device__ inline void sine_cosine(double angle, double& sine, double& cosine) {
  const double turns = angle * 0.15915494309189533577;  // 1/(2π)
  sine_cosine_of_turns(turns - floor(turns), sine, cosine);
}

}  // namespace

void timestep_embedding_fwd(Stream& stream, const eqv_timestep_embedding_params& p, const Tensor& t_tensor,
                            const Tensor& y_tensor) {
  const int64_t width = channels_of(y_tensor), half = width / 2;
  const Frequencies frequency(p, half);
  const float* t = f32(t_tensor);
  float* y = f32(y_tensor);
  for_each(stream, "timestep_embedding_fwd", elements(t_tensor) * half, EQV_LAMBDA(int64_t i) {
    const int64_t n = i / half, k = i % half;
    double sine, cosine;
    sine_cosine(static_cast<double>(t[n]) * frequency[k], sine, cosine);
    y[n * width + k] = static_cast<float>(cosine);
    y[n * width + half + k] = static_cast<float>(sine);
    if (width % 2 && k == 0) y[n * width + width - 1] = 0.0f;
  });
}

void timestep_embedding_bwd(Stream& stream, const eqv_timestep_embedding_params& p, const Tensor& dy_tensor,
                            const Tensor& t_tensor, const Tensor& dt_tensor) {
  const int64_t width = channels_of(dy_tensor), half = width / 2;
  const Frequencies frequency(p, half);
  const float *dy = f32(dy_tensor), *t = f32(t_tensor);
  float* dt = f32(dt_tensor);
  for_each(stream, "timestep_embedding_bwd", elements(t_tensor), EQV_LAMBDA(int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < half; ++k) {
      const double f = frequency[k];
      double sine, cosine;
      sine_cosine(static_cast<double>(t[n]) * f, sine, cosine);
      sum += f * (static_cast<double>(dy[n * width + half + k]) * cosine - static_cast<double>(dy[n * width + k]) * sine);
    }
    dt[n] = static_cast<float>(sum);
  });
}

}  // namespace eqv::backend
