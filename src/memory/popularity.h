/// How often things are asked for, when popularity drifts: rates over several half-lives, mixed by
/// how well each predicts the next request.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace pema::memory {

/// Time is counted in requests, so that results do not depend on the clock. Memory: about 100 bytes
/// per remembered name, and no more names than told; the least popular of 16 drawn is forgotten.
/// Thread-safety: one thread at a time.
class Popularity {
 public:
  static constexpr std::size_t kHalfLives = 6;
  static constexpr std::array<double, kHalfLives> kHalfLife{512,     2048,   8192, 32'768,
                                                            131'072, 524'288};  ///< requests

  /// `capacity` >= 1 names.
  explicit Popularity(std::int64_t capacity);

  /// One request.
  void touch(std::uint64_t name);
  /// Expected requests of `name` per request; 0 for what is not remembered.
  [[nodiscard]] double rate(std::uint64_t name) const;
  /// Of each half-life; the sum is about 1.
  [[nodiscard]] const std::array<double, kHalfLives>& weights() const noexcept { return weights_; }
  [[nodiscard]] std::int64_t remembered() const noexcept { return std::ssize(counts_); }

 private:
  /// Decayed numbers of requests at time `at`.
  struct Count {
    std::uint64_t name = 0;
    std::int64_t at = 0;
    std::array<float, kHalfLives> counts{};
  };
  /// Each half-life's own rate of a name, not weighted.
  [[nodiscard]] std::array<double, kHalfLives> rates(const Count& count) const;
  void forget_one();

  std::size_t capacity_;
  std::int64_t now_ = 0;
  std::uint64_t draw_ = 1;
  std::array<double, kHalfLives> weights_;
  std::array<double, kHalfLives> per_count_{};  ///< rate that a count of 1 stands for
  std::vector<Count> counts_;
  std::unordered_map<std::uint64_t, std::size_t> place_;  ///< in counts_
};

/// The next of a fixed series of numbers that look random (Marsaglia, "Xorshift RNGs", 2003).
[[nodiscard]] inline std::uint64_t next_draw(std::uint64_t& state) noexcept {
  state ^= state << 13U;
  state ^= state >> 7U;
  state ^= state << 17U;
  return state;
}

}  // namespace pema::memory
