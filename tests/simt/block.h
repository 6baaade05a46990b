/// The emulator's state while a launch runs; shared by its own sources only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/simt/fiber.h"
#include "tests/simt/front.h"

namespace simt::detail {

/// What a lane waits for in a warp operation, and what it got.
struct WarpRequest {
  WarpOp op = WarpOp::kSync;
  unsigned mask = 0;
  int argument = 0;
  int width = 32;
  Site site{nullptr, 0};
  std::uint64_t value = 0;
};

struct AsyncCopy {
  void* dst;
  const void* src;
  std::uint64_t group;
};

enum class State { kReady, kAtBarrier, kInWarp, kReturned };

struct Thread {
  Fiber fiber;
  uint3 index;
  State state = State::kReady;
  Site site{nullptr, 0};  ///< of the barrier it waits at
  WarpRequest request;
  std::vector<AsyncCopy> copies;  ///< not landed yet, oldest first
  std::uint64_t committed = 0;    ///< groups of cp.async
};

/// The block that runs, and the launch it belongs to.
struct Block {
  std::deque<Thread> threads;  ///< kept for the next launch; only the first `size` take part
  unsigned size = 0;
  unsigned running = 0;           ///< index of the thread that runs
  std::vector<unsigned> waiting;  ///< [warps] lanes that wait in a warp operation
  void (*body)(void*) = nullptr;
  void* context = nullptr;
  std::size_t dynamic_bytes = 0;
  bool active = false;
  std::string breach;    ///< not empty: stop
  bool in_hook = false;  ///< called by instrumentation, which nothing may be thrown through

  Thread& self() { return threads[running]; }
  unsigned lane() const { return running % 32; }
  unsigned warp() const { return running / 32; }
  /// Lanes that the warp has.
  unsigned lanes(unsigned of_warp) const {
    const unsigned n = size - of_warp * 32;
    return n >= 32 ? 0xffffffffU : (1U << n) - 1;
  }
};
inline Block block_state;

/// "name.cuh:12"
std::string describe(Site site);
/// "block (1,0,0) thread (5,0,0), warp 0 lane 5"
std::string describe_thread(unsigned thread);
/// Ends the launch with Breach: text, the running thread, the place. Comes back only outside of
/// fibers, by throwing.
[[noreturn]] void breach(const std::string& text, Site site);
/// The same with the place in the text already.
[[noreturn]] void breach(const std::string& text);

/// What waiting lanes wait for, for reports: "warp 0: __shfl_sync at f.cuh:3, mask ffffffff arrived
/// 07ffffff".
std::string describe_warp_wait(unsigned warp);

// Shared memory and buffers (memory.cc).

struct Region {
  const char* begin = nullptr;
  std::size_t bytes = 0;
  std::size_t element = 1;
  std::string name;
  bool shared = false;
  bool read_only = false;
  std::size_t guard = 0;  ///< bytes on both sides that nobody may touch

  const char* end() const { return begin + bytes; }
};

/// Fills every shared array with 0xff and forgets pending copies.
void start_block_memory();
/// Breach when a byte around a shared array or a named buffer was changed.
void finish_block_memory();
/// Forgets the launch's shared arrays.
void finish_launch_memory();
/// The shared array or named buffer whose bytes or guard hold p; null when there is none.
const Region* find_region(const void* p);

}  // namespace simt::detail
