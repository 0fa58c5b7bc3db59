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

// From shared memory to a matrix.
struct StoreOfBox {
  TensorMap map;
  const unsigned char* from;
  int row, column;
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
    for (const auto& t : threads)
      if (t.second.groups.size() > 1 || !t.second.groups.front().empty())
        die("wgmma: a block ends with products that nobody waited for");
    for (const auto& t : threads)
      if (t.second.stores.size() > 1 || !t.second.stores.front().empty())
        die("TMA: a block ends before its shared memory was read by a store");
  }

  std::map<const uint64_t*, Known> barriers;
  std::vector<Copy> copies;
  std::map<unsigned, Thread> threads;
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

// One row of a box; `from` null is zeros.
void put_row(const Copy& copy, int row, const uint16_t* from, int64_t channel, int64_t channels) {
  for (int c = 0; c < kBoxWidth; ++c) {
    const uint16_t value = from && channel + c < channels ? from[c] : 0;
    std::memcpy(copy.shared + turned(copy.to + static_cast<unsigned>(row * kRowBytes + c * 2)), &value, 2);
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
  for (int p = 0; p < m.box; ++p)
    for (int c = 0; c < kBoxWidth; ++c) {
      const int64_t row = store.row + p, column = store.column + c;
      if (row >= m.rows || column >= m.columns) continue;
      std::memcpy(const_cast<uint16_t*>(m.data) + row * m.columns + column,
                  swizzled(from + static_cast<unsigned>(p * kRowBytes + c * 2)), 2);
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

void barrier_wait(uint64_t* barrier, unsigned parity) {
  known(barrier);
  wait_until([=] {
    if (load(barrier).state >> 15 == parity) land(barrier);
    return load(barrier).state >> 15 != parity;
  });
}

void tma_matrix_box(void* to, const TensorMap& map, uint64_t* barrier, unsigned blocks, int row, int column) {
  if (map.pixels) die("TMA: a map of pixels is copied as a matrix");
  start({map, {row, column, 0, 0}, 0, 0, nullptr, 0, nullptr}, to, barrier, blocks);
}

void tma_pixels(void* to, const TensorMap& map, uint64_t* barrier, unsigned blocks, int n, int i, int j, int channel, int r,
                int s) {
  if (!map.pixels) die("TMA: a map of a matrix is copied as pixels");
  start({map, {n, i, j, channel}, r, s, nullptr, 0, nullptr}, to, barrier, blocks);
}

unsigned this_block() { return 1u << cluster_rank(); }

void written_by_thread(const void* at) {
  auto& written = self().written;
  const uint32_t kilobyte = shared_offset(at) >> 10;
  if (written.empty() || written.back() != kilobyte) written.push_back(kilobyte);
}

void fence_async_proxy() { self().written.clear(); }

void tma_store_box(const void* from, const TensorMap& map, int row, int column) {
  if (map.pixels) die("TMA: a map of pixels is stored as a matrix");
  const uint32_t begin = shared_offset(from), end = begin + static_cast<uint32_t>(map.box * kRowBytes);
  if (begin % 1024) die("TMA: a swizzled tile must start at a multiple of 1024 bytes");
  for (const auto& t : block().threads)
    for (uint32_t kilobyte : t.second.written)
      if (kilobyte >= begin >> 10 && kilobyte < end >> 10) die("TMA: a store of what was written without fence.proxy.async");
  const StoreOfBox store{map, static_cast<const unsigned char*>(from), row, column};
  if (early()) run(store);
  else self().stores.back().push_back(store);
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
