// The manager's eviction against LRU and Belady's rule, on fixed traces.
#include <gtest/gtest.h>

#include "bench/memory/eviction.h"
#include "src/memory/popularity.h"

namespace pema::bench {
namespace {

std::int64_t total(const std::vector<ItemCost>& costs) {
  std::int64_t bytes = 0;
  for (const ItemCost& cost : costs) bytes += cost.bytes;
  return bytes;
}

// Zipf over 10,000 profiles; every 50,000 requests a fifth of them swap their ranks.
TEST(Eviction, ClosesHalfOfTheGapToBeladyWhenPopularityShifts) {
  TraceOptions options;
  options.requests = 200'000;
  options.shift_every = 50'000;
  options.shifted = 0.2;
  for (const double exponent : {0.7, 0.9, 1.1}) {
    options.exponent = exponent;
    const auto trace = make_trace(options);
    const auto costs = equal_costs(options.profiles);
    const double lru = run_lru(trace, costs, 100).hit_ratio;
    const double belady = run_belady(trace, costs, 100).hit_ratio;
    const double ours = run_manager(trace, costs, 100).hit_ratio;
    EXPECT_GE(gap_closed(ours, lru, belady), 0.5)
        << exponent << ": " << lru << " " << ours << " " << belady;
  }
}

TEST(Eviction, FollowsAShiftThatLeavesAllTimeCountsBehind) {
  TraceOptions options;
  options.requests = 200'000;
  options.shift_every = 100'000;
  options.shifted = 1.0;
  const auto trace = make_trace(options);
  const auto costs = equal_costs(options.profiles);
  const double ours = run_manager(trace, costs, 500).hit_ratio;
  EXPECT_GT(ours, run_lru(trace, costs, 500).hit_ratio);
  EXPECT_GT(ours, run_lfu(trace, costs, 500).hit_ratio);
}

TEST(Eviction, SavesMoreReloadTimeThanLruWhenSizesAndCostsDiffer) {
  TraceOptions options;
  options.requests = 100'000;
  const auto trace = make_trace(options);
  const auto costs = real_costs(options.profiles, 5);
  const std::int64_t budget = total(costs) / 50;
  const double lru = run_lru(trace, costs, budget).saved_seconds;
  const double belady = run_belady(trace, costs, budget).saved_seconds;
  EXPECT_GE(gap_closed(run_manager(trace, costs, budget).saved_seconds, lru, belady), 0.5);
}

TEST(Popularity, RememberedNamesAreBounded) {
  memory::Popularity popularity(100);
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    popularity.touch(7);
    popularity.touch(1000 + i);
  }
  EXPECT_EQ(popularity.remembered(), 100);
  EXPECT_NEAR(popularity.rate(7), 0.5, 0.02);
  EXPECT_EQ(popularity.rate(1000), 0.0);
}

TEST(Popularity, ASteadyRateIsFoundAndAnOldOneFades) {
  memory::Popularity popularity(1000);
  for (std::uint64_t i = 0; i < 40'000; ++i) popularity.touch(i % 4);
  EXPECT_NEAR(popularity.rate(2), 0.25, 0.01);
  for (std::uint64_t i = 0; i < 40'000; ++i) popularity.touch(10 + i % 4);
  EXPECT_LT(popularity.rate(2), popularity.rate(12) / 10);
}

}  // namespace
}  // namespace pema::bench
