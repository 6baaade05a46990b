#include "tools/experiment/skipped_recall.h"

#include <array>

#include "tools/experiment/scoring.h"

namespace pema::tools {
namespace {

constexpr std::array kMethods = {Method::kMasksMemory, Method::kMasksMemoryGate};

/// Sums over people and rows.
struct Sums {
  std::array<double, kMethods.size()> nll{};
  std::int64_t skipped = 0;
};

Engine engine_with(const Workshop& shop, double limit) {
  EngineOptions options;
  options.threads = shop.threads;
  options.skip_recall_above = limit;
  return {shop.model, shop.head, options};
}

}  // namespace

nlohmann::ordered_json evaluate_skipped_recall(Walk& walk, std::span<const double> limits) {
  Workshop shop = walk.shop();
  std::vector<Engine> engines;
  engines.push_back(engine_with(shop, 1.0));
  for (const double limit : limits) engines.push_back(engine_with(shop, limit));
  std::vector<Sums> sums(engines.size());
  std::int64_t rows = 0;
  const auto people = walk.new_people();
  for (std::size_t i = 0; i < people.size(); ++i) {
    checkpoint(shop.progress, "skipped recall", static_cast<std::int64_t>(i), std::ssize(people),
               "people");
    const ScoredRows scored(people[i]->test.view(), shop.head, shop.threads);
    rows += scored.rows();
    for (std::size_t m = 0; m < kMethods.size(); ++m) {
      (void)enrol_method(shop, walk.foundation(), kMethods[m], *people[i], walk.methods());
      const auto lease =
          shop.leases.acquire(profile_name(kMethods[m], people[i]->key, walk.methods().refit));
      for (std::size_t e = 0; e < engines.size(); ++e) {
        sums[e].nll[m] += scored.nll_sum(engines[e], lease.get());
      }
    }
    for (std::size_t e = 1; e < engines.size(); ++e) {
      sums[e].skipped += scored.surer_than(limits[e - 1]);
    }
  }
  checkpoint(shop.progress, "skipped recall", std::ssize(people), std::ssize(people), "people");
  const auto mean = [&](const Sums& of, std::size_t m) {
    return of.nll[m] / static_cast<double>(rows);
  };
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (std::size_t e = 1; e < engines.size(); ++e) {
    results.push_back(
        {{"limit", limits[e - 1]},
         {"skipped", static_cast<double>(sums[e].skipped) / static_cast<double>(rows)},
         {"nll", mean(sums[e], 0)},
         {"nll_gate", mean(sums[e], 1)},
         {"worse", mean(sums[e], 0) - mean(sums[0], 0)},
         {"worse_gate", mean(sums[e], 1) - mean(sums[0], 1)}});
  }
  return results;
}

}  // namespace pema::tools
