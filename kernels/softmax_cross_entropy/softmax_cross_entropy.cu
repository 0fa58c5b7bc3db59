// Cross-entropy of a softmax: a block takes a row, its largest value first, then sums in double.
#include "softmax_cross_entropy/softmax_cross_entropy_ref.h"

#include "common/reduce.h"

namespace eqv::backend {

using namespace gpu;

namespace {

struct CrossEntropyRows {
  int64_t classes;
  double smoothing;
  const float* x;
  const int32_t* label;
  const float* weight;
};

__global__ void __launch_bounds__(kThreads) cross_entropy_kernel(CrossEntropyRows in, float* out, float* lse) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const int64_t r = blockIdx.x;
  const float* x = in.x + r * in.classes;
  double most = -INFINITY;
  for (int64_t j = threadIdx.x; j < in.classes; j += kThreads) most = MaximumOf::join(most, static_cast<double>(x[j]));
  most = block_join<MaximumOf>(most, scratch);
  double sum = 0, plain = 0;
  for (int64_t j = threadIdx.x; j < in.classes; j += kThreads) {
    sum += static_cast<double>(expf(x[j] - static_cast<float>(most)));
    plain += static_cast<double>(x[j]);
  }
  sum = block_join(sum, scratch);
  plain = block_join(plain, scratch);
  if (threadIdx.x != 0) return;
  const SoftTarget target{in.label[r], in.classes, in.smoothing};
  const double level = most + log(sum);
  lse[r] = static_cast<float>(level);
  double loss = 0;
  if (target.counts() && !target.is_class()) {
    loss = NAN;
  } else if (target.counts()) {
    loss = (1 - in.smoothing) * (level - static_cast<double>(x[target.label])) +
           in.smoothing * (level - plain / static_cast<double>(in.classes));
    loss *= in.weight ? static_cast<double>(in.weight[r]) : 1.0;
  }
  out[r] = static_cast<float>(loss);
}

}  // namespace

void softmax_cross_entropy_fwd(Stream& stream, const eqv_softmax_cross_entropy_params& p, const Tensor& x,
                               const Tensor& label, const Tensor* weight, const Tensor& out, const Tensor& lse) {
  const int64_t rows = elements(label);
  const CrossEntropyRows in{elements(x) / rows, p.smoothing, f32(x), static_cast<const int32_t*>(label.data), f32(weight)};
  launch(stream, "softmax_cross_entropy_fwd", dim3(static_cast<unsigned>(rows)), dim3(kThreads), sizeof(BlockScratch),
         cross_entropy_kernel, in, f32(out), f32(lse));
}

void softmax_cross_entropy_bwd(Stream& stream, const eqv_softmax_cross_entropy_params& p, const Tensor& dout_tensor,
                               const Tensor& x_tensor, const Tensor& label_tensor, const Tensor* weight_tensor,
                               const Tensor& lse_tensor, const Tensor& dx_tensor) {
  const int64_t classes = elements(x_tensor) / elements(label_tensor);
  const double smoothing = p.smoothing;
  const float *dout = f32(dout_tensor), *x = f32(x_tensor), *weight = f32(weight_tensor), *lse = f32(lse_tensor);
  const auto* label = static_cast<const int32_t*>(label_tensor.data);
  float* dx = f32(dx_tensor);
  for_each(stream, "softmax_cross_entropy_bwd", elements(x_tensor), EQV_LAMBDA(int64_t i) {
    const int64_t r = i / classes;
    const SoftTarget target{label[r], classes, smoothing};
    const float w = dout[r] * (weight ? weight[r] : 1.0f);
    const float apart = expf(x[i] - lse[r]) - static_cast<float>(target.share(i % classes));
    dx[i] = target.counts() ? (target.is_class() ? w * apart : NAN) : 0.0f;
  });
}

}  // namespace eqv::backend
