/// Times of single calls.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <vector>

namespace pema::bench {

[[nodiscard]] inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Calls `look_up(index)` for `calls` indices drawn uniformly from [0, people): calls per second of
/// their own time, and times in microseconds, each with one reading of the clock in it.
template <typename LookUp>
[[nodiscard]] nlohmann::ordered_json time_look_ups(std::int64_t people, std::int64_t calls,
                                                   std::uint64_t seed, const LookUp& look_up) {
  std::mt19937_64 random(seed);
  std::vector<float> times;
  times.reserve(static_cast<std::size_t>(calls));
  for (std::int64_t i = 0; i < calls; ++i) {
    const auto prepared = look_up.prepare(random() % static_cast<std::uint64_t>(people));
    const auto start = std::chrono::steady_clock::now();
    look_up.call(prepared);
    const std::chrono::duration<float, std::micro> took = std::chrono::steady_clock::now() - start;
    times.push_back(took.count());
  }
  std::sort(times.begin(), times.end());
  const auto quantile = [&](double q) {
    return times[static_cast<std::size_t>(q * static_cast<double>(times.size() - 1))];
  };
  const double seconds = 1e-6 * std::accumulate(times.begin(), times.end(), 0.0);
  return {{"per_second", static_cast<double>(calls) / seconds},
          {"p50_us", quantile(0.5)},
          {"p99_us", quantile(0.99)},
          {"p999_us", quantile(0.999)}};
}

/// What is prepared outside of the time, and what is timed.
template <typename Prepare, typename Call>
struct LookUp {
  Prepare prepare;
  Call call;
};
template <typename Prepare, typename Call>
LookUp(Prepare, Call) -> LookUp<Prepare, Call>;

}  // namespace pema::bench
