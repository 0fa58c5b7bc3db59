// Sums over the rows of {sample, row, channel}, and elementwise work on them: what norms and biases need. Neighbouring threads
// have neighbouring channels, so memory is read in order, 8 channels at a time where alignment allows. A thread sums a few
// hundred values in fp32; the sums of those are double, in a fixed order that depends on the shape alone. A second kernel joins
// the sums of the chunks: many threads a column, since one alone would wait for memory at each of hundreds of values.
#pragma once

#include "common/reduce.h"
#include "common/values.h"

namespace eqv::gpu {

struct ColumnShape {
  int64_t samples, rows, channels;

  int64_t rows_of_chunk() const { return std::max<int64_t>(128, ceil_div(rows, 256)); }
  int64_t chunks() const { return ceil_div(rows, rows_of_chunk()); }
  int64_t parts() const { return samples * chunks() * channels; }
};

// parts{sample, chunk, channel, kSums}. Terms::Column<kWide> is made for the channels c … c + kWide − 1 of a sample, with
// the place of the chunk's first row; its add(at, sums) adds the terms of the elements from `at` on.
template <int kSums, int kWide, class Terms>
__global__ void __launch_bounds__(kThreads) column_kernel(ColumnShape shape, int64_t rows_of_chunk, int lanes, Terms terms,
                                                          double* parts) {
  struct Sums {
    float of[kThreads][kWide * kSums];
  };
  Sums& shared = shared_memory<Sums>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % lanes, line = thread / lanes, lines = kThreads / lanes;
  const int64_t c = (int64_t{blockIdx.y} * lanes + lane) * kWide, sample = blockIdx.z;
  const int64_t begin = blockIdx.x * rows_of_chunk;
  const int64_t end = begin + rows_of_chunk < shape.rows ? begin + rows_of_chunk : shape.rows;
  float sums[kWide][kSums] = {};
  if (c < shape.channels) {
    const int64_t first = (sample * shape.rows + begin) * shape.channels + c;
    const typename Terms::template Column<kWide> column(terms, sample, first, c);
    for (int64_t row = line; row < end - begin; row += lines) column.add(first + row * shape.channels, sums);
  }
  for (int i = 0; i < kWide; ++i)
    for (int k = 0; k < kSums; ++k) shared.of[thread][i * kSums + k] = sums[i][k];
  __syncthreads();
  for (int at = thread; at < lanes * kWide * kSums; at += kThreads) {
    const int of_lane = at / (kWide * kSums), value = at % (kWide * kSums);
    const int64_t channel = (int64_t{blockIdx.y} * lanes + of_lane) * kWide + value / kSums;
    if (channel >= shape.channels) continue;
    double sum = 0;
    for (int l = 0; l < lines; ++l) sum += static_cast<double>(shared.of[l * lanes + of_lane][value]);
    parts[((sample * gridDim.x + blockIdx.x) * shape.channels + channel) * kSums + value % kSums] = sum;
  }
}

// Work::Column<kWide> as above; its apply(at) is called for the elements of every row.
template <int kWide, class Work>
__global__ void __launch_bounds__(kThreads) walk_kernel(ColumnShape shape, int64_t rows_of_chunk, int lanes, Work work) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % lanes, line = thread / lanes, lines = kThreads / lanes;
  const int64_t c = (int64_t{blockIdx.y} * lanes + lane) * kWide, sample = blockIdx.z;
  if (c >= shape.channels) return;
  const int64_t begin = blockIdx.x * rows_of_chunk;
  const int64_t end = begin + rows_of_chunk < shape.rows ? begin + rows_of_chunk : shape.rows;
  const int64_t first = (sample * shape.rows + begin) * shape.channels + c;
  const typename Work::template Column<kWide> column(work, sample, first, c);
  for (int64_t row = line; row < end - begin; row += lines) column.apply(first + row * shape.channels);
}

// How many threads of a block lie along the channels.
template <int kWide>
int lanes_of(const ColumnShape& shape) {
  int lanes = 1;
  while (lanes < 32 && lanes * kWide < shape.channels) lanes *= 2;
  return lanes;
}

template <int kWide>
dim3 column_grid(const ColumnShape& shape) {
  return dim3(static_cast<unsigned>(shape.chunks()),
              static_cast<unsigned>(ceil_div(shape.channels, lanes_of<kWide>(shape) * kWide)),
              static_cast<unsigned>(shape.samples));
}

template <int kSums, int kWide, class Terms>
void column_sums_of(Stream& stream, const char* name, const ColumnShape& shape, const Terms& terms, double* parts) {
  launch(stream, name, column_grid<kWide>(shape), dim3(kThreads), kThreads * kWide * kSums * sizeof(float),
         column_kernel<kSums, kWide, Terms>, shape, shape.rows_of_chunk(), lanes_of<kWide>(shape), terms, parts);
}

// `vectors` says whether all tensors that the terms read can be read 8 channels at a time.
template <int kSums, class Terms>
void column_sums(Stream& stream, const char* name, const ColumnShape& shape, bool vectors, const Terms& terms,
                 double* parts) {
  if (vectors) column_sums_of<kSums, kVector>(stream, name, shape, terms, parts);
  else column_sums_of<kSums, 1>(stream, name, shape, terms, parts);
}

template <class Work>
void column_walk(Stream& stream, const char* name, const ColumnShape& shape, bool vectors, const Work& work) {
  if (vectors)
    launch(stream, name, column_grid<kVector>(shape), dim3(kThreads), 0, walk_kernel<kVector, Work>, shape,
           shape.rows_of_chunk(), lanes_of<kVector>(shape), work);
  else
    launch(stream, name, column_grid<1>(shape), dim3(kThreads), 0, walk_kernel<1, Work>, shape, shape.rows_of_chunk(),
           lanes_of<1>(shape), work);
}

// A block has `lanes` neighbouring columns, and kThreads / lanes threads for each, whose sums are joined as a tree.
template <class F, class Finish>
__global__ void __launch_bounds__(kThreads)
    join_columns_kernel(int rows, int columns, int lanes, int blocks_across, F f, Finish finish) {
  struct Sums {
    double of[kThreads];
  };
  Sums& shared = shared_memory<Sums>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % lanes, line = thread / lanes, lines = kThreads / lanes;
  const int sample = static_cast<int>(blockIdx.x) / blocks_across;
  const int column = (static_cast<int>(blockIdx.x) - sample * blocks_across) * lanes + lane;
  double sum = 0;
  if (column < columns) {
#pragma unroll 4
    for (int row = line; row < rows; row += lines) sum += f(sample, row, column);
  }
  shared.of[thread] = sum;
  __syncthreads();
  for (int half = lines / 2; half > 0; half /= 2) {
    if (line < half) shared.of[thread] += shared.of[thread + half * lanes];
    __syncthreads();
  }
  if (line == 0 && column < columns) finish(sample, column, shared.of[thread]);
}

// finish(sample, column, f(sample, 0, column) + … + f(sample, rows − 1, column)) for every sample and column, in double and in
// an order that depends on the sizes alone. Neighbouring columns should be neighbours in memory.
template <class F, class Finish>
void join_columns(Stream& stream, const char* name, int64_t samples, int64_t rows, int64_t columns, F f, Finish finish) {
  constexpr int kFewest = 4, kRowsOfThread = 4;  // four doubles are a sector of memory
  int lanes = kFewest;
  while (lanes < kThreads && lanes < columns && rows * 2 * lanes <= int64_t{kRowsOfThread} * kThreads) lanes *= 2;
  const int64_t across = ceil_div(columns, lanes);
  launch(stream, name, dim3(static_cast<unsigned>(samples * across)), dim3(kThreads), kThreads * sizeof(double),
         join_columns_kernel<F, Finish>, static_cast<int>(rows), static_cast<int>(columns), lanes, static_cast<int>(across), f,
         finish);
}

// The same of column_sums' parts over the chunks of each sample; column k of the sums of channel c is number c · kSums + k.
template <int kSums, class Finish>
void join_chunks(Stream& stream, const char* name, const ColumnShape& shape, const double* parts, Finish finish) {
  const int64_t chunks = shape.chunks(), columns = shape.channels * kSums;
  join_columns(
      stream, name, shape.samples, chunks, columns,
      EQV_LAMBDA(int sample, int chunk, int column) -> double {
        return parts[(sample * chunks + chunk) * columns + column];
      },
      finish);
}

// Terms: the values themselves.
struct Plain {
  Values x;

  template <int kWide>
  struct Column {
    Values x;
    __device__ Column(const Plain& p, int64_t, int64_t, int64_t) : x(p.x) {}
    __device__ void add(int64_t at, float (&sums)[kWide][1]) const {
      float v[kWide];
      x.load(at, v);
      for (int i = 0; i < kWide; ++i) sums[i][0] += v[i];
    }
  };
};

// Mean and Σ(x − mean)² of every chunk and channel are made of these: sums of x − s and (x − s)², s the first value of the
// chunk, so that squares do not cancel when the mean is large beside the deviation.
struct Shifted {
  Values x;

  template <int kWide>
  struct Column {
    Values x;
    float shift[kWide];
    __device__ Column(const Shifted& p, int64_t, int64_t first, int64_t) : x(p.x) { x.load(first, shift); }
    __device__ void add(int64_t at, float (&sums)[kWide][2]) const {
      float v[kWide];
      x.load(at, v);
      for (int i = 0; i < kWide; ++i) {
        const float d = v[i] - shift[i];
        sums[i][0] += d;
        sums[i][1] += d * d;
      }
    }
  };
};

// The chunks' counts and their inverses, computed once: a division in double is a subroutine on a GPU.
struct ChunkCounts {
  int rows, rows_of_chunk, chunks;
  double full, last, of_full, of_last;  // of_: the inverse

  explicit ChunkCounts(const ColumnShape& s)
      : rows(static_cast<int>(s.rows)),
        rows_of_chunk(static_cast<int>(s.rows_of_chunk())),
        chunks(static_cast<int>(s.chunks())),
        full(rows_of_chunk),
        last(rows - (chunks - 1) * rows_of_chunk),
        of_full(1 / full),
        of_last(1 / last) {}

  __device__ double count(int chunk) const { return chunk + 1 < chunks ? full : last; }
  __device__ double inverse(int chunk) const { return chunk + 1 < chunks ? of_full : of_last; }
};

// Shifted sums of one chunk and channel as mean and Σ(x − mean)².
struct Moments {
  double mean, squares;
};

__device__ inline Moments moments(float shift, const double* sums, double inverse) {
  const double share = sums[0] * inverse;
  return {static_cast<double>(shift) + share, sums[1] - sums[0] * share};
}

// Mean and variance of `size` channels of a sample from c0 on, by a block from the parts that column_sums made of Shifted; share:
// 1 / the number of values. Every thread gets them.
struct Spread {
  double mean, variance;
};

__device__ inline Spread block_spread(const ChunkCounts& chunks, Values x, const double* parts, int64_t sample, int64_t channels,
                                      int c0, int size, double share, BlockScratch& scratch) {
  const auto part = [&](int chunk, int c) {
    const int64_t row = sample * chunks.rows + int64_t{chunk} * chunks.rows_of_chunk;
    return moments(x[row * channels + c], parts + ((sample * chunks.chunks + chunk) * channels + c) * 2, chunks.inverse(chunk));
  };
  double sum = 0, squares = 0;
  for (int i = static_cast<int>(threadIdx.x); i < chunks.chunks * size; i += kThreads)
    sum += part(i / size, c0 + i % size).mean * chunks.count(i / size);
  const double mean = block_join(sum, scratch) * share;
  for (int i = static_cast<int>(threadIdx.x); i < chunks.chunks * size; i += kThreads) {
    const Moments m = part(i / size, c0 + i % size);
    squares += m.squares + chunks.count(i / size) * (m.mean - mean) * (m.mean - mean);
  }
  return {mean, block_join(squares, scratch) * share};
}

}  // namespace eqv::gpu
