// Attention on bf16 activations by tensor cores, where heads are a multiple of 8 wide; same arguments as the functions of
// backend.h.
#pragma once

#include <initializer_list>

#include "backend.h"

namespace eqv::gpu {

// Whether these tensors are bf16 and their heads can be read 8 values at a time.
bool attention_fits_tensor_cores(const eqv_attention_params&, std::initializer_list<const Tensor*> read);

void attention_bf16_fwd(Stream&, const eqv_attention_params&, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& o, const Tensor& lse);
void attention_bf16_bwd(Stream&, const eqv_attention_params&, const Tensor& d_o, const Tensor& q, const Tensor& k,
                        const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& dq, const Tensor& dk,
                        const Tensor& dv);

}  // namespace eqv::gpu
