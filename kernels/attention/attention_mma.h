// Attention by tensor cores, in bf16 or TF32, where heads are whole vectors wide; same arguments as the functions of
// backend.h.
#pragma once

#include <initializer_list>

#include "backend.h"

namespace eqv::gpu {

// Whether these tensors are multiplied on tensor cores and their heads can be read 16 bytes at a time.
bool attention_fits_tensor_cores(const Stream&, const eqv_attention_params&, std::initializer_list<const Tensor*> read);

void attention_mma_fwd(Stream&, const eqv_attention_params&, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& o, const Tensor& lse);
void attention_mma_bwd(Stream&, const eqv_attention_params&, const Tensor& d_o, const Tensor& q, const Tensor& k,
                        const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& dq, const Tensor& dk,
                        const Tensor& dv);

}  // namespace eqv::gpu
