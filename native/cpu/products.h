// Matrix products whose results do not depend on the number of threads: the caller cuts the work, each product runs on
// the thread that asks for it.
#pragma once

#include <oneapi/dnnl/dnnl.h>

#include <atomic>

#include "bf16.h"
#include "parallel.h"
#include "status.h"

// oneDNN exports it beside dnnl_sgemm, but only its own tests declare it.
extern "C" dnnl_status_t DNNL_API dnnl_gemm_bf16bf16f32(char ta, char tb, dnnl_dim_t m, dnnl_dim_t n, dnnl_dim_t k,
                                                        float alpha, const uint16_t* a, dnnl_dim_t lda, const uint16_t* b,
                                                        dnnl_dim_t ldb, float beta, float* c, dnnl_dim_t ldc);

namespace eqv::cpu {

// Matrix products of one thread each, which oneDNN uses unless it is told to use more (openmp.h). A failure cannot be thrown
// out of a piece of work: it is kept and reported after it.
class Products {
 public:
  // c{m,n} = alpha op(a) op(b) + beta c, row-major
  void operator()(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
                  const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
    check(dnnl_sgemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc));
  }
  void operator()(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const uint16_t* a, int64_t lda,
                  const uint16_t* b, int64_t ldb, float beta, float* c, int64_t ldc) {
    check(dnnl_gemm_bf16bf16f32(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc));
  }
  void report(const char* op) const {
    if (failed_ == static_cast<int>(dnnl_out_of_memory))
      throw error(EQV_OUT_OF_MEMORY, "%s: oneDNN ran out of memory in a matrix product", op);
    if (failed_) throw error(EQV_INTERNAL, "%s: oneDNN's product of matrices failed with status %d", op, failed_.load());
  }

 private:
  void check(dnnl_status_t status) {
    if (status != dnnl_success) failed_ = static_cast<int>(status);
  }

  std::atomic<int> failed_{0};
};

// Products of the factors as they are, or rounded to bf16 if the stream says so. Each thread has room for two rounded
// factors of at most `a` and `b` numbers, in the call's scratch memory.
class StreamProducts {
 public:
  static int64_t bytes(const Stream& stream, int64_t a, int64_t b) {
    return stream.bf16 ? Workspace::bytes<float>(stream.device->threads * (room(a) + room(b))) : 0;
  }
  StreamProducts(const Stream& stream, Workspace& workspace, int64_t a, int64_t b)
      : bf16_(stream.bf16), a_(room(a)), both_(a_ + room(b)) {
    if (bf16_) rounded_ = workspace.take<float>(stream.device->threads * both_);
  }

  // As Products, by the region's thread `thread`.
  void operator()(int thread, char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
                  const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
    float* to = bf16_ ? rounded_ + thread * both_ : nullptr;
    if (!bf16_) {
      product_(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    } else if (multiplies_bf16()) {
      multiply(reinterpret_cast<uint16_t*>(to), reinterpret_cast<uint16_t*>(to + a_), ta, tb, m, n, k, alpha, a, lda, b, ldb,
               beta, c, ldc);
    } else {
      multiply(to, to + a_, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    }
  }
  void report(const char* op) const { product_.report(op); }

 private:
  // A multiple of 16 numbers, so that the next factor begins at 64 bytes.
  static int64_t room(int64_t numbers) { return ceil_div(numbers, 16) * 16; }

  template <class T>
  void multiply(T* a16, T* b16, char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
                const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
    const int64_t columns_a = ta == 'N' ? k : m, columns_b = tb == 'N' ? n : k;
    round_to_bf16(a, lda, m * k / columns_a, columns_a, a16, columns_a);
    round_to_bf16(b, ldb, k * n / columns_b, columns_b, b16, columns_b);
    product_(ta, tb, m, n, k, alpha, a16, columns_a, b16, columns_b, beta, c, ldc);
  }

  Products product_;
  const bool bf16_;
  const int64_t a_, both_;
  float* rounded_ = nullptr;
};

}  // namespace eqv::cpu
