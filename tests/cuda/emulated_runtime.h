/// A device in host memory, for the engine's tests in the emulator: what the engine asks of it is
/// counted, may fail on request, and is checked for what a real device punishes by chance alone.
#pragma once

#include <cstdint>

namespace pema::test {

/// Counts since `reset`. Breaches: staging that was changed or freed while the device could still
/// read it, copies from or to memory that is not what they ask for.
struct EmulatedDevice {
  std::int64_t allocations = 0;  ///< on the device
  std::int64_t pinned = 0;       ///< allocations
  std::int64_t loads = 0;        ///< copies that wait
  std::int64_t uploads = 0;
  std::int64_t downloads = 0;
  std::int64_t waits = 0;        ///< for a stream
  std::int64_t fence_waits = 0;  ///< for a fence whose work was not known to be done
  std::int64_t breaches = 0;

  std::int64_t live = 0;                          ///< blocks that are allocated, pinned ones too
  std::int64_t live_bytes = 0;                    ///< on the device
  std::int64_t capacity = std::int64_t{1} << 40;  ///< bytes on the device
  /// From so many further calls on everything throws kIo, or with `refuse_memory` the next
  /// allocation kOverBudget, once; below 0: never.
  std::int64_t calls_left = -1;
  bool refuse_memory = false;
};

/// The one device; what open_runtime gives is it. Thread-safety: none.
[[nodiscard]] EmulatedDevice& emulated_device();
/// Zeroes the counts and takes back requests to fail.
void reset_emulated_device();

}  // namespace pema::test
