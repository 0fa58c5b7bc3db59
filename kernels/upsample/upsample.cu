// Nearest-neighbour upsampling by two; its adjoint sums the four copies of each pixel. A thread takes kWide neighbouring
// channels of one pixel of the smaller image.
#include "common/rows.h"
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

namespace {

// Places in the larger image of the four pixels that a pixel of the smaller one becomes.
template <int kWide>
struct Square {
  int64_t small, top, right, down;  // in elements; right and down: from one to the next

  // `line` counts the rows of all smaller images, so it is half the line of the larger ones.
  __device__ Square(unsigned width, unsigned channels, unsigned line, unsigned place) {
    const unsigned parts = channels / kWide, j = place / parts, c = place % parts * kWide;
    small = (int64_t{line} * width + j) * channels + c;
    top = (int64_t{4} * line * width + int64_t{2} * j) * channels + c;
    right = channels;
    down = int64_t{2} * width * channels;
  }
};

template <int kWide>
struct Forward {
  unsigned width, channels;
  Values x, y;

  __device__ void operator()(unsigned line, unsigned place) const {
    const Square<kWide> s(width, channels, line, place);
    float v[kWide];
    x.load(s.small, v);
    y.store(s.top, v);
    y.store(s.top + s.right, v);
    y.store(s.top + s.down, v);
    y.store(s.top + s.down + s.right, v);
  }
};

template <int kWide>
struct Backward {
  unsigned width, channels;
  Values dy, dx;

  __device__ void operator()(unsigned line, unsigned place) const {
    const Square<kWide> s(width, channels, line, place);
    float a[kWide], b[kWide], c[kWide], d[kWide];
    dy.load(s.top, a);
    dy.load(s.top + s.right, b);
    dy.load(s.top + s.down, c);
    dy.load(s.top + s.down + s.right, d);
    for (int i = 0; i < kWide; ++i) a[i] = (a[i] + b[i]) + (c[i] + d[i]);
    dx.store(s.small, a);
  }
};

template <int kWide, template <int> class Work>
void each_pixel(Stream& stream, const char* name, const Tensor& smaller, Values from, Values to) {
  const int64_t width = smaller.shape[2], channels = smaller.shape[3];
  each_in_row(stream, name, smaller.shape[0] * smaller.shape[1], width * channels / kWide,
              Work<kWide>{static_cast<unsigned>(width), static_cast<unsigned>(channels), from, to});
}

}  // namespace

void upsample2x_fwd(Stream& stream, const Tensor& x, const Tensor& y) {
  const bool vectors = in_vectors(x.shape[3], {&x, &y});
  (vectors ? each_pixel<kVector, Forward> : each_pixel<1, Forward>)(stream, "upsample2x_fwd", x, values(x), values(y));
}

void upsample2x_bwd(Stream& stream, const Tensor& dy, const Tensor& dx) {
  const bool vectors = in_vectors(dx.shape[3], {&dy, &dx});
  (vectors ? each_pixel<kVector, Backward> : each_pixel<1, Backward>)(stream, "upsample2x_bwd", dx, values(dy), values(dx));
}

}  // namespace eqv::backend
