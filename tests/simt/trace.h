/// What launches do to memory, access by access: races and misuse stop them with Breach, traffic is
/// counted. Needs kernels compiled with the flags of the target pema_simt_traced; of other kernels
/// only ldvec, stvec, cp.async and atomics are seen.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace simt {

/// Requests of warps. One request: one load or store executed by the lanes of one warp together.
struct Requests {
  std::uint64_t requests = 0;
  std::uint64_t sectors = 0;  ///< of 32 bytes, summed over requests: traffic between L1 and L2
  std::uint64_t ideal = 0;    ///< sectors that the same bytes would fill if they lay together
};

struct BufferTraffic {
  std::string name;
  Requests loads;
  Requests stores;                  ///< atomics too
  std::uint64_t unique_loaded = 0;  ///< different sectors: what must come from DRAM once
  std::uint64_t unique_stored = 0;
};

/// Shared memory serves 128 bytes of a request per phase: 32, 16 or 8 lanes of 4, 8 or 16 bytes.
struct SharedTraffic {
  std::uint64_t requests = 0;
  std::uint64_t phases = 0;
  std::uint64_t waves = 0;  ///< at least one per phase; more are bank conflicts
};

/// Records all launches while it lives. One at a time. Launches stop with Breach for: a race in
/// shared memory or in a named buffer, shared memory read before it was written or while cp.async
/// is on its way, an access outside of an array, a misaligned one. Barriers order memory; so do
/// __syncwarp between the lanes of its mask, and nothing else. Thread-safety: none.
class Trace {
 public:
  Trace();
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// Traffic of the buffer of that name, zeros when it was not touched. The buffer must still live.
  BufferTraffic buffer(const std::string& name) const;
  const SharedTraffic& shared() const;
  /// All accesses that were seen, to tell a kernel that was not instrumented.
  std::uint64_t accesses() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace simt
