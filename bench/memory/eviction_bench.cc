// Prints one JSON document: the memory manager's eviction against LRU, LFU and Belady's rule.
// Usage: eviction_bench [REQUESTS], 400,000 without an argument.
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>

#include <nlohmann/json.hpp>

#include "bench/memory/eviction.h"

namespace pema::bench {
namespace {

using Json = nlohmann::ordered_json;

Json ratios(const EvictionResult& result) {
  return {{"hit_ratio", result.hit_ratio}, {"saved_seconds", result.saved_seconds}};
}

Json cell(const TraceOptions& options, const std::vector<std::int32_t>& trace,
          const std::vector<ItemCost>& costs, double share, bool equal) {
  std::int64_t all = 0;
  for (const ItemCost& cost : costs) all += cost.bytes;
  const auto budget = static_cast<std::int64_t>(share * static_cast<double>(all));
  const EvictionResult lru = run_lru(trace, costs, budget);
  const EvictionResult lfu = run_lfu(trace, costs, budget);
  const EvictionResult ours = run_manager(trace, costs, budget);
  const EvictionResult belady = run_belady(trace, costs, budget);
  const auto closed = [&](const EvictionResult& result) {
    return equal ? gap_closed(result.hit_ratio, lru.hit_ratio, belady.hit_ratio)
                 : gap_closed(result.saved_seconds, lru.saved_seconds, belady.saved_seconds);
  };
  return {{"exponent", options.exponent},
          {"shift_every", options.shift_every},
          {"shifted", options.shifted},
          {"costs", equal ? "equal" : "real"},
          {"budget_share", share},
          {"lru", ratios(lru)},
          {"lfu", ratios(lfu)},
          {"pema", ratios(ours)},
          {"belady", ratios(belady)},
          {"gap_closed_lfu", closed(lfu)},
          {"gap_closed_pema", closed(ours)}};
}

Json grid(std::int64_t requests) {
  Json cells = Json::array();
  TraceOptions options;
  options.requests = requests;
  for (const double exponent : {0.7, 0.9, 1.1}) {
    for (const auto& [every, shifted] : {std::pair{100'000, 0.1}, std::pair{50'000, 0.2}}) {
      options.exponent = exponent;
      options.shift_every = every;
      options.shifted = shifted;
      const std::vector<std::int32_t> trace = make_trace(options);
      for (const double share : {0.01, 0.02, 0.05, 0.1, 0.25}) {
        cells.push_back(cell(options, trace, equal_costs(options.profiles), share, true));
        // Belady's weighted rule looks at everything that is held at each eviction.
        if (share > 0.05) continue;
        cells.push_back(cell(options, trace, real_costs(options.profiles, 5), share, false));
      }
    }
  }
  return cells;
}

}  // namespace
}  // namespace pema::bench

int main(int argc, char** argv) {
  const std::int64_t requests = argc > 1 ? std::strtoll(argv[1], nullptr, 10) : 400'000;
  if (requests < 1) {
    std::cerr << "usage: eviction_bench [REQUESTS]\n";
    return 2;
  }
  pema::bench::Json document;
  document["profiles"] = pema::bench::TraceOptions{}.profiles;
  document["requests"] = requests;
  document["cells"] = pema::bench::grid(requests);
  std::cout << document.dump(2) << "\n";
  return 0;
}
