// 2×2 maximum pooling; the winner's index is kept. A NaN wins, as in PyTorch; among equals the first does. A thread takes
// kWide neighbouring channels of one window.
#include "common/rows.h"
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

namespace {

struct Squares {
  int height, width, channels, h, w;  // of the image; of the result

  static Squares of(const Tensor& image, const Tensor& result) {
    return {static_cast<int>(image.shape[1]), static_cast<int>(image.shape[2]), static_cast<int>(image.shape[3]),
            static_cast<int>(result.shape[1]), static_cast<int>(result.shape[2])};
  }
};

// The winners of kWide channels, loaded and stored together.
template <int kWide>
struct alignas(kWide) Winners {
  uint8_t of[kWide];
};

template <int kWide>
struct Forward {
  Squares s;
  Values x, y;
  uint8_t* index;

  __device__ void operator()(unsigned line, unsigned place) const {
    const unsigned parts = s.channels / kWide, j = place / parts, c = place % parts * kWide;
    const int64_t row = int64_t{s.width} * s.channels;
    const int64_t corner = (int64_t{line / s.h} * s.height + 2 * (line % s.h)) * row + int64_t{2} * j * s.channels + c;
    float best[kWide];
    Winners<kWide> winners{};
    x.load(corner, best);
    for (int k = 1; k < 4; ++k) {
      float v[kWide];
      x.load(corner + k / 2 * row + k % 2 * s.channels, v);
      for (int i = 0; i < kWide; ++i) {
        if (!(v[i] > best[i] || (v[i] != v[i] && best[i] == best[i]))) continue;
        best[i] = v[i];
        winners.of[i] = static_cast<uint8_t>(k);
      }
    }
    const int64_t at = (int64_t{line} * s.w + j) * s.channels + c;
    y.store(at, best);
    *reinterpret_cast<Winners<kWide>*>(index + at) = winners;
  }
};

// Writes a whole square of dx, with those at odd edges that no window covers.
template <int kWide>
struct Backward {
  Squares s;
  Values dy, dx;
  const uint8_t* index;

  __device__ void operator()(unsigned line, unsigned place) const {
    const unsigned parts = s.channels / kWide, c = place % parts * kWide, squares = (s.height + 1) / 2;
    const int i = line % squares, j = place / parts;
    const int64_t n = line / squares;
    float d[kWide] = {};
    Winners<kWide> winners{};
    if (i < s.h && j < s.w) {
      const int64_t at = ((n * s.h + i) * s.w + j) * s.channels + c;
      dy.load(at, d);
      winners = *reinterpret_cast<const Winners<kWide>*>(index + at);
    }
    for (int k = 0; k < 4; ++k) {
      const int a = 2 * i + k / 2, b = 2 * j + k % 2;
      if (a >= s.height || b >= s.width) continue;
      float v[kWide];
      for (int e = 0; e < kWide; ++e) v[e] = winners.of[e] == k ? d[e] : 0.0f;
      dx.store(((n * s.height + a) * s.width + b) * s.channels + c, v);
    }
  }
};

template <int kWide>
void forward(Stream& stream, const Tensor& x, const Tensor& y, uint8_t* index) {
  each_in_row(stream, "max_pool2x2_fwd", y.shape[0] * y.shape[1], y.shape[2] * y.shape[3] / kWide,
              Forward<kWide>{Squares::of(x, y), values(x), values(y), index});
}

template <int kWide>
void backward(Stream& stream, const Tensor& dy, const uint8_t* index, const Tensor& dx) {
  each_in_row(stream, "max_pool2x2_bwd", dx.shape[0] * ceil_div(dx.shape[1], 2),
              ceil_div(dx.shape[2], 2) * dx.shape[3] / kWide, Backward<kWide>{Squares::of(dx, dy), values(dy), values(dx), index});
}

}  // namespace

void max_pool2x2_fwd(Stream& stream, const Tensor& x, const Tensor& y, const Tensor& index) {
  auto* winners = static_cast<uint8_t*>(index.data);
  if (in_vectors(x.shape[3], {&x, &y, &index})) forward<kVector>(stream, x, y, winners);
  else forward<1>(stream, x, y, winners);
}

void max_pool2x2_bwd(Stream& stream, const Tensor& dy, const Tensor& index, const Tensor& dx) {
  const auto* winners = static_cast<const uint8_t*>(index.data);
  if (in_vectors(dx.shape[3], {&dy, &dx, &index})) backward<kVector>(stream, dy, winners, dx);
  else backward<1>(stream, dy, winners, dx);
}

}  // namespace eqv::backend
