/*
 * eqv.h: the one C interface of eqvae. Every backend library (CPU, CUDA, the reference in double precision, the
 * planner) exports exactly these symbols; see docs/c-abi.md.
 *
 * Rules
 *  - Every function returns an eqv_status; 0 is success. eqv_last_error copies out the text of the calling thread's last failure:
 *    the function, the argument as it is called here, its value, what it should be. No function throws, prints or exits.
 *  - Parameter structs start with struct_size = sizeof(the struct), set by the caller.
 *  - Images are NHWC: shape {N, H, W, C}. Weights have the shape PyTorch stores on disk: conv {O, I, kH, kW},
 *    linear {O, I}. Strides count elements. Only eqv_copy takes tensors that are not contiguous.
 *  - Activations and their gradients (x, y, dy, dx, q, k, v, o, f0, f1 …) may be bf16 where the device computes in it;
 *    parameters, their gradients, statistics, losses and latents are then f32. Sums are f32 or wider throughout.
 *  - Work is ordered by a stream and may run after the call returned; eqv_stream_sync waits and reports what failed.
 *  - The caller that created a handle destroys it. The library frees nothing that the caller owns.
 *  - Backward functions overwrite their results. They never add to them.
 */
#ifndef EQV_H
#define EQV_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define EQV_API __declspec(dllexport)
#else
#define EQV_API __attribute__((visibility("default")))
#endif

#define EQV_ABI_VERSION 15

/* ---- status ------------------------------------------------------------------------------------------------- */
typedef int32_t eqv_status;
enum {
  EQV_OK = 0,
  EQV_NO_DEVICE = 101,        /* 1xx environment: driver, device or library missing */
  EQV_BAD_ARGUMENT = 201,     /* 2xx argument: a value is wrong */
  EQV_BAD_SHAPE = 202,        /*     a shape is wrong */
  EQV_BAD_HANDLE = 203,       /*     null or closed handle */
  EQV_UNSUPPORTED = 301,      /* 3xx this backend cannot do that (dtype, option) */
  EQV_DEVICE_FAILED = 401,    /* 4xx the device reported a failure */
  EQV_OUT_OF_MEMORY = 501,    /* 5xx memory */
  EQV_INTERNAL = 901          /* 9xx a bug in eqvae */
};

/* Copies the calling thread's last error text (UTF-8, NUL-terminated if cap > 0); returns its full length. */
EQV_API int64_t eqv_last_error(char* buffer, int64_t cap);

/* ---- ABI handshake ------------------------------------------------------------------------------------------ */
/* version = EQV_ABI_VERSION; layout_hash = FNV-1a 64 of the text that eqv_abi_text returns. */
EQV_API eqv_status eqv_abi(uint32_t* version, uint64_t* layout_hash);
/* The layout of every struct and the arity of every function, one per line; returns the full length. */
EQV_API int64_t eqv_abi_text(char* buffer, int64_t cap);
/* Does nothing; measures the cost of a call. */
EQV_API eqv_status eqv_noop(void);

/* ---- tensors ------------------------------------------------------------------------------------------------ */
enum { EQV_F32 = 0, EQV_BF16 = 1, EQV_F16 = 2, EQV_F64 = 3, EQV_I32 = 4, EQV_U8 = 5, EQV_I64 = 6 };
enum { EQV_MAX_RANK = 5 };

typedef struct {
  void* data;                     /* device address; owned by the caller */
  int64_t shape[EQV_MAX_RANK];    /* the first `rank` entries count */
  int64_t stride[EQV_MAX_RANK];   /* in elements */
  int32_t rank;                   /* 0 = scalar */
  int32_t dtype;                  /* EQV_F32 … */
} eqv_tensor;

/* ---- devices, streams, memory ------------------------------------------------------------------------------- */
typedef struct eqv_device_s* eqv_device;
typedef struct eqv_stream_s* eqv_stream;
typedef struct eqv_graph_s* eqv_graph;

typedef struct {
  uint32_t struct_size;
  int32_t threads;          /* CPU threads or multiprocessors that do the work */
  int64_t memory_bytes;     /* total memory of the device, 0 if unknown */
  int64_t free_bytes;       /* free memory now, 0 if unknown */
  int32_t compute_dtype;    /* dtype this device computes in by default: EQV_F32, EQV_F64 */
  int32_t executes;         /* 0: the device only validates and plans; results are never written */
  int32_t graphs;           /* 1: its streams can be captured (eqv_capture_begin) */
  int32_t architecture;     /* of a GPU: 80 for sm_80; else 0 */
  char name[128];
  char detail[256];         /* instruction set, library versions */
} eqv_device_info;

typedef struct {
  uint32_t struct_size;
  int32_t reserved;
  int64_t live_bytes;       /* allocated by eqv_alloc and not yet freed, scratch included */
  int64_t live_blocks;
  int64_t total_blocks;     /* allocations since the device was opened, scratch growth included */
  int64_t cached_plans;     /* shape-specific execution plans made since the device was opened */
  int64_t peak_bytes;       /* the most that live_bytes was since the device was opened */
} eqv_memory_stats;

/* ordinal: which device of the backend; threads: 0 = all cores (CPU only). */
EQV_API eqv_status eqv_device_open(int32_t ordinal, int32_t threads, eqv_device* out);
EQV_API eqv_status eqv_device_close(eqv_device device);
EQV_API eqv_status eqv_device_describe(eqv_device device, eqv_device_info* info);
EQV_API eqv_status eqv_device_memory(eqv_device device, eqv_memory_stats* stats);
EQV_API eqv_status eqv_alloc(eqv_device device, int64_t bytes, void** out);
EQV_API eqv_status eqv_free(eqv_device device, void* data);
EQV_API eqv_status eqv_stream_create(eqv_device device, eqv_stream* out);
EQV_API eqv_status eqv_stream_destroy(eqv_stream stream);
EQV_API eqv_status eqv_stream_sync(eqv_stream stream);
/* Work given to `stream` from now on waits for all work given to `other` so far. Both must be of the same device. */
EQV_API eqv_status eqv_stream_wait(eqv_stream stream, eqv_stream other);
/* Sets how this stream multiplies matrices of fp32 tensors (convolutions, linear layers, attention): in fp32 (the default),
 * or with each factor rounded to TF32 (10 bits of fraction; GPUs) or to bf16 (7 bits; the processor), and sums in fp32.
 * EQV_UNSUPPORTED if the device cannot. */
enum { EQV_MATH_FP32 = 0, EQV_MATH_TF32 = 1, EQV_MATH_BF16 = 2 };
EQV_API eqv_status eqv_stream_math(eqv_stream stream, int64_t math);
/* Makes the stream's scratch arena at least this large, so that no later call has to grow it. */
EQV_API eqv_status eqv_stream_reserve(eqv_stream stream, int64_t bytes);
/* Size of the stream's scratch arena: what the largest call so far needed. */
EQV_API eqv_status eqv_stream_scratch(eqv_stream stream, int64_t* bytes);
/* Host memory for asynchronous copies (pinned, if the device has pinned memory). */
EQV_API eqv_status eqv_host_alloc(eqv_device device, int64_t bytes, void** out);
EQV_API eqv_status eqv_host_free(eqv_device device, void* data);
/* Memory of eqv_host_alloc is read when the stream reaches the copy; other memory is read before the call returns. */
EQV_API eqv_status eqv_copy_in(eqv_stream stream, void* device_data, const void* host, int64_t bytes);
/* Waits for the stream: the bytes are there when the call returns. */
EQV_API eqv_status eqv_copy_out(eqv_stream stream, void* host, const void* device_data, int64_t bytes);

/* ---- profile ---------------------------------------------------------------------------------------------------- */
typedef struct {
  uint32_t struct_size;
  int32_t rows;
  double seconds;               /* since eqv_profile_begin */
  double bytes_per_second;      /* what the device's memory can do at most; 0 if unknown, as on a processor */
  double flops_per_second[3];   /* the same of products in EQV_MATH_FP32, EQV_MATH_TF32 and EQV_MATH_BF16 */
} eqv_profile_summary;

/* An operation (kernel is empty), or one of its kernels. bytes: each tensor of a call once, a result that is also read
 * twice; flops: 2 for each product of a convolution, linear layer, attention or search of codes, else 0. A kernel has those
 * of the calls in which it was the only one. */
typedef struct {
  uint32_t struct_size;
  int32_t math;                 /* EQV_MATH_… */
  int64_t calls;
  double seconds, bytes, flops;
  char operation[64];
  char kernel[128];
} eqv_profile_row;

/* From begin to end, each operation and kernel of the device's streams is timed. Results are the same, but the host waits
 * more often. Until the end eqv_capture_begin returns EQV_UNSUPPORTED, because kernels of a graph have no times of their own;
 * the launch of a graph that is there already is one row. begin again starts from nothing. */
EQV_API eqv_status eqv_profile_begin(eqv_device device);
/* Waits for what was timed, and says how many rows there are; eqv_profile_get copies one. Both also work after the end. */
EQV_API eqv_status eqv_profile_read(eqv_device device, eqv_profile_summary* summary);
EQV_API eqv_status eqv_profile_get(eqv_device device, int64_t index, eqv_profile_row* row);
EQV_API eqv_status eqv_profile_end(eqv_device device);

/* ---- graphs --------------------------------------------------------------------------------------------------- */
/* From begin to end the operations that this thread gives the stream are recorded, not run; a launch runs them all, in
 * their order. A graph keeps the arguments: addresses, shapes and the values of parameter structs. Values that change from
 * launch to launch must be in device memory. During a capture, calls that need the host (eqv_copy_in, eqv_copy_out,
 * eqv_stream_sync, eqv_alloc, eqv_free, growing scratch memory) are refused and spoil the recording: eqv_capture_end then
 * fails. After eqv_capture_end the stream runs operations again, also if it failed. With out = NULL the recording is
 * discarded. A device with graphs = 0 returns EQV_UNSUPPORTED: run the operations one by one. */
EQV_API eqv_status eqv_capture_begin(eqv_stream stream);
EQV_API eqv_status eqv_capture_end(eqv_stream stream, eqv_graph* out);
/* Fails if the stream's scratch memory has moved since the capture: capture again. */
EQV_API eqv_status eqv_graph_launch(eqv_graph graph, eqv_stream stream);
EQV_API eqv_status eqv_graph_destroy(eqv_graph graph);

/* ---- parameter structs -------------------------------------------------------------------------------------- */
/* GELU: x times the normal distribution function; GELU_TANH: its approximation by tanh. Convolutions have only the first four. */
enum { EQV_IDENTITY = 0, EQV_SILU = 1, EQV_RELU = 2, EQV_LEAKY_RELU = 3, EQV_GELU_TANH = 4, EQV_GELU = 5 };

/* The last four are the epilogue, applied to the result before it is stored; eqv_conv2d_bwd_weight ignores them. */
typedef struct {
  uint32_t struct_size;
  int32_t stride, pad_top, pad_bottom, pad_left, pad_right;
  int32_t activation;       /* EQV_IDENTITY … */
  float slope;              /* of EQV_LEAKY_RELU */
  int32_t groups;           /* of stats; 0 without */
  float eps;                /* of stats */
} eqv_conv2d_params;

typedef struct {
  uint32_t struct_size;
  int32_t groups;
  float eps;
  int32_t silu;
  int32_t stats_given;      /* forward: stats are an input, and eps is not read */
} eqv_group_norm_params;
typedef struct { uint32_t struct_size; float eps; float momentum; int32_t training; } eqv_batch_norm_params;

typedef struct { uint32_t struct_size; int32_t kind; float slope; } eqv_activation_params;

enum { EQV_POOL_MAX = 0, EQV_POOL_MEAN = 1 };
/* Windows of kernel_height x kernel_width, `stride` pixels apart. They begin `padding` pixels outside the image, at most
 * half the kernel. Pixels outside the image are ignored: a mean does not count them. */
typedef struct {
  uint32_t struct_size;
  int32_t kind, kernel_height, kernel_width, stride, padding;
} eqv_pool2d_params;

typedef struct { uint32_t struct_size; int32_t heads; float scale; } eqv_attention_params;
/* 0 <= rate < 1: of the weights, after the softmax, a share of `rate` is dropped, and the others are divided by 1 - rate.
 * Seed and purpose decide which: see eqv_random_params, whose element is key + (T rounded up to a multiple of 4) times
 * ((sample heads + head) T + query). */
typedef struct {
  uint32_t struct_size;
  int32_t heads;
  float scale;
  int32_t reserved;
  uint64_t seed, purpose;
  double rate;
} eqv_self_attention_params;

typedef struct {
  uint32_t struct_size;
  float eps;
  int32_t rms;              /* 1: the mean is not subtracted, and the mean of squares stands for the variance */
} eqv_layer_norm_params;

/* The first `rotated` heads are rotated, the others copied. transposed = 1: the adjoint, which is the backward pass. */
typedef struct { uint32_t struct_size; int32_t rotated; int32_t transposed; } eqv_rope_params;

typedef struct { uint32_t struct_size; float max_period; } eqv_timestep_embedding_params;

/* 0 <= rate < 1. Seed and purpose decide which elements are dropped: see eqv_random_params. */
typedef struct {
  uint32_t struct_size;
  int32_t reserved;
  uint64_t seed, purpose;
  double rate;
} eqv_dropout_params;
/* smoothing: the share of the target that is spread over all classes, 0 to 1. */
typedef struct { uint32_t struct_size; float smoothing; } eqv_softmax_cross_entropy_params;

enum { EQV_BILINEAR = 0, EQV_BILINEAR_ANTIALIAS = 1, EQV_BICUBIC = 2, EQV_BICUBIC_ANTIALIAS = 3 };
/* Resize to the size of the result before rotation, then rotate quarter_turns times clockwise, then flip. */
typedef struct {
  uint32_t struct_size;
  int32_t interpolation, quarter_turns, flip_horizontal, flip_vertical;
} eqv_resample_params;

enum { EQV_PAD_ZEROS = 0, EQV_PAD_BORDER = 1 };
typedef struct { uint32_t struct_size; int32_t padding; } eqv_affine_params;

enum {
  EQV_L1 = 0,               /* sum |a - b| */
  EQV_L2 = 1,               /* sum (a - b)^2 */
  EQV_HINGE_REAL = 2,       /* sum relu(1 - a) */
  EQV_HINGE_FAKE = 3,       /* sum relu(1 + a) */
  EQV_NEGATED_SUM = 4,      /* sum -a: the generator's hinge loss */
  EQV_SOFTPLUS_REAL = 5,    /* sum log(1 + exp(-a)): non-saturating, real or generator */
  EQV_SOFTPLUS_FAKE = 6,    /* sum log(1 + exp(a)) */
  EQV_CHARBONNIER = 7       /* sum sqrt((a - b)^2 + epsilon^2) */
};
/* epsilon, at least 1e-12, is for EQV_CHARBONNIER only. */
typedef struct { uint32_t struct_size; int32_t kind; double scale, epsilon; } eqv_loss_params;

enum { EQV_PRODUCT = 0, EQV_QUOTIENT = 1, EQV_LOGARITHM = 2 };
typedef struct { uint32_t struct_size; int32_t kind; } eqv_arithmetic_params;

enum { EQV_EDGE_ZEROS = 0, EQV_EDGE_REFLECT = 1, EQV_EDGE_REPLICATE = 2 };
/* The padding is zeros; or the image, mirrored at the centre of its outermost pixels (the padding must be less than the
 * side); or the nearest pixel. */
typedef struct { uint32_t struct_size; int32_t mode, top, bottom, left, right; } eqv_pad2d_params;

typedef struct { uint32_t struct_size; float alpha; float beta; } eqv_axpby_params;
typedef struct { uint32_t struct_size; int32_t reserved; double value; } eqv_fill_params;

enum { EQV_NORMAL = 0, EQV_UNIFORM = 1 };
/* Philox4x32-10: key = seed, counter = {block, block >> 32, purpose low, purpose high}; element i of the tensor comes
 * from block i / 4. Normal: Box-Muller on the block's four words; mean + std * n. Uniform: [low, high). */
typedef struct {
  uint32_t struct_size;
  int32_t distribution;
  uint64_t seed, purpose;
  double a, b;              /* mean, std or low, high */
} eqv_random_params;

enum { EQV_SUM = 0, EQV_SUM_SQUARES = 1, EQV_COUNT_NONFINITE = 2, EQV_MAX_ABS = 3 };
typedef struct { uint32_t struct_size; int32_t kind; double scale; } eqv_reduce_params;

typedef struct { uint32_t struct_size; float eps; float maximum; float weight; } eqv_adaptive_weight_params;

/* PyTorch's Adam (decoupled = 0: weight_decay is added to the gradient) or AdamW (decoupled = 1). The gradient is
 * multiplied by grad_scale first (accumulation), and by clip / (norm + 1e-6) if its norm is then above `clip`. */
typedef struct {
  uint32_t struct_size;
  int32_t decoupled;
  double beta1, beta2, eps, weight_decay, grad_scale, clip;
} eqv_adam_params;

/* ---- ops ----------------------------------------------------------------------------------------------------- */
/* Shapes are in the comments. HeaderSources.java generates the copies of these declarations in the library and in Java. */
/* A tensor that may be NULL. Every other pointer must be valid. */
typedef const eqv_tensor* eqv_optional;

/* y{N,P,Q,O} = activation(conv(x{N,H,W,I}, w{O,I,kH,kW}) + bias{O} + residual{y's shape}); zero padding.
 * stats{N,groups,2} = mean, 1/sqrt(variance + eps) of y as it is stored: what eqv_group_norm_fwd would find (always fp32 or
 * fp64).
 * packed (only with bf16 activations, on a device with an architecture) is a copy of w for tensor cores, made by
 * eqv_pack_weights or eqv_adam; without it each call makes its own copy. Kernels may read w, packed or both. */
EQV_API eqv_status eqv_conv2d_fwd(eqv_stream, const eqv_conv2d_params*, const eqv_tensor* x, const eqv_tensor* w,
                                  eqv_optional packed, eqv_optional bias, eqv_optional residual, const eqv_tensor* y,
                                  eqv_optional stats);
/* dx = activation(the adjoint of the convolution + bias{I} + residual{dx's shape}): with these a transposed convolution.
 * stats as above, of dx; packed as above. */
EQV_API eqv_status eqv_conv2d_bwd_input(eqv_stream, const eqv_conv2d_params*, const eqv_tensor* dy, const eqv_tensor* w,
                                        eqv_optional packed, eqv_optional bias, eqv_optional residual,
                                        const eqv_tensor* dx, eqv_optional stats);
EQV_API eqv_status eqv_conv2d_bwd_weight(eqv_stream, const eqv_conv2d_params*, const eqv_tensor* x,
                                         const eqv_tensor* dy, const eqv_tensor* dw, eqv_optional dbias);

/* y{…,O} = activation(x{…,I} · w{O,I}^T + bias{O}); before (y's shape) is the input of the activation as it is stored, which
 * the backward pass reads. NULL: it is not stored; always with EQV_IDENTITY. y is the same with and without. */
EQV_API eqv_status eqv_linear_fwd(eqv_stream, const eqv_activation_params*, const eqv_tensor* x, const eqv_tensor* w,
                                  eqv_optional bias, eqv_optional before, const eqv_tensor* y);
/* dx = dy · w + residual{dx's shape}. */
EQV_API eqv_status eqv_linear_bwd_input(eqv_stream, const eqv_tensor* dy, const eqv_tensor* w, eqv_optional residual,
                                        const eqv_tensor* dx);
EQV_API eqv_status eqv_linear_bwd_weight(eqv_stream, const eqv_tensor* x, const eqv_tensor* dy, const eqv_tensor* dw,
                                         eqv_optional dbias);

/* x, y{N,H,W,C}; gamma, beta{C}; stats{N,G,2} = mean, 1/std (always fp32 or fp64), written or, with stats_given, read;
 * optional SiLU after the affine. */
EQV_API eqv_status eqv_group_norm_fwd(eqv_stream, const eqv_group_norm_params*, const eqv_tensor* x,
                                      const eqv_tensor* gamma, const eqv_tensor* beta, const eqv_tensor* y,
                                      const eqv_tensor* stats);
/* residual (dx's shape) is added to dx. */
EQV_API eqv_status eqv_group_norm_bwd(eqv_stream, const eqv_group_norm_params*, const eqv_tensor* dy,
                                      const eqv_tensor* x, const eqv_tensor* gamma, const eqv_tensor* beta,
                                      const eqv_tensor* stats, eqv_optional residual, const eqv_tensor* dx,
                                      const eqv_tensor* dgamma, const eqv_tensor* dbeta);

/* Training: batch statistics, and the running ones move by `momentum` (variance unbiased, as in PyTorch).
 * stats{C,2} = the mean, 1/std that were used. */
EQV_API eqv_status eqv_batch_norm_fwd(eqv_stream, const eqv_batch_norm_params*, const eqv_tensor* x,
                                      const eqv_tensor* gamma, const eqv_tensor* beta, const eqv_tensor* running_mean,
                                      const eqv_tensor* running_var, const eqv_tensor* y, const eqv_tensor* stats);
EQV_API eqv_status eqv_batch_norm_bwd(eqv_stream, const eqv_batch_norm_params*, const eqv_tensor* dy,
                                      const eqv_tensor* x, const eqv_tensor* gamma, const eqv_tensor* stats,
                                      const eqv_tensor* dx, const eqv_tensor* dgamma, const eqv_tensor* dbeta);

EQV_API eqv_status eqv_activation_fwd(eqv_stream, const eqv_activation_params*, const eqv_tensor* x,
                                      const eqv_tensor* y);
EQV_API eqv_status eqv_activation_bwd(eqv_stream, const eqv_activation_params*, const eqv_tensor* dy,
                                      const eqv_tensor* x, const eqv_tensor* dx);

/* y{N,2H,2W,C}: nearest neighbour. */
EQV_API eqv_status eqv_upsample2x_fwd(eqv_stream, const eqv_tensor* x, const eqv_tensor* y);
EQV_API eqv_status eqv_upsample2x_bwd(eqv_stream, const eqv_tensor* dy, const eqv_tensor* dx);

/* conv(upsample2x(x), w{O,I,3,3}) with padding 1 is the adjoint of a convolution with v{I,O,4,4}, stride 2 and padding 1:
 * v's tap m sums w's taps max(0, 2 - m) .. min(2, 3 - m) along each axis. It costs 4/9 of the products. */
EQV_API eqv_status eqv_upsample_weight_fwd(eqv_stream, const eqv_tensor* w, const eqv_tensor* v);
EQV_API eqv_status eqv_upsample_weight_bwd(eqv_stream, const eqv_tensor* dv, const eqv_tensor* dw);

/* dbias{C} = sum of dy{…,C} over all but the last axis. */
EQV_API eqv_status eqv_bias_bwd(eqv_stream, const eqv_tensor* dy, const eqv_tensor* dbias);

/* y{N,H/2,W/2,C} (floor); index (u8, y's shape) = which of the four, row-major, the first maximum. */
EQV_API eqv_status eqv_max_pool2x2_fwd(eqv_stream, const eqv_tensor* x, const eqv_tensor* y, const eqv_tensor* index);
EQV_API eqv_status eqv_max_pool2x2_bwd(eqv_stream, const eqv_tensor* dy, const eqv_tensor* index,
                                       const eqv_tensor* dx);

/* y{N,P,Q,C}, P = (H + 2 padding - kernel_height) / stride + 1 (floor). Maximum: index (u8, y's shape) = the winner's
 * place in its window, row-major, the first maximum; windows of at most 256 pixels. Mean: index is NULL. */
EQV_API eqv_status eqv_pool2d_fwd(eqv_stream, const eqv_pool2d_params*, const eqv_tensor* x, const eqv_tensor* y,
                                  eqv_optional index);
EQV_API eqv_status eqv_pool2d_bwd(eqv_stream, const eqv_pool2d_params*, const eqv_tensor* dy, eqv_optional index,
                                  const eqv_tensor* dx);

/* out = alpha a + beta b; out may be a or b. */
EQV_API eqv_status eqv_axpby(eqv_stream, const eqv_axpby_params*, const eqv_tensor* a, eqv_optional b,
                             const eqv_tensor* out);
/* out = a + s[0] b; without a, out = s[0] b. */
EQV_API eqv_status eqv_add_scaled(eqv_stream, eqv_optional a, const eqv_tensor* b, const eqv_tensor* s,
                                  const eqv_tensor* out);
/* y{…,C} = x{…,C} scale{C} + shift{C}. */
EQV_API eqv_status eqv_channel_affine(eqv_stream, const eqv_tensor* x, eqv_optional scale, eqv_optional shift,
                                      const eqv_tensor* y);

/* out = a b, a / b or log a (then b is NULL), element by element. */
EQV_API eqv_status eqv_arithmetic_fwd(eqv_stream, const eqv_arithmetic_params*, const eqv_tensor* a, eqv_optional b,
                                      const eqv_tensor* out);
EQV_API eqv_status eqv_arithmetic_bwd(eqv_stream, const eqv_arithmetic_params*, const eqv_tensor* dout,
                                      const eqv_tensor* a, eqv_optional b, eqv_optional da, eqv_optional db);

/* y{N,top + H + bottom,left + W + right,C}: x{N,H,W,C} with padding. */
EQV_API eqv_status eqv_pad2d_fwd(eqv_stream, const eqv_pad2d_params*, const eqv_tensor* x, const eqv_tensor* y);
EQV_API eqv_status eqv_pad2d_bwd(eqv_stream, const eqv_pad2d_params*, const eqv_tensor* dy, const eqv_tensor* dx);

/* q{N,T,C}, k, v{N,S,C} → o{N,T,C}: softmax(scale q k^T) v per head; lse{N,heads,T} = log-sum-exp, saved. */
EQV_API eqv_status eqv_attention_fwd(eqv_stream, const eqv_attention_params*, const eqv_tensor* q, const eqv_tensor* k,
                                     const eqv_tensor* v, const eqv_tensor* o, const eqv_tensor* lse);
EQV_API eqv_status eqv_attention_bwd(eqv_stream, const eqv_attention_params*, const eqv_tensor* d_o,
                                     const eqv_tensor* q, const eqv_tensor* k, const eqv_tensor* v,
                                     const eqv_tensor* o, const eqv_tensor* lse, const eqv_tensor* dq,
                                     const eqv_tensor* dk, const eqv_tensor* dv);

/* qkv{N,T,3C} = queries, keys, values, each of `heads` heads of at most 128 channels → o{N,T,C} as above, without scores in
 * memory; lse{N,heads,T}, saved. Weights are dropped at a rate above 0; counter (f64, a scalar) is added to the purpose. The
 * backward pass drops the same ones if it gets the same numbers. */
EQV_API eqv_status eqv_self_attention_fwd(eqv_stream, const eqv_self_attention_params*, eqv_optional counter,
                                          const eqv_tensor* qkv, const eqv_tensor* o, const eqv_tensor* lse);
EQV_API eqv_status eqv_self_attention_bwd(eqv_stream, const eqv_self_attention_params*, eqv_optional counter,
                                          const eqv_tensor* d_o, const eqv_tensor* qkv, const eqv_tensor* o,
                                          const eqv_tensor* lse, const eqv_tensor* dqkv);

/* Rows of C values: x, y{N,…,C}; y = u (1 + scale) + shift, u = (x - mean) rstd weight + bias; weight, bias{C};
 * modulation (as the activations) is {N,2,C} = shift, scale of each sample, or {N,1,C} = scale.
 * stats{rows,2} = mean, rstd (always fp32 or fp64), written. */
EQV_API eqv_status eqv_layer_norm_fwd(eqv_stream, const eqv_layer_norm_params*, const eqv_tensor* x,
                                      eqv_optional weight, eqv_optional bias, eqv_optional modulation,
                                      const eqv_tensor* y, const eqv_tensor* stats);
/* residual (dx's shape) is added to dx. */
EQV_API eqv_status eqv_layer_norm_bwd(eqv_stream, const eqv_layer_norm_params*, const eqv_tensor* dy,
                                      const eqv_tensor* x, eqv_optional weight, eqv_optional bias,
                                      eqv_optional modulation, const eqv_tensor* stats, eqv_optional residual,
                                      const eqv_tensor* dx, eqv_optional dweight, eqv_optional dbias,
                                      eqv_optional dmodulation);

/* out = x + gate y; x, y, out{N,…,C}, gate{N,C}. out may be x or y. */
EQV_API eqv_status eqv_gated_add_fwd(eqv_stream, const eqv_tensor* x, const eqv_tensor* gate, const eqv_tensor* y,
                                     const eqv_tensor* out);
/* dgate{N,C}, dy{N,…,C}; the gradient of x is dout. */
EQV_API eqv_status eqv_gated_add_bwd(eqv_stream, const eqv_tensor* dout, const eqv_tensor* gate, const eqv_tensor* y,
                                     const eqv_tensor* dgate, const eqv_tensor* dy);

/* x{…,2H} = a | b, y{…,H} = silu(a) b */
EQV_API eqv_status eqv_gated_unit_fwd(eqv_stream, const eqv_tensor* x, const eqv_tensor* y);
EQV_API eqv_status eqv_gated_unit_bwd(eqv_stream, const eqv_tensor* dy, const eqv_tensor* x, const eqv_tensor* dx);

/* x, y{N,T,heads,D}, D even; cos, sin{T,D}: y[2k] = x[2k] cos[2k] - x[2k+1] sin[2k],
 * y[2k+1] = x[2k+1] cos[2k+1] + x[2k] sin[2k+1]. y may be x. */
EQV_API eqv_status eqv_rope(eqv_stream, const eqv_rope_params*, const eqv_tensor* x, const eqv_tensor* cos,
                            const eqv_tensor* sin, const eqv_tensor* y);

/* y{…,D} = table{K,D}[index{…}] (i32); NaN where there is no such row. For the gradient see eqv_vector_quantize_bwd. */
EQV_API eqv_status eqv_embedding_fwd(eqv_stream, const eqv_tensor* table, const eqv_tensor* index,
                                     const eqv_tensor* y);

/* t{…}, y{…,D}: cos(t f_k) for k < h = D / 2, then sin(t f_k), then 0 where D is odd; f_k = max_period^(-k/h). */
EQV_API eqv_status eqv_timestep_embedding_fwd(eqv_stream, const eqv_timestep_embedding_params*, const eqv_tensor* t,
                                              const eqv_tensor* y);
EQV_API eqv_status eqv_timestep_embedding_bwd(eqv_stream, const eqv_timestep_embedding_params*, const eqv_tensor* dy,
                                              const eqv_tensor* t, const eqv_tensor* dt);

/* out{N} = weight{N} times the mean of (a - b)^2 over the values of a sample; a, b{N,…}. */
EQV_API eqv_status eqv_sample_error_fwd(eqv_stream, const eqv_tensor* a, const eqv_tensor* b, eqv_optional weight,
                                        const eqv_tensor* out);
/* The gradient for a; that for b is its negative. */
EQV_API eqv_status eqv_sample_error_bwd(eqv_stream, const eqv_tensor* dout, const eqv_tensor* a, const eqv_tensor* b,
                                        eqv_optional weight, const eqv_tensor* da);

/* out[n] = factors[n,0] a[n] + factors[n,1] b[n]; a, b, out{N,…}, factors{N,2}. */
EQV_API eqv_status eqv_sample_mix_fwd(eqv_stream, const eqv_tensor* a, const eqv_tensor* b, const eqv_tensor* factors,
                                      const eqv_tensor* out);
EQV_API eqv_status eqv_sample_mix_bwd(eqv_stream, const eqv_tensor* dout, const eqv_tensor* factors, eqv_optional da,
                                      eqv_optional db);

/* out{N} = the mean over a sample of one step's term of a diffusion's variational bound, in bits (gaussian_vlb.h). The network's
   outputs: said{N,…}, the data or the noise; variance, from -1 to 1. start: the data; noisy: x[t]; steps{N,8}: the
   last column is 1 in a first step as published, in single precision, 2 in a first step that is computed in double, else 0. */
EQV_API eqv_status eqv_gaussian_vlb_fwd(eqv_stream, const eqv_tensor* said, eqv_optional variance,
                                        const eqv_tensor* start, const eqv_tensor* noisy, const eqv_tensor* steps,
                                        const eqv_tensor* out);
EQV_API eqv_status eqv_gaussian_vlb_bwd(eqv_stream, const eqv_tensor* dout, const eqv_tensor* said,
                                        eqv_optional variance, const eqv_tensor* start, const eqv_tensor* noisy,
                                        const eqv_tensor* steps, eqv_optional dsaid, eqv_optional dvariance);

/* out{…} = weight{…} times the cross-entropy of softmax(logits{…,classes}) and label{…} (i32), 0 where the label is
 * negative, NaN where there is no such class; lse{…}: log-sum-exp of each row, for the gradient. */
EQV_API eqv_status eqv_softmax_cross_entropy_fwd(eqv_stream, const eqv_softmax_cross_entropy_params*,
                                                 const eqv_tensor* logits, const eqv_tensor* label, eqv_optional weight,
                                                 const eqv_tensor* out, const eqv_tensor* lse);
EQV_API eqv_status eqv_softmax_cross_entropy_bwd(eqv_stream, const eqv_softmax_cross_entropy_params*,
                                                 const eqv_tensor* dout, const eqv_tensor* logits,
                                                 const eqv_tensor* label, eqv_optional weight, const eqv_tensor* lse,
                                                 const eqv_tensor* dlogits);

/* y = x / (1 - rate), or 0 with a probability of rate; the same function of dy is the gradient. counter as of eqv_random. */
EQV_API eqv_status eqv_dropout(eqv_stream, const eqv_dropout_params*, eqv_optional counter, const eqv_tensor* x,
                               const eqv_tensor* y);

EQV_API eqv_status eqv_resample_fwd(eqv_stream, const eqv_resample_params*, const eqv_tensor* x, const eqv_tensor* y);
EQV_API eqv_status eqv_resample_bwd(eqv_stream, const eqv_resample_params*, const eqv_tensor* dy,
                                    const eqv_tensor* dx);

/* theta{N,2,3}: PyTorch's affine_grid + grid_sample, bilinear, align_corners = false. */
EQV_API eqv_status eqv_affine_fwd(eqv_stream, const eqv_affine_params*, const eqv_tensor* x, const eqv_tensor* theta,
                                  const eqv_tensor* y);
EQV_API eqv_status eqv_affine_bwd(eqv_stream, const eqv_affine_params*, const eqv_tensor* dy, const eqv_tensor* theta,
                                  const eqv_tensor* dx);

/* moments{N,H,W,2C} = mean | log variance (clamped to [-30, 20]); z, noise{N,H,W,C}; z = mean + exp(logvar/2) noise. */
EQV_API eqv_status eqv_gaussian_sample_fwd(eqv_stream, const eqv_tensor* moments, const eqv_tensor* noise,
                                           const eqv_tensor* z);
EQV_API eqv_status eqv_gaussian_sample_bwd(eqv_stream, const eqv_tensor* dz, const eqv_tensor* moments,
                                           const eqv_tensor* noise, const eqv_tensor* dmoments);
/* out{} = mean over N of 1/2 sum(mean^2 + var - 1 - logvar) */
EQV_API eqv_status eqv_gaussian_kl_fwd(eqv_stream, const eqv_tensor* moments, const eqv_tensor* out);
EQV_API eqv_status eqv_gaussian_kl_bwd(eqv_stream, const eqv_tensor* dout, const eqv_tensor* moments,
                                       const eqv_tensor* dmoments);

/* out{} = scale * the sum of `kind`; b is NULL for the kinds of one argument. */
EQV_API eqv_status eqv_loss_fwd(eqv_stream, const eqv_loss_params*, const eqv_tensor* a, eqv_optional b,
                                const eqv_tensor* out);
/* The gradient for a; that for b is its negative. */
EQV_API eqv_status eqv_loss_bwd(eqv_stream, const eqv_loss_params*, const eqv_tensor* dout, const eqv_tensor* a,
                                eqv_optional b, const eqv_tensor* da);

/* One level of LPIPS: f0, f1{N,H,W,C}, w{C} or, a weight for each value, w{N,H,W,C}; features divided by (their L2 norm
 * over C + 1e-10); out{N} = mean over H, W of sum_c w_c (f0_c - f1_c)^2. The backward pass gives the gradient for f1. */
EQV_API eqv_status eqv_lpips_head_fwd(eqv_stream, const eqv_tensor* f0, const eqv_tensor* f1, const eqv_tensor* w,
                                      const eqv_tensor* out);
EQV_API eqv_status eqv_lpips_head_bwd(eqv_stream, const eqv_tensor* dout, const eqv_tensor* f0, const eqv_tensor* f1,
                                      const eqv_tensor* w, const eqv_tensor* df1);

/* The nearest code of each vector. z, zq{…,D}; codebook{K,D}; index{…} (i32) = the k with the smallest
 * |codebook[k]|^2 - 2 z codebook[k], the lowest of equals; zq = codebook[index]. As in torch.argmin a NaN is smaller
 * than any number: a vector with a NaN gets index 0, and a code with a NaN gets every vector. zq may not overlap z. */
EQV_API eqv_status eqv_vector_quantize_fwd(eqv_stream, const eqv_tensor* z, const eqv_tensor* codebook,
                                           const eqv_tensor* index, const eqv_tensor* zq);
/* dcodebook[k] = sum of dzq over the vectors whose index is k, in their order; 0 where there is none. */
EQV_API eqv_status eqv_vector_quantize_bwd(eqv_stream, const eqv_tensor* dzq, const eqv_tensor* index,
                                           const eqv_tensor* dcodebook);

/* dst = src element by element; any strides, any floating dtypes (this is also concat, split and cast), or both i32. */
EQV_API eqv_status eqv_copy(eqv_stream, const eqv_tensor* src, const eqv_tensor* dst);
EQV_API eqv_status eqv_fill(eqv_stream, const eqv_fill_params*, const eqv_tensor* out);
/* counter{} (f64) holds an integer below 2^53 that is added to the purpose, so that each launch of a graph draws new
 * numbers. */
EQV_API eqv_status eqv_random(eqv_stream, const eqv_random_params*, eqv_optional counter, const eqv_tensor* out);

/* out{} = scale * the reduction of x, in a fixed order. */
EQV_API eqv_status eqv_reduce(eqv_stream, const eqv_reduce_params*, const eqv_tensor* x, const eqv_tensor* out);
/* out{} = weight * min(sqrt(numerator) / (sqrt(denominator) + eps), maximum), of two sums of squares. */
EQV_API eqv_status eqv_adaptive_weight(eqv_stream, const eqv_adaptive_weight_params*, const eqv_tensor* numerator,
                                       const eqv_tensor* denominator, const eqv_tensor* out);
/* One update of the weights w from the gradients g, with their moments m and v and their moving average
 * (average = decay average + (1 - decay) w): all of one flat shape. Values that change from step to step are on the device:
 * schedule{4} (f64) = learning rate, 1 - beta1^t, 1 - beta2^t, the average's decay; squares{} = the sum of the
 * squares of g, which clipping needs; skip{}: if it is not 0, nothing changes. layout and packed (both or
 * neither): the new weights are also packed, as by eqv_pack_weights. */
EQV_API eqv_status eqv_adam(eqv_stream, const eqv_adam_params*, const eqv_tensor* schedule, eqv_optional squares,
                            eqv_optional skip, const eqv_tensor* w, const eqv_tensor* g, const eqv_tensor* m,
                            const eqv_tensor* v, eqv_optional average, eqv_optional layout, eqv_optional packed);
/* Writes packed (flat, bf16): copies of weights w{O,I,kH,kW} that lie in values (flat, f32), as tensor cores read them:
 * {O, kH kW, I} and after it {I, kH kW, O}, the last axis of each padded with zeros to a multiple of 64. layout{weights, 5}
 * (i64, on the device, and not checked) has for each: its first element in values, O, I, kH kW, its first element in packed,
 * a multiple of 8. EQV_UNSUPPORTED on a device without an architecture (eqv_device_info). */
EQV_API eqv_status eqv_pack_weights(eqv_stream, const eqv_tensor* layout, const eqv_tensor* values,
                                    const eqv_tensor* packed);

#ifdef __cplusplus
}
#endif
#endif /* EQV_H */
