/// The memory manager's eviction against others on one trace of requests: a test and a bench run
/// the same simulation.
#pragma once

#include <cstdint>
#include <vector>

namespace pema::bench {

/// Requests for profiles under Zipf popularity whose ranks change.
struct TraceOptions {
  std::int64_t profiles = 10'000;
  double exponent = 0.9;
  std::int64_t requests = 400'000;
  std::int64_t shift_every = 100'000;  ///< requests
  double shifted = 0.1;                ///< share of the profiles that then swap ranks
  unsigned seed = 7;
};
[[nodiscard]] std::vector<std::int32_t> make_trace(const TraceOptions& options);

/// What a profile needs. The same trace is also run with all of them equal.
struct ItemCost {
  std::int64_t bytes = 1;
  double seconds = 1;  ///< to load it
};
/// Equal items, or segments of 100 to 10,000 entries (log-uniform) with two kinds of reload: read
/// from a mapped file, or computed at 20 times the cost.
[[nodiscard]] std::vector<ItemCost> equal_costs(std::int64_t profiles);
[[nodiscard]] std::vector<ItemCost> real_costs(std::int64_t profiles, unsigned seed);

/// Counts over one trace.
struct EvictionResult {
  double hit_ratio = 0;
  double saved_seconds = 0;  ///< share of all requests' reload seconds that hits saved
};

/// All of them keep what was asked for last. Belady's rule evicts the item that is asked for
/// latest; with unequal items, the one with the longest time to its next request x bytes / seconds,
/// which is a good plan but no proven optimum.
[[nodiscard]] EvictionResult run_lru(const std::vector<std::int32_t>& trace,
                                     const std::vector<ItemCost>& costs, std::int64_t budget);
/// Counts of all time, of items that are not held too.
[[nodiscard]] EvictionResult run_lfu(const std::vector<std::int32_t>& trace,
                                     const std::vector<ItemCost>& costs, std::int64_t budget);
[[nodiscard]] EvictionResult run_belady(const std::vector<std::int32_t>& trace,
                                        const std::vector<ItemCost>& costs, std::int64_t budget);
/// A MemoryManager whose loaders give items of these bytes and seconds.
[[nodiscard]] EvictionResult run_manager(const std::vector<std::int32_t>& trace,
                                         const std::vector<ItemCost>& costs, std::int64_t budget);

/// (value - LRU's) / (Belady's - LRU's).
[[nodiscard]] double gap_closed(double value, double lru, double belady);

}  // namespace pema::bench
