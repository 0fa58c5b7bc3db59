#include "hopper.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "common/dtype.h"
#include "scheduler.h"

namespace simt {
namespace {

constexpr unsigned kWarpgroup = 128;
constexpr int kBoxWidth = 64, kRowBytes = 128;

bool early() {
  static const bool value = std::getenv("SIMT_EARLY") != nullptr;
  return value;
}

// A barrier's 64 bits.
struct Bits {
  int32_t bytes;     // announced and not there yet
  int16_t pending;   // arrivals that this phase still needs
  uint16_t state;    // bit 15: the phase's parity; below: arrivals of a phase
};
static_assert(sizeof(Bits) == 8);

Bits load(const uint64_t* barrier) {
  Bits b;
  std::memcpy(&b, barrier, sizeof b);
  return b;
}

void store(uint64_t* barrier, Bits b) {
  if (b.pending < 0) die("mbarrier: more arrivals than it was initialised for");
  if (b.pending == 0 && b.bytes == 0) {
    b.state ^= 0x8000u;
    b.pending = static_cast<int16_t>(b.state & 0x7fffu);
  }
  std::memcpy(barrier, &b, sizeof b);
}

struct Copy {
  TensorMap map;
  unsigned char* to;
  uint64_t* barrier;
  int at[4];  // row, column; or n, i, j, channel
  int r, s;
};

struct Product {
  uint64_t a, b;
  int columns;
  bool add, transposed;
  float* d;
};

struct Thread {
  bool fenced = false;
  std::vector<std::vector<Product>> groups{1};  // the last one not committed yet
};

// What a block has under way.
struct UnderWay : BlockState {
  void at_end() override {
    if (!copies.empty()) die("TMA: a block ends with copies that nobody waited for");
    for (const auto& t : threads)
      if (t.second.groups.size() > 1 || !t.second.groups.front().empty())
        die("wgmma: a block ends with products that nobody waited for");
  }

  std::map<const uint64_t*, bool> barriers;  // whether fenced
  std::vector<Copy> copies;
  std::map<unsigned, Thread> threads;
};

UnderWay& block() { return state_of_block<UnderWay>(); }

void known(const uint64_t* barrier) {
  const auto found = block().barriers.find(barrier);
  if (found == block().barriers.end()) die("mbarrier: used before mbarrier.init");
  if (!found->second) die("mbarrier: used before fence.mbarrier_init");
}

// The place of a byte of a tile after the 128-byte swizzle, which turns 16-byte units by the number of their row.
unsigned char* swizzled(uint32_t offset) { return shared_bytes() + (offset ^ (offset >> 7 & 7) << 4); }

// One row of a box; `from` null is zeros.
void put_row(const Copy& copy, int row, const uint16_t* from, int64_t channel, int64_t channels) {
  for (int c = 0; c < kBoxWidth; ++c) {
    const uint16_t value = from && channel + c < channels ? from[c] : 0;
    std::memcpy(swizzled(shared_offset(copy.to) + static_cast<unsigned>(row * kRowBytes + c * 2)), &value, 2);
  }
}

void run(const Copy& copy) {
  const TensorMap& m = copy.map;
  if (m.pixels) {
    int n = copy.at[0], i = copy.at[1], j = copy.at[2];
    for (int p = 0; p < m.box; ++p) {
      const int64_t y = i + copy.r, x = j + copy.s;
      const bool inside = n < m.images && y >= 0 && y < m.height && x >= 0 && x < m.rows;
      put_row(copy, p, inside ? m.data + ((n * m.height + y) * m.rows + x) * m.columns + copy.at[3] : nullptr, copy.at[3],
              m.columns);
      j += m.step;
      if (j > m.rows - 1 + m.beyond_columns) {
        j = m.first_column;
        i += m.step;
        if (i > m.height - 1 + m.beyond_rows) {
          i = m.first_row;
          ++n;
        }
      }
    }
  } else {
    for (int p = 0; p < m.box; ++p) {
      const int64_t row = copy.at[0] + p;
      put_row(copy, p, row < m.rows ? m.data + row * m.columns + copy.at[1] : nullptr, copy.at[1], m.columns);
    }
  }
  Bits b = load(copy.barrier);
  b.bytes -= m.box * kRowBytes;
  store(copy.barrier, b);
}

void start(const Copy& copy) {
  known(copy.barrier);
  if (shared_offset(copy.to) % 1024) die("TMA: a swizzled tile must start at a multiple of 1024 bytes");
  if (early()) run(copy);
  else block().copies.push_back(copy);
}

// The copies that end at this barrier are done now.
void land(const uint64_t* barrier) {
  auto& copies = block().copies;
  for (size_t i = 0; i < copies.size();) {
    if (copies[i].barrier != barrier) {
      ++i;
      continue;
    }
    const Copy copy = copies[i];
    copies.erase(copies.begin() + static_cast<std::ptrdiff_t>(i));
    run(copy);
  }
}

// Element (row, k) of an operand a, or (column, k) of b.
float element(uint64_t operand, bool transposed, int row, int k) {
  if (operand >> 62 != 1) die("wgmma: only the 128-byte swizzle is known here");
  const auto field = [&](int bit) { return static_cast<uint32_t>(operand >> bit & 0x3fff) << 4; };
  const auto u = [](int v) { return static_cast<uint32_t>(v); };
  const uint32_t start = field(0), blocks = field(16), groups = field(32);
  const uint32_t offset = transposed ? u(row / 64) * blocks + u(k / 8) * groups + u(k % 8 * kRowBytes + row % 64 * 2)
                                     : u(row / 8) * groups + u(row % 8 * kRowBytes + k * 2);
  uint16_t bits;
  std::memcpy(&bits, swizzled(start + offset), 2);
  return eqv::dtype::widen(eqv::dtype::Bf16{bits});
}

// Register r of thread t of the warpgroup: row and column of d.
int row_of(unsigned t, int r) { return static_cast<int>(t / 32 * 16 + t % 32 / 4) + r / 2 % 2 * 8; }
int column_of(unsigned t, int r) { return r / 4 * 8 + static_cast<int>(t % 4) * 2 + r % 2; }

// The oldest group of the warpgroup whose first thread is `first`.
void multiply_group(unsigned first) {
  auto& threads = block().threads;
  const std::vector<Product> products = threads[first].groups.front();
  for (size_t p = 0; p < products.size(); ++p) {
    const Product& product = products[p];
    const int n = product.columns;
    std::vector<float> a(64 * 16), b(static_cast<size_t>(n) * 16), d(static_cast<size_t>(n) * 64, 0.0f);
    for (int i = 0; i < 64; ++i)
      for (int k = 0; k < 16; ++k) a[static_cast<size_t>(i * 16 + k)] = element(product.a, product.transposed, i, k);
    for (int j = 0; j < n; ++j)
      for (int k = 0; k < 16; ++k) b[static_cast<size_t>(k * n + j)] = element(product.b, product.transposed, j, k);
    for (unsigned t = 0; t < kWarpgroup; ++t) {
      const auto& theirs = threads[first + t].groups.front();
      if (theirs.size() != products.size() || theirs[p].a != product.a || theirs[p].b != product.b || theirs[p].columns != n ||
          theirs[p].transposed != product.transposed)
        die("wgmma: the threads of a warpgroup give different operands");
      for (int r = 0; r < n / 2 && product.add; ++r)
        d[static_cast<size_t>(row_of(t, r) * n + column_of(t, r))] = theirs[p].d[r];
    }
    for (int i = 0; i < 64; ++i)
      for (int k = 0; k < 16; ++k) {
        const float left = a[static_cast<size_t>(i * 16 + k)];
        for (int j = 0; j < n; ++j) d[static_cast<size_t>(i * n + j)] += left * b[static_cast<size_t>(k * n + j)];
      }
    for (unsigned t = 0; t < kWarpgroup; ++t)
      for (int r = 0; r < n / 2; ++r)
        threads[first + t].groups.front()[p].d[r] = d[static_cast<size_t>(row_of(t, r) * n + column_of(t, r))];
  }
  for (unsigned t = 0; t < kWarpgroup; ++t) {
    auto& groups = threads[first + t].groups;
    groups.erase(groups.begin());
  }
}

Thread& self() { return block().threads[thread_index()]; }

}  // namespace

uint32_t shared_offset(const void* p) {
  return static_cast<uint32_t>(static_cast<const unsigned char*>(p) - shared_bytes());
}

void barrier_init(uint64_t* barrier, unsigned arrivals) {
  const Bits b{0, static_cast<int16_t>(arrivals), static_cast<uint16_t>(arrivals)};
  std::memcpy(barrier, &b, sizeof b);
  block().barriers[barrier] = false;
}

void fence_barrier_init() {
  for (auto& b : block().barriers) b.second = true;
}

void barrier_arrive(uint64_t* barrier, unsigned bytes) {
  known(barrier);
  Bits b = load(barrier);
  b.bytes += static_cast<int32_t>(bytes);
  --b.pending;
  store(barrier, b);
}

void barrier_wait(uint64_t* barrier, unsigned parity) {
  known(barrier);
  wait_until([=] {
    if (load(barrier).state >> 15 == parity) land(barrier);
    return load(barrier).state >> 15 != parity;
  });
}

void tma_matrix_box(void* to, const TensorMap& map, uint64_t* barrier, int row, int column) {
  if (map.pixels) die("TMA: a map of pixels is copied as a matrix");
  start({map, static_cast<unsigned char*>(to), barrier, {row, column, 0, 0}, 0, 0});
}

void tma_pixels(void* to, const TensorMap& map, uint64_t* barrier, int n, int i, int j, int channel, int r, int s) {
  if (!map.pixels) die("TMA: a map of a matrix is copied as pixels");
  start({map, static_cast<unsigned char*>(to), barrier, {n, i, j, channel}, r, s});
}

void warpgroup_fence() { self().fenced = true; }

void warpgroup_multiply(float* d, int columns, uint64_t a, uint64_t b, bool add, bool transposed) {
  if (!self().fenced) die("wgmma: no wgmma.fence since the registers were last touched");
  self().groups.back().push_back({a, b, columns, add, transposed, d});
}

void warpgroup_commit() {
  self().groups.emplace_back();
  if (early()) warpgroup_wait(0);
}

void warpgroup_wait(unsigned newest) {
  const unsigned first = thread_index() / kWarpgroup * kWarpgroup;
  rendezvous(first, kWarpgroup, [=] {
    while (block().threads[first].groups.size() > newest + 1) multiply_group(first);
  });
  self().fenced = false;
}

}  // namespace simt
