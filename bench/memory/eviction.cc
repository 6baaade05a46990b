#include "bench/memory/eviction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "pema/memory_manager.h"

namespace pema::bench {
namespace {

using Trace = std::vector<std::int32_t>;
using Costs = std::vector<ItemCost>;

std::size_t at(std::int32_t profile) { return static_cast<std::size_t>(profile); }

/// Counts hits, and what they save.
class Score {
 public:
  explicit Score(const Costs& costs) : costs_(&costs) {}
  void count(std::int32_t profile, bool hit) {
    const double seconds = (*costs_)[at(profile)].seconds;
    ++requests_;
    all_ += seconds;
    if (!hit) return;
    ++hits_;
    saved_ += seconds;
  }
  [[nodiscard]] EvictionResult result() const {
    return {static_cast<double>(hits_) / static_cast<double>(requests_), saved_ / all_};
  }

 private:
  const Costs* costs_;
  std::int64_t requests_ = 0;
  std::int64_t hits_ = 0;
  double all_ = 0;
  double saved_ = 0;
};

/// Evicts the least (first, second): for LRU the last use, for LFU the count and the last use.
EvictionResult run_ordered(const Trace& trace, const Costs& costs, std::int64_t budget,
                           bool counts) {
  using Place = std::tuple<std::int64_t, std::int64_t, std::int32_t>;
  Score score(costs);
  std::set<Place> order;
  std::vector<std::int64_t> count(costs.size());
  std::vector<std::int64_t> last(costs.size());
  std::vector<bool> held(costs.size());
  std::int64_t bytes = 0;
  for (std::size_t now = 0; now < trace.size(); ++now) {
    const std::int32_t profile = trace[now];
    const std::size_t p = at(profile);
    score.count(profile, held[p]);
    if (held[p]) {
      order.erase({count[p], last[p], profile});
    } else {
      for (bytes += costs[p].bytes; bytes > budget && !order.empty();) {
        const std::size_t leaves = at(std::get<2>(*order.begin()));
        order.erase(order.begin());
        held[leaves] = false;
        bytes -= costs[leaves].bytes;
      }
    }
    held[p] = true;
    if (counts) ++count[p];
    last[p] = static_cast<std::int64_t>(now);
    order.insert({count[p], last[p], profile});
  }
  return score.result();
}

std::vector<std::int64_t> next_requests(const Trace& trace, std::size_t profiles) {
  std::vector<std::int64_t> next(trace.size());
  std::vector<std::int64_t> later(profiles, std::numeric_limits<std::int64_t>::max());
  for (std::size_t i = trace.size(); i-- > 0;) {
    next[i] = std::exchange(later[at(trace[i])], static_cast<std::int64_t>(i));
  }
  return next;
}

}  // namespace

Trace make_trace(const TraceOptions& options) {
  std::mt19937_64 random(options.seed);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<double> below;
  double sum = 0;
  for (std::int64_t rank = 1; rank <= options.profiles; ++rank) {
    below.push_back(sum += std::pow(static_cast<double>(rank), -options.exponent));
  }
  Trace who(static_cast<std::size_t>(options.profiles));
  std::iota(who.begin(), who.end(), 0);
  std::shuffle(who.begin(), who.end(), random);
  Trace trace;
  for (std::int64_t i = 0; i < options.requests; ++i) {
    if (i > 0 && options.shift_every > 0 && i % options.shift_every == 0) {
      std::vector<std::size_t> ranks;
      for (std::size_t rank = 0; rank < who.size(); ++rank) {
        if (uniform(random) < options.shifted) ranks.push_back(rank);
      }
      Trace moved;
      for (const std::size_t rank : ranks) moved.push_back(who[rank]);
      std::shuffle(moved.begin(), moved.end(), random);
      for (std::size_t j = 0; j < ranks.size(); ++j) who[ranks[j]] = moved[j];
    }
    const auto rank = std::lower_bound(below.begin(), below.end(), uniform(random) * sum);
    trace.push_back(who[std::min(static_cast<std::size_t>(rank - below.begin()), who.size() - 1)]);
  }
  return trace;
}

Costs equal_costs(std::int64_t profiles) { return Costs(static_cast<std::size_t>(profiles)); }

Costs real_costs(std::int64_t profiles, unsigned seed) {
  constexpr std::int64_t kEntryBytes = 576 * 4 + 4;
  constexpr double kSecondsPerByte = 1 / 1.5e9;
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0, 1);
  Costs costs;
  for (std::int64_t i = 0; i < profiles; ++i) {
    const double entries = 100 * std::pow(100.0, uniform(random));
    const std::int64_t bytes = static_cast<std::int64_t>(entries) * kEntryBytes;
    const double slower = uniform(random) < 0.3 ? 20 : 1;
    costs.push_back({bytes, static_cast<double>(bytes) * kSecondsPerByte * slower + 1e-4});
  }
  return costs;
}

EvictionResult run_lru(const Trace& trace, const Costs& costs, std::int64_t budget) {
  return run_ordered(trace, costs, budget, false);
}

EvictionResult run_lfu(const Trace& trace, const Costs& costs, std::int64_t budget) {
  return run_ordered(trace, costs, budget, true);
}

EvictionResult run_belady(const Trace& trace, const Costs& costs, std::int64_t budget) {
  Score score(costs);
  const std::vector<std::int64_t> next = next_requests(trace, costs.size());
  const bool equal = std::all_of(costs.begin(), costs.end(), [&](const ItemCost& cost) {
    return cost.bytes == costs[0].bytes && cost.seconds == costs[0].seconds;
  });
  std::vector<std::int64_t> wanted(costs.size(), -1);  // next request of what is held
  std::set<std::pair<std::int64_t, std::int32_t>> order;
  std::int64_t bytes = 0;
  // Seconds per byte, and per request until it is needed again; order tells it when all are equal.
  const auto least = [&](std::int64_t now) {
    if (equal) return std::prev(order.end());
    auto found = order.begin();
    double least_density = std::numeric_limits<double>::infinity();
    for (auto held = order.begin(); held != order.end(); ++held) {
      const ItemCost& cost = costs[at(held->second)];
      const double density =
          cost.seconds / static_cast<double>(cost.bytes) / static_cast<double>(held->first - now);
      if (density < least_density) {
        least_density = density;
        found = held;
      }
    }
    return found;
  };
  for (std::size_t now = 0; now < trace.size(); ++now) {
    const std::int32_t profile = trace[now];
    const std::size_t p = at(profile);
    score.count(profile, wanted[p] >= 0);
    if (wanted[p] >= 0) {
      order.erase({wanted[p], profile});
    } else {
      for (bytes += costs[p].bytes; bytes > budget && !order.empty();) {
        const auto leaves = least(static_cast<std::int64_t>(now));
        bytes -= costs[at(leaves->second)].bytes;
        wanted[at(leaves->second)] = -1;
        order.erase(leaves);
      }
    }
    wanted[p] = next[now];
    order.insert({next[now], profile});
  }
  return score.result();
}

EvictionResult run_manager(const Trace& trace, const Costs& costs, std::int64_t budget) {
  Score score(costs);
  MemoryManager manager({.budget_bytes = budget});
  const auto value = std::make_shared<const int>(0);
  std::vector<MemoryRequest> requests;
  for (std::size_t p = 0; p < costs.size(); ++p) {
    MemoryRequest request;
    request.key = {.kind = MemoryKind::kSegment, .digest = sha256(std::to_string(p))};
    request.bytes = costs[p].bytes;
    request.load = [&value, cost = costs[p]] {
      LoadedMemory loaded;
      loaded.value = value;
      loaded.bytes = cost.bytes;
      loaded.seconds = cost.seconds;
      return loaded;
    };
    requests.push_back(std::move(request));
  }
  for (const std::int32_t profile : trace) {
    const MemoryRequest& request = requests[at(profile)];
    score.count(profile, manager.holds(request.key));
    static_cast<void>(manager.acquire(request));
  }
  return score.result();
}

double gap_closed(double value, double lru, double belady) {
  return (value - lru) / (belady - lru);
}

}  // namespace pema::bench
