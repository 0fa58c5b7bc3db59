// Every instruction of kernels/common on its own, on small integers, against plain loops. Built twice: for a GPU, and under
// the shim. The shim's twins of the instructions follow the manual; only a GPU that prints the same can prove them right.
//   primitives        a line per case: name, hash of what the device computed, ok or the first difference
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "common/hopper.h"
#include "common/pairs.h"
#include "common/tensor_core.h"

namespace eqv::gpu {
namespace {

using dtype::Bf16;

// Device memory with these values, read back when asked for.
template <class T>
class Buffer {
 public:
  Buffer(Stream& stream, std::vector<T> values) : stream_(stream), host(std::move(values)) {
    data_ = static_cast<T*>(backend::raw_allocate(*stream.device, bytes()));
    backend::copy_in(stream, data_, host.data(), bytes());
  }
  Buffer(Stream& stream, size_t count, T value) : Buffer(stream, std::vector<T>(count, value)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { backend::raw_release(*stream_.device, data_, bytes()); }

  T* device() { return data_; }
  const std::vector<T>& fetch() {
    backend::copy_out(stream_, host.data(), data_, bytes());
    backend::sync(stream_);
    return host;
  }

 private:
  int64_t bytes() const { return static_cast<int64_t>(host.size() * sizeof(T)); }

  Stream& stream_;
  T* data_;

 public:
  std::vector<T> host;
};

// Small integers, the same everywhere.
class Numbers {
 public:
  int next() {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<int>(state_ >> 24) % 9 - 4;
  }
  std::vector<Bf16> bf16(size_t count) {
    std::vector<Bf16> out(count);
    for (Bf16& v : out) v = dtype::narrow<Bf16>(static_cast<float>(next()));
    return out;
  }

 private:
  uint32_t state_ = 7;
};

float value(Bf16 v) { return dtype::widen(v); }

int failures = 0;

template <class T>
void report(const std::string& name, const std::vector<T>& got, const std::vector<T>& want) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < got.size() * sizeof(T); ++i)
    hash = (hash ^ reinterpret_cast<const unsigned char*>(got.data())[i]) * 0x100000001b3u;
  std::printf("%s\t%016llx\t", name.c_str(), static_cast<unsigned long long>(hash));
  for (size_t i = 0; i < got.size(); ++i)
    if (std::memcmp(&got[i], &want[i], sizeof(T)) != 0) {
      ++failures;
      std::printf("differs at %zu\n", i);
      return;
    }
  std::printf("ok\n");
}

// ---- sm_80 --------------------------------------------------------------------------------------------------------

__global__ void __launch_bounds__(32) mma_kernel(const Bf16* a, const Bf16* b, float* c) {
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
  uint32_t left[4], right[2];
  for (int r = 0; r < 4; ++r) {
    const Bf16* from = a + (g + r % 2 * 8) * 16 + 2 * t + r / 2 * 8;
    left[r] = from[0].bits | static_cast<uint32_t>(from[1].bits) << 16;
  }
  for (int r = 0; r < 2; ++r) {
    const Bf16* from = b + (2 * t + r * 8) * 8 + g;
    right[r] = from[0].bits | static_cast<uint32_t>(from[8].bits) << 16;
  }
  float sum[4];
  for (int i = 0; i < 4; ++i) sum[i] = c[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
  multiply_add(sum, left, right);
  for (int i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
}

void mma(Stream& stream) {
  Numbers numbers;
  Buffer<Bf16> a(stream, numbers.bf16(16 * 16)), b(stream, numbers.bf16(16 * 8));
  Buffer<float> c(stream, 16 * 8, 3.0f);
  launch(stream, "mma", dim3(1), dim3(32), 0, mma_kernel, a.device(), b.device(), c.device());
  std::vector<float> want(16 * 8, 3.0f);
  for (size_t i = 0; i < 16; ++i)
    for (size_t k = 0; k < 16; ++k)
      for (size_t j = 0; j < 8; ++j) want[i * 8 + j] += value(a.host[i * 16 + k]) * value(b.host[k * 8 + j]);
  report("mma.m16n8k16", c.fetch(), want);
}

struct Matrices {
  alignas(16) Bf16 values[4][8][8];
};

template <bool kTransposed>
__global__ void __launch_bounds__(32) load_kernel(const Bf16* from, uint32_t* out) {
  Matrices& s = shared_memory<Matrices>();
  for (unsigned i = threadIdx.x; i < 256; i += 32) s.values[i / 64][i / 8 % 8][i % 8] = from[i];
  __syncthreads();
  uint32_t registers[4];
  load_matrices<kTransposed>(registers, s.values[threadIdx.x / 8][threadIdx.x % 8]);
  for (int i = 0; i < 4; ++i) out[threadIdx.x * 4 + static_cast<unsigned>(i)] = registers[i];
}

template <bool kTransposed>
void load(Stream& stream) {
  Numbers numbers;
  Buffer<Bf16> from(stream, numbers.bf16(256));
  Buffer<uint32_t> out(stream, 128, 0u);
  launch(stream, "ldmatrix", dim3(1), dim3(32), sizeof(Matrices), load_kernel<kTransposed>, from.device(), out.device());
  std::vector<uint32_t> want(128);
  for (size_t lane = 0; lane < 32; ++lane)
    for (size_t m = 0; m < 4; ++m) {
      const auto at = [&](size_t row, size_t column) {
        return uint32_t{from.host[m * 64 + (kTransposed ? column * 8 + row : row * 8 + column)].bits};
      };
      want[lane * 4 + m] = at(lane / 4, lane % 4 * 2) | at(lane / 4, lane % 4 * 2 + 1) << 16;
    }
  report(kTransposed ? "ldmatrix.x4.trans" : "ldmatrix.x4", out.fetch(), want);
}

struct Copied {
  alignas(16) uint32_t words[128];
};

__global__ void __launch_bounds__(32) copy_kernel(const uint32_t* from, uint32_t* out) {
  Copied& s = shared_memory<Copied>();
  const unsigned at = threadIdx.x * 4;
  copy_async(s.words + at, threadIdx.x % 3 ? from + at : nullptr, from);
  commit_copies();
  wait_for_copies<0>();
  __syncthreads();
  for (unsigned i = 0; i < 4; ++i) out[at + i] = s.words[(at + i + 17) % 128];
}

void copies(Stream& stream) {
  std::vector<uint32_t> words(128);
  for (size_t i = 0; i < words.size(); ++i) words[i] = static_cast<uint32_t>(i * 2654435761u);
  Buffer<uint32_t> from(stream, words), out(stream, 128, 0u);
  launch(stream, "cp.async", dim3(1), dim3(32), sizeof(Copied), copy_kernel, from.device(), out.device());
  std::vector<uint32_t> want(128);
  for (size_t i = 0; i < 128; ++i) {
    const size_t at = (i + 17) % 128;
    want[i] = at / 4 % 3 ? words[at] : 0;
  }
  report("cp.async.16", out.fetch(), want);
}

__global__ void __launch_bounds__(32) round_kernel(const float* from, Bf16* out) {
  const unsigned at = threadIdx.x * 2;
  store_pair(out + at, from[at], from[at + 1]);
}

void rounding(Stream& stream) {
  std::vector<float> values(64);
  const float kinds[] = {1.0f, 1.00390625f, 1.01171875f, 3.3895314e38f, 1e-40f, -0.0f, 0x1.8p-133f, -1.0058594f};
  for (size_t i = 0; i < values.size(); ++i) values[i] = kinds[i % 8] * (i < 32 ? 1.0f : 0.7f);
  values[63] = INFINITY;
  Buffer<float> from(stream, values);
  Buffer<Bf16> out(stream, 64, Bf16{0});
  launch(stream, "cvt", dim3(1), dim3(32), 0, round_kernel, from.device(), out.device());
  std::vector<Bf16> want(64);
  for (size_t i = 0; i < 64; ++i) want[i] = dtype::narrow<Bf16>(values[i]);
  report("cvt.rn.bf16x2", out.fetch(), want);
}

__global__ void __launch_bounds__(32) round_tf32_kernel(const float* from, uint32_t* out) {
  for (int i = static_cast<int>(threadIdx.x); i < 64; i += 32) out[i] = round_to_tf32(__builtin_bit_cast(uint32_t, from[i]));
}

void rounding_tf32(Stream& stream) {
  // Ties go away from zero, and the last of each kind is the smallest that rounds up.
  const float kinds[] = {1.0f, 0x1.002p0f, -0x1.002p0f, 0x1.006p0f, 0x1.001ffep0f, 0x1.fffffep127f, 0x1.8p-140f, -0.0f};
  std::vector<float> values(64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = kinds[i % 8] * (i < 32 ? 1.0f : 0.7f);
  values[62] = -INFINITY, values[63] = NAN;
  Buffer<float> from(stream, values);
  Buffer<uint32_t> out(stream, 64, 0u);
  launch(stream, "cvt", dim3(1), dim3(32), 0, round_tf32_kernel, from.device(), out.device());
  std::vector<uint32_t> want(64);
  for (size_t i = 0; i < 64; ++i) {
    const auto bits = __builtin_bit_cast(uint32_t, values[i]);
    want[i] = values[i] != values[i] ? 0x7fffffffu : ((bits >> 13) + (bits >> 12 & 1)) << 13;
  }
  report("cvt.rna.tf32", out.fetch(), want);
}

__global__ void __launch_bounds__(32) mma_tf32_kernel(const float* a, const float* b, float* c) {
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
  uint32_t left[4], right[2];
  for (int r = 0; r < 4; ++r) left[r] = round_to_tf32(__builtin_bit_cast(uint32_t, a[(g + r % 2 * 8) * 8 + t + r / 2 * 4]));
  for (int r = 0; r < 2; ++r) right[r] = round_to_tf32(__builtin_bit_cast(uint32_t, b[(t + r * 4) * 8 + g]));
  float sum[4];
  for (int i = 0; i < 4; ++i) sum[i] = c[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
  multiply_add_tf32(sum, left, right);
  for (int i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
}

void mma_tf32(Stream& stream) {
  Numbers numbers;
  std::vector<float> left(16 * 8), right(8 * 8);
  for (float& v : left) v = static_cast<float>(numbers.next());
  for (float& v : right) v = static_cast<float>(numbers.next());
  Buffer<float> a(stream, left), b(stream, right), c(stream, 16 * 8, 3.0f);
  launch(stream, "mma", dim3(1), dim3(32), 0, mma_tf32_kernel, a.device(), b.device(), c.device());
  std::vector<float> want(16 * 8, 3.0f);
  for (size_t i = 0; i < 16; ++i)
    for (size_t k = 0; k < 8; ++k)
      for (size_t j = 0; j < 8; ++j) want[i * 8 + j] += left[i * 8 + k] * right[k * 8 + j];
  report("mma.m16n8k8.tf32", c.fetch(), want);
}

// ---- sm_90a -------------------------------------------------------------------------------------------------------

constexpr int kRow = 64;  // values of a tile's row

// Where value (row, column) of a tile lies.
size_t swizzled(size_t row, size_t column) {
  const size_t byte = row * 128 + column * 2;
  return (byte ^ (byte >> 7 & 7) << 4) / 2;
}

struct Tiles {
  alignas(1024) Bf16 a[256 * kRow], b[256 * kRow];
  Barrier full;
};

__device__ inline void begin(Tiles& s, unsigned bytes) {
  if (threadIdx.x == 0) {
    barrier_init(&s.full, 1);
    fence_barrier_init();
  }
  __syncthreads();
  if (threadIdx.x == 0) barrier_expect(&s.full, bytes);
}

__global__ void __launch_bounds__(128) box_kernel(const __grid_constant__ TensorMap map, int row, int column, int rows, Bf16* out) {
  Tiles& s = shared_memory<Tiles>();
  begin(s, static_cast<unsigned>(rows) * 128);
  if (threadIdx.x == 0) copy_matrix_box(s.a, map, &s.full, row, column);
  barrier_wait(&s.full, 0);
  for (int i = static_cast<int>(threadIdx.x); i < rows * kRow; i += 128) out[i] = s.a[i];
}

void box(Stream& stream, int64_t rows, int64_t columns, int box_rows, int row, int column) {
  Numbers numbers;
  Buffer<Bf16> from(stream, numbers.bf16(static_cast<size_t>(rows * columns)));
  const auto count = static_cast<size_t>(box_rows) * kRow;
  Buffer<Bf16> out(stream, count, Bf16{0x7fff});
  launch(stream, "tma", dim3(1), dim3(128), sizeof(Tiles), box_kernel, matrix_map(from.device(), rows, columns, box_rows), row,
         column, box_rows, out.device());
  std::vector<Bf16> want(count);
  for (int r = 0; r < box_rows; ++r)
    for (int c = 0; c < kRow; ++c) {
      const bool inside = row + r < rows && column + c < columns;
      want[swizzled(static_cast<size_t>(r), static_cast<size_t>(c))] =
          inside ? from.host[static_cast<size_t>((row + r) * columns + column + c)] : Bf16{0};
    }
  report("tma.box " + std::to_string(rows) + "x" + std::to_string(columns) + " at " + std::to_string(row) + "," +
             std::to_string(column),
         out.fetch(), want);
}

constexpr int kImageRows = 18, kImageColumns = 8;  // of a box

__global__ void __launch_bounds__(128)
    image_kernel(const __grid_constant__ TensorMap map, int n, int i, int j, int channel, Bf16* out) {
  constexpr int kPixels = kImageRows * kImageColumns;
  Tiles& s = shared_memory<Tiles>();
  begin(s, kPixels * 128);
  if (threadIdx.x == 0) copy_image_box(s.a, map, &s.full, n, i, j, channel);
  barrier_wait(&s.full, 0);
  for (int k = static_cast<int>(threadIdx.x); k < kPixels * kRow; k += 128) out[k] = s.a[k];
}

struct Images {
  int n, h, w, c;

  // Where a value is; −1 outside.
  int64_t at(int image, int y, int x, int channel) const {
    const bool inside = image >= 0 && image < n && y >= 0 && y < h && x >= 0 && x < w && channel < c;
    return inside ? ((int64_t{image} * h + y) * w + x) * c + channel : -1;
  }
  size_t values() const { return static_cast<size_t>(n * h * w * c); }
};

void image_box(Stream& stream, const Images& v, int n, int i, int j, int channel) {
  Numbers numbers;
  Buffer<Bf16> from(stream, numbers.bf16(v.values()));
  constexpr size_t kCount = size_t{kImageRows} * kImageColumns * kRow;
  Buffer<Bf16> out(stream, kCount, Bf16{0x7fff});
  launch(stream, "tma", dim3(1), dim3(128), sizeof(Tiles), image_kernel,
         image_map(from.device(), v.n, v.h, v.w, v.c, kImageRows, kImageColumns), n, i, j, channel, out.device());
  std::vector<Bf16> want(kCount);
  for (int p = 0; p < kImageRows * kImageColumns; ++p)
    for (int k = 0; k < kRow; ++k) {
      const int64_t at = v.at(n, i + p / kImageColumns, j + p % kImageColumns, channel + k);
      want[swizzled(static_cast<size_t>(p), static_cast<size_t>(k))] = at < 0 ? Bf16{0} : from.host[static_cast<size_t>(at)];
    }
  char name[100];
  std::snprintf(name, sizeof name, "tma.image %dx%dx%dx%d at %d,%d,%d channel %d", v.n, v.h, v.w, v.c, n, i, j, channel);
  report(name, out.fetch(), want);
}

// The tile is 64 pixels, 8 × 8.
__global__ void __launch_bounds__(128)
    store_image_kernel(const __grid_constant__ TensorMap map, int n, int i, int j, int channel, const Bf16* from) {
  Tiles& s = shared_memory<Tiles>();
  for (int k = static_cast<int>(threadIdx.x); k < 64 * kRow; k += 128)
    s.a[swizzled_128(static_cast<unsigned>(k) * 2) / 2] = from[k];
  fence_async_proxy();
  warpgroup_barrier();
  if (threadIdx.x == 0) {
    store_image_box(s.a, map, n, i, j, channel);
    commit_stores();
    wait_for_stores<0>();
  }
}

void store_image(Stream& stream, const Images& v, int n, int i, int j, int channel) {
  constexpr int kWide = 8;
  Numbers numbers;
  Buffer<Bf16> from(stream, numbers.bf16(size_t{kWide} * kWide * kRow));
  const Bf16 before{0x7fff};
  Buffer<Bf16> to(stream, v.values(), before);
  launch(stream, "tma", dim3(1), dim3(128), sizeof(Tiles), store_image_kernel,
         image_map(to.device(), v.n, v.h, v.w, v.c, kWide, kWide), n, i, j, channel, from.device());
  std::vector<Bf16> want(v.values(), before);
  for (int p = 0; p < kWide * kWide; ++p)
    for (int k = 0; k < kRow; ++k) {
      const int64_t at = v.at(n, i + p / kWide, j + p % kWide, channel + k);
      if (at >= 0) want[static_cast<size_t>(at)] = from.host[static_cast<size_t>(p * kRow + k)];
    }
  char name[100];
  std::snprintf(name, sizeof name, "tma.store %dx%dx%dx%d at %d,%d,%d channel %d", v.n, v.h, v.w, v.c, n, i, j, channel);
  report(name, to.fetch(), want);
}

// The tile is 64 rows; what is outside the matrix must stay as it is.
__global__ void __launch_bounds__(128) store_kernel(const __grid_constant__ TensorMap map, int row, int column, const Bf16* from) {
  Tiles& s = shared_memory<Tiles>();
  for (int i = static_cast<int>(threadIdx.x); i < 64 * kRow; i += 128)
    s.a[swizzled_128(static_cast<unsigned>(i) * 2) / 2] = from[i];
  fence_async_proxy();
  warpgroup_barrier();
  if (threadIdx.x == 0) {
    store_matrix_box(s.a, map, row, column);
    commit_stores();
    wait_for_stores<0>();
  }
}

void store_box(Stream& stream, int64_t rows, int64_t columns, int row, int column) {
  constexpr int kRows = 64;
  Numbers numbers;
  Buffer<Bf16> from(stream, numbers.bf16(size_t{kRows} * kRow));
  const Bf16 before{0x7fff};
  Buffer<Bf16> to(stream, static_cast<size_t>(rows * columns), before);
  launch(stream, "tma", dim3(1), dim3(128), sizeof(Tiles), store_kernel, matrix_map(to.device(), rows, columns, kRows), row, column,
         from.device());
  std::vector<Bf16> want(static_cast<size_t>(rows * columns), before);
  for (int r = 0; r < kRows && row + r < rows; ++r)
    for (int c = 0; c < kRow && column + c < columns; ++c)
      want[static_cast<size_t>((row + r) * columns + column + c)] = from.host[static_cast<size_t>(r * kRow + c)];
  report("tma.store " + std::to_string(rows) + "x" + std::to_string(columns) + " at " + std::to_string(row) + "," +
             std::to_string(column),
         to.fetch(), want);
}

template <bool kTransposed>
__global__ void __launch_bounds__(32) store_matrices_kernel(const uint32_t* from, Bf16* out) {
  Matrices& s = shared_memory<Matrices>();
  uint32_t registers[4];
  for (int i = 0; i < 4; ++i) registers[i] = from[threadIdx.x * 4 + static_cast<unsigned>(i)];
  store_matrices<kTransposed>(s.values[threadIdx.x / 8][threadIdx.x % 8], registers);
  __syncthreads();
  for (unsigned i = threadIdx.x; i < 256; i += 32) out[i] = s.values[i / 64][i / 8 % 8][i % 8];
}

template <bool kTransposed>
void store(Stream& stream) {
  std::vector<uint32_t> words(128);
  for (size_t i = 0; i < words.size(); ++i) words[i] = static_cast<uint32_t>(i * 2654435761u);
  Buffer<uint32_t> from(stream, words);
  Buffer<Bf16> out(stream, 256, Bf16{0});
  launch(stream, "stmatrix", dim3(1), dim3(32), sizeof(Matrices), store_matrices_kernel<kTransposed>, from.device(), out.device());
  std::vector<Bf16> want(256);
  for (size_t m = 0; m < 4; ++m)
    for (size_t row = 0; row < 8; ++row)
      for (size_t column = 0; column < 8; ++column) {
        const auto value = static_cast<uint16_t>(words[(row * 4 + column / 2) * 4 + m] >> column % 2 * 16);
        want[m * 64 + (kTransposed ? column * 8 + row : row * 8 + column)] = Bf16{value};
      }
  report(kTransposed ? "stmatrix.x4.trans" : "stmatrix.x4", out.fetch(), want);
}

struct Shared2 {
  alignas(1024) Bf16 boxes[64 * kRow], pixels[64 * kRow];
  Barrier full, empty;
};

// Two blocks. Each loads half of the boxes' rows and half of the pixels, for both blocks. They do it twice: the second time
// after both have reported that they have read the first data.
__global__ void __launch_bounds__(128) multicast_kernel(const __grid_constant__ TensorMap map, const __grid_constant__ TensorMap pixels, Bf16* out) {
  constexpr int kHalf = 32 * kRow, kAll = 64 * kRow;
  Shared2& s = shared_memory<Shared2>();
  const auto rank = cluster_rank();
  const int half = static_cast<int>(rank) * kHalf;
  if (threadIdx.x == 0) {
    barrier_init(&s.full, 1);
    barrier_init(&s.empty, 2);
    fence_barrier_init();
  }
  cluster_barrier();
  for (int round = 0; round < 2; ++round) {
    if (threadIdx.x == 0) {
      if (round == 1) barrier_wait(&s.empty, 0);
      barrier_expect(&s.full, 2 * kAll * sizeof(Bf16));
      multicast_matrix_box(s.boxes + half, map, &s.full, 3, round * 64 + half / kRow, 0);
      multicast_pixels(s.pixels + half, pixels, &s.full, 3, static_cast<int>(rank), round, 0, 0, 0, 0);
    }
    barrier_wait(&s.full, static_cast<unsigned>(round));
    Bf16* to = out + (static_cast<int>(blockIdx.x) * 2 + round) * 2 * kAll;
    for (int i = static_cast<int>(threadIdx.x); i < kAll; i += 128) {
      to[i] = s.boxes[i];
      to[kAll + i] = s.pixels[i];
    }
    __syncthreads();
    if (round == 0 && threadIdx.x < 2) barrier_arrive_at(&s.empty, threadIdx.x);
  }
  cluster_barrier();
}

void multicast(Stream& stream) {
  constexpr size_t kRows = 64, kTile = kRows * kRow;
  constexpr int kWidth = 16;
  Numbers numbers;
  Buffer<Bf16> matrix(stream, numbers.bf16(2 * kTile)), image(stream, numbers.bf16(2 * size_t{3} * kWidth * kRow));
  Buffer<Bf16> out(stream, 8 * kTile, Bf16{0x7fff});
  launch_clusters(stream, "multicast", 2, dim3(2), dim3(128), sizeof(Shared2), multicast_kernel,
                  matrix_map(matrix.device(), 2 * kRows, kRow, 32),
                  pixels_map(image.device(), 2, 3, kWidth, kRow, {0, 0, 0, 0}, 1, 32), out.device());
  std::vector<Bf16> want(8 * kTile);
  for (size_t block = 0; block < 2; ++block)
    for (size_t round = 0; round < 2; ++round)
      for (size_t row = 0; row < kRows; ++row)
        for (size_t c = 0; c < kRow; ++c) {
          Bf16* to = want.data() + (block * 2 + round) * 2 * kTile + swizzled(row, c);
          to[0] = matrix.host[round * kTile + row * kRow + c];
          to[kTile] = image.host[((row / 32 * 3 + round) * kWidth + row % 32) * kRow + c];
        }
  report("tma.multicast to a cluster of two", out.fetch(), want);
}

struct Convolution {
  int n, h, w, c, kernel, stride, top, left, bottom, right;
};

__global__ void __launch_bounds__(128) pixels_kernel(const __grid_constant__ TensorMap map, int n, int i, int j, int channel, int r,
                                                     int s_, int pixels, Bf16* out) {
  Tiles& s = shared_memory<Tiles>();
  begin(s, static_cast<unsigned>(pixels) * 128);
  if (threadIdx.x == 0) copy_pixels(s.a, map, &s.full, n, i, j, channel, r, s_);
  barrier_wait(&s.full, 0);
  for (int k = static_cast<int>(threadIdx.x); k < pixels * kRow; k += 128) out[k] = s.a[k];
}

// The kPixels result pixels from `first` on, as tap (r, s) sees them.
template <int kPixels = 64>
void pixels(Stream& stream, const Convolution& v, int first, int channel, int r, int s) {
  Numbers numbers;
  Buffer<Bf16> from(stream, numbers.bf16(static_cast<size_t>(v.n * v.h * v.w * v.c)));
  Buffer<Bf16> out(stream, size_t{kPixels} * kRow, Bf16{0x7fff});
  const int rows = (v.h + v.top + v.bottom - v.kernel) / v.stride + 1, across = (v.w + v.left + v.right - v.kernel) / v.stride + 1;
  const PixelRange range{.first_row = -v.top,
                         .first_column = -v.left,
                         .beyond_rows = v.bottom - (v.kernel - 1),
                         .beyond_columns = v.right - (v.kernel - 1)};
  const int j = first % across, i = first / across % rows, n = first / across / rows;
  launch(stream, "tma", dim3(1), dim3(128), sizeof(Tiles), pixels_kernel,
         pixels_map(from.device(), v.n, v.h, v.w, v.c, range, v.stride, kPixels), n, i * v.stride - v.top, j * v.stride - v.left,
         channel, r, s, kPixels, out.device());
  std::vector<Bf16> want(size_t{kPixels} * kRow);
  for (int p = 0; p < kPixels; ++p) {
    const int pixel = first + p, image = pixel / across / rows;
    const int y = pixel / across % rows * v.stride - v.top + r, x = pixel % across * v.stride - v.left + s;
    const bool inside = image < v.n && y >= 0 && y < v.h && x >= 0 && x < v.w;
    for (int k = 0; k < kRow; ++k)
      want[swizzled(static_cast<size_t>(p), static_cast<size_t>(k))] =
          inside && channel + k < v.c ? from.host[static_cast<size_t>(((image * v.h + y) * v.w + x) * v.c + channel + k)] : Bf16{0};
  }
  char name[120];
  std::snprintf(name, sizeof name, "tma.pixels %dx%dx%dx%d kernel %d stride %d: %d from %d channel %d tap %d,%d", v.n, v.h, v.w,
                v.c, v.kernel, v.stride, kPixels, first, channel, r, s);
  report(name, out.fetch(), want);
}

template <int kColumns, bool kTransposed>
__global__ void __launch_bounds__(128)
    multiply_kernel(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* out) {
  Tiles& s = shared_memory<Tiles>();
  begin(s, (64 + kColumns) * 128);
  if (threadIdx.x == 0) {
    copy_matrix_box(s.a, a, &s.full, 0, 0);
    if constexpr (kTransposed) {
      for (int i = 0; i < kColumns / kRow; ++i) copy_matrix_box(s.b + i * 64 * kRow, b, &s.full, 0, i * kRow);
    } else {
      copy_matrix_box(s.b, b, &s.full, 0, 0);
    }
  }
  barrier_wait(&s.full, 0);
  float sum[kColumns / 2];
  warpgroup_fence();
#pragma unroll
  for (int k = 0; k < 64; k += 16) {
    if constexpr (kTransposed)
      warpgroup_multiply<true>(sum, operand_transposed<64>(s.a, k), operand_transposed<64>(s.b, k), k > 0);
    else
      warpgroup_multiply(sum, operand(s.a, k), operand(s.b, k), k > 0);
  }
  warpgroup_commit();
  warpgroup_wait<0>();
  const int t = static_cast<int>(threadIdx.x), row = t / 32 * 16 + t % 32 / 4, column = t % 4 * 2;
  for (int i = 0; i < kColumns / 2; ++i) out[(row + i / 2 % 2 * 8) * kColumns + column + i / 4 * 8 + i % 2] = sum[i];
}

template <int kColumns, bool kTransposed>
void multiply(Stream& stream) {
  Numbers numbers;
  Buffer<Bf16> a(stream, numbers.bf16(64 * 64)), b(stream, numbers.bf16(size_t{kColumns} * 64));
  Buffer<float> out(stream, size_t{64} * kColumns, 0.0f);
  const TensorMap left = matrix_map(a.device(), 64, 64, 64);
  const TensorMap right = kTransposed ? matrix_map(b.device(), 64, kColumns, 64) : matrix_map(b.device(), kColumns, 64, kColumns);
  launch(stream, "wgmma", dim3(1), dim3(128), sizeof(Tiles), multiply_kernel<kColumns, kTransposed>, left, right, out.device());
  std::vector<float> want(size_t{64} * kColumns);
  for (size_t i = 0; i < 64; ++i)
    for (size_t j = 0; j < kColumns; ++j)
      for (size_t k = 0; k < 64; ++k)
        want[i * kColumns + j] += kTransposed ? value(a.host[k * 64 + i]) * value(b.host[k * kColumns + j])
                                              : value(a.host[i * 64 + k]) * value(b.host[j * 64 + k]);
  report("wgmma.m64n" + std::to_string(kColumns) + "k16" + (kTransposed ? " transposed" : ""), out.fetch(), want);
}

void run(int ordinal) {
  Device device;
  device.ordinal = ordinal;
  backend::open(device);
  Stream stream;
  stream.device = &device;
  backend::open_stream(stream);
  mma(stream);
  load<false>(stream);
  load<true>(stream);
  copies(stream);
  rounding(stream);
  rounding_tf32(stream);
  mma_tf32(stream);
  if (device.architecture != 90) return;
  box(stream, 300, 128, 128, 0, 0);
  box(stream, 300, 128, 256, 200, 64);  // beyond the last row
  box(stream, 70, 72, 64, 8, 64);       // beyond the last column
  const Convolution padded{.n = 3, .h = 9, .w = 7, .c = 72, .kernel = 3, .stride = 1, .top = 1, .left = 1, .bottom = 1, .right = 1};
  const Convolution halved{.n = 2, .h = 16, .w = 16, .c = 64, .kernel = 3, .stride = 2, .top = 0, .left = 0, .bottom = 1, .right = 1};
  const Convolution wide{.n = 2, .h = 31, .w = 31, .c = 64, .kernel = 4, .stride = 1, .top = 1, .left = 1, .bottom = 1, .right = 1};
  const Convolution plain{.n = 2, .h = 20, .w = 12, .c = 128, .kernel = 1, .stride = 1, .top = 0, .left = 0, .bottom = 0, .right = 0};
  for (int tap = 0; tap < 9; tap += 2) pixels(stream, padded, 5, 0, tap / 3, tap % 3);
  pixels(stream, padded, 30, 64, 1, 2);   // the last channels
  pixels(stream, padded, 150, 0, 2, 2);   // beyond the last image
  for (int tap = 0; tap < 9; tap += 4) pixels(stream, halved, 64, 0, tap / 3, tap % 3);
  pixels(stream, halved, 3, 0, 2, 1);
  pixels(stream, wide, 851, 0, 0, 3);
  pixels(stream, wide, 900, 0, 3, 0);
  pixels(stream, plain, 200, 64, 0, 0);
  // The corners differ between rows and columns, and between beginning and end: 12 × 12 results of 13 × 12 pixels, and of a
  // stride of 2, 7 × 6. Boxes of as many pixels as kernels read.
  const Convolution skewed{.n = 3, .h = 13, .w = 12, .c = 64, .kernel = 4, .stride = 1, .top = 2, .left = 0, .bottom = 0, .right = 3};
  const Convolution halves{.n = 9, .h = 14, .w = 10, .c = 72, .kernel = 4, .stride = 2, .top = 0, .left = 3, .bottom = 2, .right = 1};
  for (int tap = 0; tap < 16; tap += 5) pixels<128>(stream, skewed, 100, 0, tap / 4, tap % 4);
  for (int tap = 3; tap < 16; tap += 3) pixels<256>(stream, skewed, 5, 0, tap / 4, tap % 4);
  for (int tap = 0; tap < 16; tap += 3) pixels<256>(stream, halves, 37, 64, tap / 4, tap % 4);
  pixels<128>(stream, halves, 320, 0, 3, 1);  // beyond the last image
  store<false>(stream);
  store<true>(stream);
  store_box(stream, 200, 128, 64, 64);
  store_box(stream, 100, 72, 64, 64);  // beyond the last row and column
  const Images images{.n = 2, .h = 19, .w = 13, .c = 72};
  image_box(stream, images, 0, -1, -1, 0);
  image_box(stream, images, 1, 3, 6, 64);   // beyond the last row, column and channel, into no other image
  image_box(stream, images, 0, -17, 2, 0);  // one row of the image
  image_box(stream, images, 2, 0, 0, 0);    // beyond the last image
  store_image(stream, images, 0, 8, 0, 0);
  store_image(stream, images, 0, 16, 8, 64);
  multicast(stream);
  multiply<64, false>(stream);
  multiply<128, false>(stream);
  multiply<256, false>(stream);
  multiply<64, true>(stream);
  multiply<128, true>(stream);
  multiply<256, true>(stream);
  backend::close_stream(stream);
}

}  // namespace
}  // namespace eqv::gpu

int main(int count, char** arguments) {
  try {
    eqv::gpu::run(count > 1 ? std::atoi(arguments[1]) : 0);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
  return eqv::gpu::failures ? 1 : 0;
}
