/// Background work leaves the disk to others.
#pragma once

#include <chrono>
#include <cstdint>
#include <thread>

namespace pema::core {

/// Sleeps so that the bytes spent since the start stay below a rate. Thread-safety: one thread.
class Pace {
 public:
  /// 0: no limit.
  explicit Pace(std::int64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  /// Says that `bytes` were read or written, and waits until that was allowed to happen.
  void spend(std::int64_t bytes) {
    spent_ += bytes;
    if (bytes_per_second_ <= 0) return;
    const std::chrono::duration<double> due(static_cast<double>(spent_) /
                                            static_cast<double>(bytes_per_second_));
    std::this_thread::sleep_until(
        start_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(due));
  }
  [[nodiscard]] std::int64_t spent() const noexcept { return spent_; }

 private:
  std::int64_t bytes_per_second_;
  std::int64_t spent_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace pema::core
