// Matrix products whose results do not depend on the number of threads: the caller cuts the work, each product runs on
// the thread that asks for it.
#pragma once

#include <oneapi/dnnl/dnnl.h>

#include <atomic>

#include "parallel.h"
#include "status.h"

namespace eqv::cpu {

// Matrix products of one thread each. Inside a parallel region oneDNN works on the calling thread; where the region
// has a single thread, oneDNN must be told so, or it would use all cores and cut its sums differently. A failure
// cannot be thrown out of the region: it is kept and reported after it.
class Products {
 public:
  Products() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~Products() { omp_set_num_threads(threads_); }
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  // c{m,n} = alpha op(a) op(b) + beta c, row-major
  void operator()(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
                  const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
    const dnnl_status_t status = dnnl_sgemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    if (status != dnnl_success) failed_ = static_cast<int>(status);
  }
  void report(const char* op) const {
    if (failed_ == static_cast<int>(dnnl_out_of_memory))
      throw error(EQV_OUT_OF_MEMORY, "%s: oneDNN ran out of memory in a matrix product", op);
    if (failed_) throw error(EQV_INTERNAL, "%s: oneDNN's sgemm failed with status %d", op, failed_.load());
  }

 private:
  const int threads_;
  std::atomic<int> failed_{0};
};

}  // namespace eqv::cpu
