// τ, the posterior, the losses, elementwise arithmetic, reductions and optimisers: validate, then hand over.
#include <cmath>

#include "check.h"
#include "conv2d/packed_weights.h"

using namespace eqv;

namespace {

// Rotation by an odd number of quarter turns swaps the result's sides; the batch and channels stay.
void resample_shapes(const Check& c, const eqv_resample_params& p, const Tensor& x, const Tensor& y) {
  c.that(p.interpolation >= EQV_BILINEAR && p.interpolation <= EQV_BICUBIC_ANTIALIAS, "unknown interpolation",
         "see EQV_BILINEAR in eqv.h");
  c.that(p.quarter_turns >= 0 && p.quarter_turns <= 3, "quarter_turns must be 0 to 3", "use k mod 4");
  c.shape("y", y, {x.shape[0], y.shape[1], y.shape[2], x.shape[3]});
}

void affine_shapes(const Check& c, const eqv_affine_params& p, const Tensor& x, const Tensor& theta, const Tensor& y) {
  c.that(p.padding == EQV_PAD_ZEROS || p.padding == EQV_PAD_BORDER, "unknown padding", "see EQV_PAD_ZEROS in eqv.h");
  c.shape("theta", theta, {x.shape[0], 2, 3});
  c.shape("y", y, {x.shape[0], y.shape[1], y.shape[2], x.shape[3]});
}

void moments_shape(const Check& c, const Tensor& moments, const Tensor& z) {
  c.shape("moments", moments, {z.shape[0], z.shape[1], z.shape[2], 2 * z.shape[3]});
}

void loss_arguments(const Check& c, const eqv_loss_params& p, const Tensor& a, const Tensor* b) {
  c.that(p.kind >= EQV_L1 && p.kind <= EQV_CHARBONNIER, "unknown loss kind", "see EQV_L1 in eqv.h");
  const bool pair = p.kind == EQV_L1 || p.kind == EQV_L2 || p.kind == EQV_CHARBONNIER;
  c.that(p.kind != EQV_CHARBONNIER || p.epsilon >= 1e-12, "epsilon must be at least 1e-12", "1e-3 is usual");
  c.that(pair == (b != nullptr), pair ? "this loss compares two tensors but b is null" : "this loss takes one tensor",
         pair ? "pass the target as b" : "pass NULL for b");
  if (b) c.same_shape("b", *b, "a", a);
}

// One weight for each channel, or for each value.
void head_weights(const Check& c, const Tensor& f, const Tensor& w) {
  if (w.rank == 4) c.same_shape("w", w, "f0", f);
  else c.shape("w", w, {f.shape[3]});
}

// Copies of weights within flat values; what the layout says of them is read by the device alone.
void packing(const Check& c, const Stream& s, const eqv_tensor* layout, const Tensor& values, const eqv_tensor* packed) {
  c.reads_packed(s);
  const Tensor& l = c.typed("layout", layout, 2, EQV_I64);
  c.shape("layout", l, {l.shape[0], kLayoutColumns});
  constexpr int64_t kMostWeights = 65535;  // rows of a grid
  c.that(l.shape[0] <= kMostWeights, "layout has more than 65535 rows", "pack the weights in several calls");
  c.typed("values", &values, 1, EQV_F32);
  c.typed("packed", packed, 1, EQV_BF16);
}

void scalar(const Check& c, const char* name, const Tensor& t) {
  c.that(elements(t) == 1, (std::string(name) + " " + shape_text(t) + " must hold one value").c_str(),
         "pass a scalar tensor");
}

// Vectors {…,D}, one index each, and a table {K,D}.
void quantize_shapes(const Check& c, const char* vectors_name, const Tensor& vectors, const Tensor& index,
                     const char* table_name, const Tensor& table) {
  c.that(vectors.rank >= 1 && vectors.shape[vectors.rank - 1] == table.shape[1],
         (std::string("the last axis of ") + vectors_name + " " + shape_text(vectors) + " is not that of " +
          table_name + " " + shape_text(table)).c_str(),
         "vectors and codes must have the same length");
  Tensor one_each = vectors;
  --one_each.rank;
  c.same_shape("index", index, "the vectors", one_each);
  c.that(elements(index) <= INT32_MAX && table.shape[0] <= INT32_MAX, "there are more than 2^31 - 1 vectors or codes",
         "indices are i32; quantise a part at a time");
}

}  // namespace

extern "C" {

eqv_status eqv_axpby(eqv_stream s, const eqv_axpby_params* params, const eqv_tensor* a, const eqv_tensor* b,
                     const eqv_tensor* out) {
  return guard("axpby", [&] {
    Check c("axpby", s);
    const auto& p = c.params(params);
    const auto &A = c.activation("a", a, -1), &O = c.activation("out", out, -1);
    const auto* B = c.optional_activation("b", b, -1);
    if (B) c.same_shape("b", *B, "a", A);
    c.same_shape("out", O, "a", A);
    backend::axpby(*s, p, A, B, O);
  });
}

eqv_status eqv_add_scaled(eqv_stream s, const eqv_tensor* a, const eqv_tensor* b, const eqv_tensor* scale,
                          const eqv_tensor* out) {
  return guard("add_scaled", [&] {
    Check c("add_scaled", s);
    const auto &B = c.activation("b", b, -1), &S = c.tensor("s", scale, -1), &O = c.activation("out", out, -1);
    const auto* A = c.optional_activation("a", a, -1);
    if (A) c.same_shape("a", *A, "b", B);
    c.same_shape("out", O, "b", B);
    scalar(c, "s", S);
    backend::add_scaled(*s, A, B, S, O);
  });
}

eqv_status eqv_channel_affine(eqv_stream s, const eqv_tensor* x, const eqv_tensor* scale, const eqv_tensor* shift,
                              const eqv_tensor* y) {
  return guard("channel_affine", [&] {
    Check c("channel_affine", s);
    const auto &X = c.tensor("x", x, -1), &Y = c.tensor("y", y, -1);
    const auto *S = c.optional("scale", scale, 1), *T = c.optional("shift", shift, 1);
    c.that(X.rank >= 1, "x is a scalar", "pass a tensor with channels");
    c.same_shape("y", Y, "x", X);
    if (S) c.shape("scale", *S, {X.shape[X.rank - 1]});
    if (T) c.shape("shift", *T, {X.shape[X.rank - 1]});
    backend::channel_affine(*s, X, S, T, Y);
  });
}

eqv_status eqv_resample_fwd(eqv_stream s, const eqv_resample_params* params, const eqv_tensor* x,
                            const eqv_tensor* y) {
  return guard("resample", [&] {
    Check c("resample", s);
    const auto& p = c.params(params);
    const auto &X = c.tensor("x", x, 4), &Y = c.tensor("y", y, 4);
    resample_shapes(c, p, X, Y);
    backend::resample_fwd(*s, p, X, Y);
  });
}

eqv_status eqv_resample_bwd(eqv_stream s, const eqv_resample_params* params, const eqv_tensor* dy,
                            const eqv_tensor* dx) {
  return guard("resample_bwd", [&] {
    Check c("resample_bwd", s);
    const auto& p = c.params(params);
    const auto &DY = c.tensor("dy", dy, 4), &DX = c.tensor("dx", dx, 4);
    resample_shapes(c, p, DX, DY);
    backend::resample_bwd(*s, p, DY, DX);
  });
}

eqv_status eqv_affine_fwd(eqv_stream s, const eqv_affine_params* params, const eqv_tensor* x, const eqv_tensor* theta,
                          const eqv_tensor* y) {
  return guard("affine", [&] {
    Check c("affine", s);
    const auto& p = c.params(params);
    const auto &X = c.tensor("x", x, 4), &T = c.tensor("theta", theta, 3), &Y = c.tensor("y", y, 4);
    affine_shapes(c, p, X, T, Y);
    backend::affine_fwd(*s, p, X, T, Y);
  });
}

eqv_status eqv_affine_bwd(eqv_stream s, const eqv_affine_params* params, const eqv_tensor* dy,
                          const eqv_tensor* theta, const eqv_tensor* dx) {
  return guard("affine_bwd", [&] {
    Check c("affine_bwd", s);
    const auto& p = c.params(params);
    const auto &DY = c.tensor("dy", dy, 4), &T = c.tensor("theta", theta, 3), &DX = c.tensor("dx", dx, 4);
    affine_shapes(c, p, DX, T, DY);
    backend::affine_bwd(*s, p, DY, T, DX);
  });
}

eqv_status eqv_gaussian_sample_fwd(eqv_stream s, const eqv_tensor* moments, const eqv_tensor* noise,
                                   const eqv_tensor* z) {
  return guard("gaussian_sample", [&] {
    Check c("gaussian_sample", s);
    const auto &M = c.tensor("moments", moments, 4), &E = c.tensor("noise", noise, 4), &Z = c.tensor("z", z, 4);
    moments_shape(c, M, Z);
    c.same_shape("noise", E, "z", Z);
    backend::gaussian_sample_fwd(*s, M, E, Z);
  });
}

eqv_status eqv_gaussian_sample_bwd(eqv_stream s, const eqv_tensor* dz, const eqv_tensor* moments,
                                   const eqv_tensor* noise, const eqv_tensor* dmoments) {
  return guard("gaussian_sample_bwd", [&] {
    Check c("gaussian_sample_bwd", s);
    const auto &DZ = c.tensor("dz", dz, 4), &M = c.tensor("moments", moments, 4), &E = c.tensor("noise", noise, 4),
               &DM = c.tensor("dmoments", dmoments, 4);
    moments_shape(c, M, DZ);
    c.same_shape("noise", E, "dz", DZ);
    c.same_shape("dmoments", DM, "moments", M);
    backend::gaussian_sample_bwd(*s, DZ, M, E, DM);
  });
}

eqv_status eqv_gaussian_kl_fwd(eqv_stream s, const eqv_tensor* moments, const eqv_tensor* out) {
  return guard("gaussian_kl", [&] {
    Check c("gaussian_kl", s);
    const auto &M = c.tensor("moments", moments, 4), &O = c.tensor("out", out, -1);
    c.that(M.shape[3] % 2 == 0, "moments needs an even number of channels", "pass mean and log variance");
    scalar(c, "out", O);
    backend::gaussian_kl_fwd(*s, M, O);
  });
}

eqv_status eqv_gaussian_kl_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* moments,
                               const eqv_tensor* dmoments) {
  return guard("gaussian_kl_bwd", [&] {
    Check c("gaussian_kl_bwd", s);
    const auto &D = c.tensor("dout", dout, -1), &M = c.tensor("moments", moments, 4),
               &DM = c.tensor("dmoments", dmoments, 4);
    c.that(M.shape[3] % 2 == 0, "moments needs an even number of channels", "pass mean and log variance");
    scalar(c, "dout", D);
    c.same_shape("dmoments", DM, "moments", M);
    backend::gaussian_kl_bwd(*s, D, M, DM);
  });
}

eqv_status eqv_loss_fwd(eqv_stream s, const eqv_loss_params* params, const eqv_tensor* a, const eqv_tensor* b,
                        const eqv_tensor* out) {
  return guard("loss", [&] {
    Check c("loss", s);
    const auto& p = c.params(params);
    const auto &A = c.tensor("a", a, -1), &O = c.tensor("out", out, -1);
    const auto* B = c.optional("b", b, -1);
    loss_arguments(c, p, A, B);
    scalar(c, "out", O);
    backend::loss_fwd(*s, p, A, B, O);
  });
}

eqv_status eqv_loss_bwd(eqv_stream s, const eqv_loss_params* params, const eqv_tensor* dout, const eqv_tensor* a,
                        const eqv_tensor* b, const eqv_tensor* da) {
  return guard("loss_bwd", [&] {
    Check c("loss_bwd", s);
    const auto& p = c.params(params);
    const auto &D = c.tensor("dout", dout, -1), &A = c.tensor("a", a, -1), &DA = c.tensor("da", da, -1);
    const auto* B = c.optional("b", b, -1);
    loss_arguments(c, p, A, B);
    scalar(c, "dout", D);
    c.same_shape("da", DA, "a", A);
    backend::loss_bwd(*s, p, D, A, B, DA);
  });
}

eqv_status eqv_lpips_head_fwd(eqv_stream s, const eqv_tensor* f0, const eqv_tensor* f1, const eqv_tensor* w,
                              const eqv_tensor* out) {
  return guard("lpips_head", [&] {
    Check c("lpips_head", s);
    const auto &A = c.activation("f0", f0, 4), &B = c.activation("f1", f1, 4), &W = c.tensor("w", w, -1),
               &O = c.tensor("out", out, 1);
    c.same_shape("f1", B, "f0", A);
    head_weights(c, A, W);
    c.shape("out", O, {A.shape[0]});
    backend::lpips_head_fwd(*s, A, B, W, O);
  });
}

eqv_status eqv_lpips_head_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* f0, const eqv_tensor* f1,
                              const eqv_tensor* w, const eqv_tensor* df1) {
  return guard("lpips_head_bwd", [&] {
    Check c("lpips_head_bwd", s);
    const auto &A = c.activation("f0", f0, 4), &B = c.activation("f1", f1, 4), &DF = c.activation("df1", df1, 4),
               &D = c.tensor("dout", dout, 1), &W = c.tensor("w", w, -1);
    c.same_shape("f1", B, "f0", A);
    c.same_shape("df1", DF, "f0", A);
    head_weights(c, A, W);
    c.shape("dout", D, {A.shape[0]});
    backend::lpips_head_bwd(*s, D, A, B, W, DF);
  });
}

eqv_status eqv_vector_quantize_fwd(eqv_stream s, const eqv_tensor* z, const eqv_tensor* codebook,
                                   const eqv_tensor* index, const eqv_tensor* zq) {
  return guard("vector_quantize", [&] {
    Check c("vector_quantize", s);
    const auto &Z = c.tensor("z", z, -1), &E = c.tensor("codebook", codebook, 2), &Q = c.tensor("zq", zq, -1);
    const auto& I = c.typed("index", index, -1, EQV_I32);
    quantize_shapes(c, "z", Z, I, "codebook", E);
    c.same_shape("zq", Q, "z", Z);
    backend::vector_quantize_fwd(*s, Z, E, I, Q);
  });
}

eqv_status eqv_vector_quantize_bwd(eqv_stream s, const eqv_tensor* dzq, const eqv_tensor* index,
                                   const eqv_tensor* dcodebook) {
  return guard("vector_quantize_bwd", [&] {
    Check c("vector_quantize_bwd", s);
    const auto &DQ = c.tensor("dzq", dzq, -1), &DE = c.tensor("dcodebook", dcodebook, 2);
    const auto& I = c.typed("index", index, -1, EQV_I32);
    quantize_shapes(c, "dzq", DQ, I, "dcodebook", DE);
    backend::vector_quantize_bwd(*s, DQ, I, DE);
  });
}

eqv_status eqv_copy(eqv_stream s, const eqv_tensor* src, const eqv_tensor* dst) {
  return guard("copy", [&] {
    Check c("copy", s);
    const auto &S = c.strided("src", src), &D = c.strided("dst", dst);
    c.that((S.dtype == EQV_I32) == (D.dtype == EQV_I32), "one of src and dst is i32", "copy integers to integers");
    c.same_shape("dst", D, "src", S);
    for (int i = 0; i < D.rank; ++i)
      c.that(D.shape[i] == 1 || D.stride[i] > 0, "dst has a stride of 0", "write to a tensor without broadcasting");
    backend::copy(*s, S, D);
  });
}

eqv_status eqv_fill(eqv_stream s, const eqv_fill_params* params, const eqv_tensor* out) {
  return guard("fill", [&] {
    Check c("fill", s);
    const auto& p = c.params(params);
    backend::fill(*s, p, c.activation("out", out, -1));
  });
}

eqv_status eqv_random(eqv_stream s, const eqv_random_params* params, const eqv_tensor* counter, const eqv_tensor* out) {
  return guard("random", [&] {
    Check c("random", s);
    const auto& p = c.params(params);
    c.that(p.distribution == EQV_NORMAL || p.distribution == EQV_UNIFORM, "unknown distribution",
           "use EQV_NORMAL or EQV_UNIFORM");
    c.that(std::isfinite(p.a) && std::isfinite(p.b), "a and b must be finite", "pass mean and std or low and high");
    const auto& O = c.tensor("out", out, -1);
    backend::random(*s, p, counter ? &c.typed("counter", counter, 0, EQV_F64) : nullptr, O);
  });
}

eqv_status eqv_reduce(eqv_stream s, const eqv_reduce_params* params, const eqv_tensor* x, const eqv_tensor* out) {
  return guard("reduce", [&] {
    Check c("reduce", s);
    const auto& p = c.params(params);
    c.that(p.kind >= EQV_SUM && p.kind <= EQV_MAX_ABS, "unknown reduction", "see EQV_SUM in eqv.h");
    const auto &X = c.tensor("x", x, -1), &O = c.tensor("out", out, -1);
    scalar(c, "out", O);
    backend::reduce(*s, p, X, O);
  });
}

eqv_status eqv_adaptive_weight(eqv_stream s, const eqv_adaptive_weight_params* params, const eqv_tensor* numerator,
                               const eqv_tensor* denominator, const eqv_tensor* out) {
  return guard("adaptive_weight", [&] {
    Check c("adaptive_weight", s);
    const auto& p = c.params(params);
    const auto &N = c.tensor("numerator", numerator, -1), &D = c.tensor("denominator", denominator, -1),
               &O = c.tensor("out", out, -1);
    scalar(c, "numerator", N);
    scalar(c, "denominator", D);
    scalar(c, "out", O);
    backend::adaptive_weight(*s, p, N, D, O);
  });
}

eqv_status eqv_adam(eqv_stream s, const eqv_adam_params* params, const eqv_tensor* schedule, const eqv_tensor* squares,
                    const eqv_tensor* skip, const eqv_tensor* w, const eqv_tensor* g, const eqv_tensor* m,
                    const eqv_tensor* v, const eqv_tensor* average, const eqv_tensor* layout, const eqv_tensor* packed) {
  return guard("adam", [&] {
    Check c("adam", s);
    const auto& p = c.params(params);
    c.that(p.grad_scale > 0 && p.clip > 0, "grad_scale and clip must be positive", "pass infinity to clip nothing");
    c.that(squares || std::isinf(p.clip), "clip is given without the gradients' sum of squares", "pass squares");
    c.that(p.beta1 >= 0 && p.beta1 < 1 && p.beta2 >= 0 && p.beta2 < 1 && p.eps > 0,
           "beta1 and beta2 must be in [0, 1) and eps positive", "PyTorch's defaults are 0.9, 0.999, 1e-8");
    const auto &W = c.tensor("w", w, -1), &G = c.tensor("g", g, -1), &M = c.tensor("m", m, -1),
               &V = c.tensor("v", v, -1);
    for (const auto* t : {&G, &M, &V}) c.same_shape("g, m, v", *t, "w", W);
    const auto *A = c.optional("average", average, -1), *Q = c.optional("squares", squares, 0),
               *K = c.optional("skip", skip, 0);
    if (A) c.same_shape("average", *A, "w", W);
    const auto& S = c.typed("schedule", schedule, 1, EQV_F64);
    c.shape("schedule", S, {4});
    c.that((layout != nullptr) == (packed != nullptr), "layout belongs to packed, and packed to layout",
           "pass both or neither");
    if (packed) packing(c, *s, layout, W, packed);
    backend::adam(*s, p, S, Q, K, W, G, M, V, A);
    if (packed) backend::pack_weights(*s, *layout, W, K, *packed);
  });
}

eqv_status eqv_pack_weights(eqv_stream s, const eqv_tensor* layout, const eqv_tensor* values, const eqv_tensor* packed) {
  return guard("pack_weights", [&] {
    Check c("pack_weights", s);
    packing(c, *s, layout, c.tensor("values", values, 1), packed);
    backend::pack_weights(*s, *layout, *values, nullptr, *packed);
  });
}

}  // extern "C"
