// The convolution that a linear layer is: 1×1, of rows as images of one pixel.
#pragma once

#include "eqv.h"

namespace eqv {

constexpr eqv_conv2d_params kPointwise{.struct_size = sizeof(eqv_conv2d_params),
                                       .stride = 1,
                                       .pad_top = 0,
                                       .pad_bottom = 0,
                                       .pad_left = 0,
                                       .pad_right = 0,
                                       .activation = EQV_IDENTITY,
                                       .slope = 0,
                                       .groups = 0,
                                       .eps = 0};

}  // namespace eqv
