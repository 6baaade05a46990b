// Runs the threads of a launch block by block: each until it waits, in the order asked for.
#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "tests/simt/block.h"
#include "tests/simt/trace_state.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace simt::detail {

namespace {

std::string triple(unsigned x, unsigned y, unsigned z) {
  return "(" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + ")";
}

/// Leaves a kernel after a breach.
struct Unwind {};

void fiber_entry() {
  Block& block = block_state;
  try {
    block.body(block.context);
  } catch (const Unwind&) {
  }
  block.self().state = State::kReturned;
  Fiber::leave_for_good();
}

class Schedule {
 public:
  explicit Schedule(std::uint64_t items) : indices_(items), random_(cfg.seed) {
    std::iota(indices_.begin(), indices_.end(), 0U);
    if (cfg.order == Order::kReverse) {
      std::reverse(indices_.begin(), indices_.end());
    }
  }
  const std::vector<unsigned>& next() {
    if (cfg.order == Order::kRandom) {
      std::shuffle(indices_.begin(), indices_.end(), random_);
    }
    return indices_;
  }

 private:
  std::vector<unsigned> indices_;
  std::mt19937_64 random_;
};

/// Every thread that has not returned waits, so nobody will change anything: release or report.
void settle_barrier() {
  Block& block = block_state;
  const Thread* waiting = nullptr;
  const Thread* returned = nullptr;
  bool all_at_barrier = true;
  for (unsigned t = 0; t < block.size; ++t) {
    const Thread& thread = block.threads[t];
    all_at_barrier = all_at_barrier && thread.state != State::kInWarp;
    if (thread.state == State::kAtBarrier) {
      waiting = &thread;
      block.running = t;
    } else if (thread.state == State::kReturned) {
      returned = &thread;
    }
  }
  if (!all_at_barrier) {
    std::string text = "deadlock";
    for (unsigned w = 0; w < block.waiting.size(); ++w) {
      if (block.waiting[w] != 0) {
        block.running = w * 32 + static_cast<unsigned>(__builtin_ctz(block.waiting[w]));
        text += "; " + describe_warp_wait(w);
      }
    }
    if (waiting != nullptr) {
      text += "; other threads wait in __syncthreads at " + describe(waiting->site);
    }
    breach(text, block.self().request.site);
  }
  if (returned != nullptr) {
    breach("__syncthreads is not reached by thread " +
               triple(returned->index.x, returned->index.y, returned->index.z) +
               ", which has returned",
           waiting->site);
  }
  for (unsigned t = 0; t < block.size; ++t) {
    block.threads[t].state = State::kReady;
  }
  trace_block_barrier();
}

void run_block(Schedule& order) {
  Block& block = block_state;
  for (unsigned t = 0; t < block.size; ++t) {
    Thread& thread = block.threads[t];
    thread.fiber.reset(&fiber_entry);
    thread.state = State::kReady;
    thread.copies.clear();
    thread.committed = 0;
  }
  std::fill(block.waiting.begin(), block.waiting.end(), 0U);
  start_block_memory();
  trace_start_block();
  for (;;) {
    bool ran = false;
    bool all_returned = true;
    for (const unsigned t : order.next()) {
      Thread& thread = block.threads[t];
      if (thread.state == State::kReady) {
        block.running = t;
        threadIdx = thread.index;
        thread.fiber.resume();
        ran = true;
        if (!block.breach.empty()) {
          throw Breach(block.breach);
        }
      }
      all_returned = all_returned && thread.state == State::kReturned;
    }
    if (all_returned) {
      break;
    }
    if (!ran) {
      settle_barrier();
    }
  }
  finish_block_memory();
  trace_finish_block();
}

std::uint64_t checked_blocks(dim3 grid, dim3 block, std::size_t dynamic_bytes) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64 || dynamic_bytes > 227 * 1024) {
    throw std::invalid_argument("simt::launch: no GPU takes this block size or shared memory");
  }
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  if (blocks == 0 || grid.x > 0x7fffffffU || grid.y > 65535 || grid.z > 65535 ||
      blocks > std::numeric_limits<unsigned>::max()) {
    throw std::invalid_argument("simt::launch: no GPU takes this grid size");
  }
  return blocks;
}

/// Leaves the emulator ready for the next launch, however this one ended.
struct LaunchEnd {
  ~LaunchEnd() {
    block_state.active = false;
    finish_launch_memory();
  }
};

}  // namespace

std::string describe(Site site) {
  const std::string path = site.file == nullptr ? "?" : site.file;
  return path.substr(path.rfind('/') + 1) + ":" + std::to_string(site.line);
}

std::string describe_thread(unsigned thread) {
  const uint3 index = block_state.threads[thread].index;
  return "block " + triple(blockIdx.x, blockIdx.y, blockIdx.z) + " thread " +
         triple(index.x, index.y, index.z) + ", warp " + std::to_string(thread / 32) + " lane " +
         std::to_string(thread % 32);
}

void breach(const std::string& text, Site site) {
  Block& block = block_state;
  breach(text + (block.active ? "; " + describe_thread(block.running) : "") + " at " +
         describe(site));
}

void breach(const std::string& text) {
  Block& block = block_state;
  if (!block.active || !Fiber::inside()) {
    throw Breach(text);
  }
  block.breach = text;
  if (!block.in_hook) {
    throw Unwind{};
  }
  for (;;) {
    Fiber::leave();
  }
}

void run(dim3 grid, dim3 block, std::size_t dynamic_bytes, void (*body)(void*), void* context) {
  const std::uint64_t blocks = checked_blocks(grid, block, dynamic_bytes);
  Block& state = block_state;
  if (state.active) {
    throw std::invalid_argument("simt::launch inside of a launch");
  }
  state.size = block.x * block.y * block.z;
  while (state.threads.size() < state.size) {
    state.threads.emplace_back();
  }
  for (unsigned t = 0; t < state.size; ++t) {
    uint3& index = state.threads[t].index;
    index.x = t % block.x;
    index.y = t / block.x % block.y;
    index.z = t / block.x / block.y;
  }
  state.waiting.assign((state.size + 31) / 32, 0U);
  state.body = body;
  state.context = context;
  state.dynamic_bytes = dynamic_bytes;
  state.breach.clear();
  state.in_hook = false;
  gridDim = grid;
  blockDim = block;
  state.active = true;
  const LaunchEnd end;
  trace_start_launch();
  Schedule block_order(blocks);
  Schedule thread_order(state.size);
  for (const unsigned b : block_order.next()) {
    blockIdx.x = b % grid.x;
    blockIdx.y = b / grid.x % grid.y;
    blockIdx.z = b / grid.x / grid.y;
    run_block(thread_order);
  }
}

void block_barrier(Site site) {
  Block& block = block_state;
  Thread& self = block.self();
  for (unsigned t = 0; t < block.size; ++t) {
    const Thread& other = block.threads[t];
    if (other.state == State::kAtBarrier &&
        (other.site.line != site.line || std::strcmp(other.site.file, site.file) != 0)) {
      breach("__syncthreads at different places: " + describe_thread(t) + " waits at " +
                 describe(other.site),
             site);
    }
  }
  self.site = site;
  self.state = State::kAtBarrier;
  Fiber::leave();
}

}  // namespace simt::detail
