#include "src/memory/popularity.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pema::memory {
namespace {

// How fast weights follow: a few thousand requests.
constexpr double kPace = 1.0 / 2048;
// A half-life that was of no use for long must come back quickly after a shift.
constexpr double kLeastWeight = 0.002;
constexpr int kDrawn = 16;

}  // namespace

Popularity::Popularity(std::int64_t capacity) : capacity_(static_cast<std::size_t>(capacity)) {
  weights_.fill(1.0 / kHalfLives);
}

std::array<double, Popularity::kHalfLives> Popularity::rates(const Count& count) const {
  std::array<double, kHalfLives> result{};
  for (std::size_t h = 0; h < kHalfLives; ++h) {
    const double decay = std::exp2(static_cast<double>(count.at - now_) / kHalfLife[h]);
    result[h] = static_cast<double>(count.counts[h]) * decay * per_count_[h];
  }
  return result;
}

void Popularity::touch(std::uint64_t name) {
  ++now_;
  for (std::size_t h = 0; h < kHalfLives; ++h) {
    // Requests that a count still sees: those since the beginning, and of these the decayed number.
    const double seen = 1.0 - std::exp2(-static_cast<double>(now_) / kHalfLife[h]);
    per_count_[h] = std::numbers::ln2 / (kHalfLife[h] * seen);
  }
  const auto [found, fresh] = place_.try_emplace(name, counts_.size());
  if (fresh) counts_.push_back({name, now_, {}});
  Count& count = counts_[found->second];
  const std::array<double, kHalfLives> each = rates(count);
  double mixed = 0;
  for (std::size_t h = 0; h < kHalfLives; ++h) mixed += weights_[h] * each[h];
  for (std::size_t h = 0; h < kHalfLives; ++h) {
    if (mixed > 0) {
      weights_[h] += kPace * (weights_[h] * each[h] / mixed - weights_[h]);
      weights_[h] = std::max(weights_[h], kLeastWeight);
    }
    count.counts[h] = 1.0F + static_cast<float>(each[h] / per_count_[h]);
  }
  count.at = now_;
  if (counts_.size() > capacity_) forget_one();
}

double Popularity::rate(std::uint64_t name) const {
  const auto found = place_.find(name);
  if (found == place_.end()) return 0;
  const std::array<double, kHalfLives> each = rates(counts_[found->second]);
  double mixed = 0;
  for (std::size_t h = 0; h < kHalfLives; ++h) mixed += weights_[h] * each[h];
  return mixed;
}

void Popularity::forget_one() {
  // The newest is the last one and stays: nothing else is known of it yet.
  const std::size_t others = counts_.size() - 1;
  if (others == 0) return;
  std::size_t least = 0;
  double least_rate = 0;
  for (int i = 0; i < kDrawn; ++i) {
    const std::size_t place = next_draw(draw_) % others;
    const double its = rate(counts_[place].name);
    if (i == 0 || its < least_rate) {
      least = place;
      least_rate = its;
    }
  }
  place_.erase(counts_[least].name);
  counts_[least] = counts_.back();
  counts_.pop_back();
  if (least < counts_.size()) place_[counts_[least].name] = least;
}

}  // namespace pema::memory
