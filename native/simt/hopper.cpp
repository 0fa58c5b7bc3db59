#include "hopper.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "common/dtype.h"
#include "scheduler.h"

namespace simt {
namespace {

constexpr unsigned kWarpgroup = 128;
constexpr int kTileRows = 64, kMostColumns = 256, kDepth = 16;  // of a product of a warpgroup
constexpr int kBoxWidth = 64, kRowBytes = 128, kUnit = 8;  // a unit: 16 bytes

bool early() {
  static const bool value = std::getenv("SIMT_EARLY") != nullptr;
  return value;
}

// Whether a copy to another block of the cluster is done at once: with a seed, every second one. The other block may not
// have reached its wait by then.
bool hurried() {
  thread_local uint64_t state = seed();
  state = state * 6364136223846793005u + 1442695040888963407u;
  return seed() && state >> 63;
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
  int at[4];  // row, column; or n, i, j, channel
  int r, s;
  unsigned char* shared;  // of the block that it goes to
  uint32_t to;            // within it
  uint64_t* barrier;
};

// From shared memory to a matrix or an image.
struct StoreOfBox {
  TensorMap map;
  const unsigned char* from;
  int at[4];  // row, column; or n, i, j, channel
};

struct Product {
  uint64_t a, b;
  int columns;
  bool add, transposed;
  float* d;
};

struct Thread {
  bool fenced = false;
  std::vector<std::vector<Product>> groups{1};     // the last one not committed yet
  std::vector<std::vector<StoreOfBox>> stores{1};  // likewise
  std::vector<uint32_t> written;                   // kilobytes of shared memory, since fence.proxy.async
};

// The state of a barrier. Another block of the cluster may use it after a cluster barrier: its initialiser must have fenced
// before it arrived there, and the other block must have waited for that phase.
struct Known {
  unsigned initialiser;
  bool fenced, released;
  unsigned phase;
};

// What a block has started and not finished.
struct UnderWay : BlockState {
  void at_end() override {
    if (!copies.empty()) die("TMA: a block ends with copies that nobody waited for");
    for (const Thread& t : threads)
      if (t.groups.size() > 1 || !t.groups.front().empty())
        die("wgmma: a block ends with products that nobody waited for");
    for (const Thread& t : threads)
      if (t.stores.size() > 1 || !t.stores.front().empty())
        die("TMA: a block ends before its shared memory was read by a store");
  }

  std::map<const uint64_t*, Known> barriers;
  std::vector<Copy> copies;
  std::vector<Thread> threads{block_threads()};
};

UnderWay& block(unsigned rank) { return state_of_block<UnderWay>(rank); }
UnderWay& block() { return block(cluster_rank()); }

Thread& self() { return block().threads[thread_index()]; }

void known(const uint64_t* barrier) {
  const auto found = block().barriers.find(barrier);
  if (found == block().barriers.end()) die("mbarrier: used before mbarrier.init");
  if (!found->second.fenced) die("mbarrier: used before fence.mbarrier_init");
}

// The same place in another block of the cluster.
template <class T>
T* in_block(T* here, unsigned rank) {
  return reinterpret_cast<T*>(shared_bytes(rank) + shared_offset(here));
}

// The barrier of another block of the cluster (or of this one), if it may be used from here.
uint64_t* known_in(uint64_t* barrier, unsigned rank) {
  if (rank == cluster_rank()) {
    known(barrier);
    return barrier;
  }
  if (has_ended(rank)) die("cluster: the shared memory of a block that has ended is used");
  uint64_t* there = in_block(barrier, rank);
  const auto found = block(rank).barriers.find(there);
  if (found == block(rank).barriers.end() || !found->second.fenced)
    die("mbarrier: used by another block of the cluster before it was initialised and fenced");
  if (!found->second.released || cluster_phases() <= found->second.phase)
    die("mbarrier: used by another block of the cluster without a cluster barrier since mbarrier.init");
  return there;
}

// Where a byte of a tile lies after the 128-byte swizzle, which turns 16-byte units by the number of their row.
uint32_t turned(uint32_t offset) { return offset ^ (offset >> 7 & 7) << 4; }
unsigned char* swizzled(uint32_t offset) { return shared_bytes() + turned(offset); }

// One row of a box; `from` null is zeros. The swizzle keeps units together, and a map's rows are a multiple of them.
void put_row(const Copy& copy, int row, const uint16_t* from, int64_t channel, int64_t channels) {
  for (int c = 0; c < kBoxWidth; c += kUnit) {
    unsigned char* to = copy.shared + turned(copy.to + static_cast<unsigned>(row * kRowBytes + c * 2));
    if (from && channel + c < channels) std::memcpy(to, from + c, kUnit * 2);
    else std::memset(to, 0, kUnit * 2);
  }
}

// Pixel p of a box of an image; null outside of it.
const uint16_t* pixel_of_box(const TensorMap& m, const int (&at)[4], int p) {
  const int64_t n = at[0], y = at[1] + p / m.box_columns, x = at[2] + p % m.box_columns;
  const bool inside = n >= 0 && n < m.images && y >= 0 && y < m.height && x >= 0 && x < m.rows;
  return inside ? m.data + ((n * m.height + y) * m.rows + x) * m.columns + at[3] : nullptr;
}

void run(const Copy& copy) {
  const TensorMap& m = copy.map;
  if (m.kind == TensorMap::Kind::images) {
    for (int p = 0; p < m.box; ++p) put_row(copy, p, pixel_of_box(m, copy.at, p), copy.at[3], m.columns);
  } else if (m.kind == TensorMap::Kind::pixels) {
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

// To each block of the mask, at the same place; what arrives there is counted by its own barrier.
void start(Copy copy, const void* to, uint64_t* barrier, unsigned blocks) {
  copy.to = shared_offset(to);
  if (copy.to % 1024) die("TMA: a swizzled tile must start at a multiple of 1024 bytes");
  if (blocks >> cluster_blocks()) die("TMA: multicast to a block that the cluster does not have");
  for (unsigned rank = 0; rank < cluster_blocks(); ++rank) {
    if (!(blocks >> rank & 1)) continue;
    copy.barrier = known_in(barrier, rank);
    copy.shared = shared_bytes(rank);
    if (early() || (rank != cluster_rank() && hurried())) run(copy);
    else block(rank).copies.push_back(copy);
  }
}

void run(const StoreOfBox& store) {
  const TensorMap& m = store.map;
  const uint32_t from = shared_offset(store.from);
  const bool image = m.kind == TensorMap::Kind::images;
  const int64_t column = store.at[image ? 3 : 1];
  for (int p = 0; p < m.box; ++p) {
    const int64_t row = store.at[0] + p;
    const uint16_t* to = image ? pixel_of_box(m, store.at, p) : row < m.rows ? m.data + row * m.columns + column : nullptr;
    for (int c = 0; c < kBoxWidth && to && column + c < m.columns; c += kUnit)
      std::memcpy(const_cast<uint16_t*>(to) + c, swizzled(from + static_cast<unsigned>(p * kRowBytes + c * 2)), kUnit * 2);
  }
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

// The 16 bf16 of each of `rows` rows of an operand a (or columns of b), widened: element (row, k) at row · of_row + k · of_k. In
// shared memory a unit is eight k of one row; of a transposed operand eight rows at one k.
void widen_operand(uint64_t operand, bool transposed, int rows, float* to, int of_row, int of_k) {
  if (operand >> 62 != 1) die("wgmma: only the 128-byte swizzle is known here");
  const auto field = [&](int bit) { return static_cast<uint32_t>(operand >> bit & 0x3fff) << 4; };
  const auto u = [](int v) { return static_cast<uint32_t>(v); };
  const uint32_t start = field(0), blocks = field(16), groups = field(32);
  const auto unit = [&](uint32_t offset, float* out, int apart) {
    eqv::dtype::Bf16 values[kUnit];
    std::memcpy(values, swizzled(start + offset), sizeof values);
    for (int i = 0; i < kUnit; ++i) out[i * apart] = eqv::dtype::widen(values[i]);
  };
  if (transposed) {
    for (int k = 0; k < kDepth; ++k)
      for (int row = 0; row < rows; row += kUnit)
        unit(u(row / 64) * blocks + u(k / 8) * groups + u(k % 8 * kRowBytes + row % 64 * 2), to + row * of_row + k * of_k, of_row);
  } else {
    for (int row = 0; row < rows; ++row)
      for (int k = 0; k < kDepth; k += kUnit)
        unit(u(row / 8) * groups + u(row % 8 * kRowBytes + k * 2), to + row * of_row + k * of_k, of_k);
  }
}

// Register r of thread t of the warpgroup: row and column of d.
int row_of(unsigned t, int r) { return static_cast<int>(t / 32 * 16 + t % 32 / 4) + r / 2 % 2 * 8; }
int column_of(unsigned t, int r) { return r / 4 * 8 + static_cast<int>(t % 4) * 2 + r % 2; }

// d{64×n} += a{64×kDepth} · b{kDepth×n}, the depth in order. Without fused multiply-adds, so with or without AVX2 the same bits.
__attribute__((target_clones("avx2", "default"))) void multiply_tiles(const float* a, const float* b, float* d, int n) {
  for (int i = 0; i < kTileRows; ++i)
    for (int k = 0; k < kDepth; ++k) {
      const float left = a[i * kDepth + k];
      for (int j = 0; j < n; ++j) d[i * n + j] += left * b[k * n + j];
    }
}

// The oldest group of the warpgroup whose first thread is `first`.
void multiply_group(unsigned first) {
  // Too large for the stack of a fiber. No other fiber runs meanwhile.
  struct Tiles {
    float a[kTileRows * kDepth], b[kMostColumns * kDepth], d[kTileRows * kMostColumns];
  };
  static thread_local const auto tiles = std::make_unique<Tiles>();
  float *const a = tiles->a, *const b = tiles->b, *const d = tiles->d;
  Thread* const threads = &block().threads[first];
  const auto group = [&](unsigned t) -> std::vector<Product>& { return threads[t].groups.front(); };
  for (size_t p = 0; p < group(0).size(); ++p) {
    const Product product = group(0)[p];
    const int n = product.columns;
    if (n > kMostColumns) die("wgmma: more columns than there are");
    widen_operand(product.a, product.transposed, kTileRows, a, kDepth, 1);
    widen_operand(product.b, product.transposed, n, b, 1, n);
    if (!product.add) std::memset(d, 0, sizeof(float) * kTileRows * static_cast<size_t>(n));
    for (unsigned t = 0; t < kWarpgroup; ++t) {
      const auto& theirs = group(t);
      if (theirs.size() != group(0).size() || theirs[p].a != product.a || theirs[p].b != product.b ||
          theirs[p].columns != n || theirs[p].transposed != product.transposed)
        die("wgmma: the threads of a warpgroup give different operands");
      const float* const mine = theirs[p].d;
      for (int r = 0; r < n / 2 && product.add; ++r) d[row_of(t, r) * n + column_of(t, r)] = mine[r];
    }
    multiply_tiles(a, b, d, n);
    for (unsigned t = 0; t < kWarpgroup; ++t) {
      float* const mine = group(t)[p].d;
      for (int r = 0; r < n / 2; ++r) mine[r] = d[row_of(t, r) * n + column_of(t, r)];
    }
  }
  for (unsigned t = 0; t < kWarpgroup; ++t) {
    threads[t].groups.erase(threads[t].groups.begin());
  }
}

}  // namespace

uint32_t shared_offset(const void* p) {
  return static_cast<uint32_t>(static_cast<const unsigned char*>(p) - shared_bytes());
}

void barrier_init(uint64_t* barrier, unsigned arrivals) {
  const Bits b{0, static_cast<int16_t>(arrivals), static_cast<uint16_t>(arrivals)};
  std::memcpy(barrier, &b, sizeof b);
  block().barriers[barrier] = {thread_index(), false, false, 0};
}

void fence_barrier_init() {
  for (auto& b : block().barriers)
    if (b.second.initialiser == thread_index()) b.second.fenced = true;
}

namespace {

void arrive(uint64_t* barrier, unsigned bytes) {
  Bits b = load(barrier);
  b.bytes += static_cast<int32_t>(bytes);
  --b.pending;
  store(barrier, b);
}

}  // namespace

void barrier_arrive(uint64_t* barrier, unsigned bytes) {
  known(barrier);
  arrive(barrier, bytes);
}

void barrier_arrive_at(uint64_t* barrier, unsigned rank) { arrive(known_in(barrier, rank), 0); }

void cluster_arrive() {
  for (auto& b : block().barriers) {
    Known& k = b.second;
    if (k.initialiser != thread_index() || !k.fenced || k.released) continue;
    k.released = true;
    k.phase = cluster_phases();
  }
  cluster_barrier_arrive();
}

void cluster_wait() { cluster_barrier_wait(); }

bool barrier_try(uint64_t* barrier, unsigned parity) {
  known(barrier);
  return try_once([=] {
    if (load(barrier).state >> 15 == parity) land(barrier);
    return load(barrier).state >> 15 != parity;
  });
}

void barrier_wait(uint64_t* barrier, unsigned parity) {
  while (!barrier_try(barrier, parity)) {
  }
}

void tma_matrix_box(void* to, const TensorMap& map, uint64_t* barrier, unsigned blocks, int row, int column) {
  if (map.kind != TensorMap::Kind::matrix) die("TMA: a map of pixels is copied as a matrix");
  start({map, {row, column, 0, 0}, 0, 0, nullptr, 0, nullptr}, to, barrier, blocks);
}

void tma_pixels(void* to, const TensorMap& map, uint64_t* barrier, unsigned blocks, int n, int i, int j, int channel, int r,
                int s) {
  if (map.kind != TensorMap::Kind::pixels) die("TMA: a map of boxes is copied as pixels");
  start({map, {n, i, j, channel}, r, s, nullptr, 0, nullptr}, to, barrier, blocks);
}

void tma_image_box(void* to, const TensorMap& map, uint64_t* barrier, int n, int i, int j, int channel) {
  if (map.kind != TensorMap::Kind::images) die("TMA: a map of something else is copied as an image's box");
  start({map, {n, i, j, channel}, 0, 0, nullptr, 0, nullptr}, to, barrier, this_block());
}

unsigned this_block() { return 1u << cluster_rank(); }

void written_by_thread(const void* at) {
  auto& written = self().written;
  const uint32_t kilobyte = shared_offset(at) >> 10;
  if (written.empty() || written.back() != kilobyte) written.push_back(kilobyte);
}

void fence_async_proxy() { self().written.clear(); }

namespace {

void store_box(const void* from, const TensorMap& map, const int (&at)[4]) {
  const uint32_t begin = shared_offset(from), end = begin + static_cast<uint32_t>(map.box * kRowBytes);
  if (begin % 1024) die("TMA: a swizzled tile must start at a multiple of 1024 bytes");
  for (const Thread& t : block().threads)
    for (uint32_t kilobyte : t.written)
      if (kilobyte >= begin >> 10 && kilobyte < end >> 10) die("TMA: a store of what was written without fence.proxy.async");
  const StoreOfBox store{map, static_cast<const unsigned char*>(from), {at[0], at[1], at[2], at[3]}};
  if (early()) run(store);
  else self().stores.back().push_back(store);
}

}  // namespace

void tma_store_box(const void* from, const TensorMap& map, int row, int column) {
  if (map.kind != TensorMap::Kind::matrix) die("TMA: a map of pixels is stored as a matrix");
  store_box(from, map, {row, column, 0, 0});
}

void tma_store_image_box(const void* from, const TensorMap& map, int n, int i, int j, int channel) {
  if (map.kind != TensorMap::Kind::images) die("TMA: a map of something else is stored as an image's box");
  store_box(from, map, {n, i, j, channel});
}

void commit_stores() { self().stores.emplace_back(); }

void wait_for_stores(unsigned newest) {
  auto& stores = self().stores;
  while (stores.size() > newest + 1) {
    for (const StoreOfBox& store : stores.front()) run(store);
    stores.erase(stores.begin());
  }
}

void warpgroup_barrier() {
  rendezvous("bar.sync of a warpgroup", thread_index() / kWarpgroup * kWarpgroup, kWarpgroup, [] {});
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
  rendezvous("wgmma.wait_group", first, kWarpgroup, [=] {
    while (block().threads[first].groups.size() > newest + 1) multiply_group(first);
  });
  self().fenced = false;
}

}  // namespace simt
