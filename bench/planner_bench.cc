// Is the planner's choice the best one? Measures this machine's costs, then runs every strategy
// over a grid of batch shapes and compares what the planner would have taken with the fastest.
//
//     planner_bench MODEL.gguf THREADS ROUNDS > result.json
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "bench/choose.h"
#include "pema/planner.h"
#include "pema/plm/language_model.h"

namespace pema::bench {
namespace {

using Json = nlohmann::ordered_json;

struct PoolShape {
  const char* name;
  Algebra algebra;
  std::int64_t adapters;
  std::int64_t rank;
  std::vector<std::int64_t> selected;
};

const PoolShape kPools[] = {{"mixture", Algebra::kMixture, 1024, 1, {8, 128, 300}},
                            {"separate", Algebra::kSeparate, 256, 8, {8, 128, 256}}};
constexpr std::int64_t kRows[] = {1, 4, 32, 128};
constexpr std::int64_t kSteps[] = {1, 16, 256, 1'000'000};  // of an engine's life
constexpr std::int64_t kCache = std::int64_t{2} << 30;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Other work on the machine only adds time.
double least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

Matrix<float> random_matrix(std::mt19937& random, std::int64_t rows, std::int64_t cols,
                            float size) {
  Matrix<float> values(rows, cols);
  std::normal_distribution<float> normal(0, size);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (float& value : values.view().row_span(r)) value = normal(random);
  }
  return values;
}

std::shared_ptr<const Pool> make_pool(const ModelInfo& model, const PoolShape& shape) {
  std::mt19937 random(11);
  const std::int64_t rows = shape.adapters * shape.rank;
  const Matrix<float> down = random_matrix(random, rows, model.hidden, 0.02F);
  const Matrix<float> up = random_matrix(random, rows, model.hidden, 0.02F);
  const std::vector<float> scale(static_cast<std::size_t>(shape.adapters), 1.0F);
  PoolInfo info;
  info.model = model.fingerprint;
  info.algebra = shape.algebra;
  return std::make_shared<const Pool>(
      info, nullptr,
      std::vector{AdapterBlock::make(shape.adapters, shape.rank, down.view(), up.view(), scale)});
}

/// `rows` rows, each under a mask of its own.
struct Rows {
  Rows(const plm::GgufModel& gguf, const std::shared_ptr<const Pool>& pool, std::int64_t rows,
       std::int64_t selected)
      : leases(static_cast<std::size_t>(rows)),
        step(static_cast<std::size_t>(rows), 0),
        features(rows, gguf.info.hidden),
        logits(rows, gguf.info.vocab),
        out(rows, gguf.info.vocab) {
    std::mt19937 random(5);
    features = random_matrix(random, rows, gguf.info.hidden, 1);
    base_logits(gguf.head, features.view(), logits.view());
    const std::int64_t adapters = pool->info().adapters;
    for (Lease& lease : leases) {
      lease.name = "someone";
      lease.pool = pool;
      lease.mask.down = BitMask::from_indices(adapters, choose(random, selected, adapters));
      if (pool->info().algebra == Algebra::kSeparate) {
        lease.mask.up = BitMask::from_indices(adapters, choose(random, selected, adapters));
      }
      lease.mask_digest = lease.mask.digest();
      lease.schedule.lambda_max = 0.5;
      pointers.push_back(&lease);
    }
  }
  [[nodiscard]] Batch batch() const {
    return {features.view(), logits.view(), pointers, step, step, FeatureSite::kPostNorm};
  }
  std::vector<Lease> leases;
  std::vector<const Lease*> pointers;
  std::vector<std::int64_t> step;
  Matrix<float> features;
  Matrix<float> logits;
  Matrix<float> out;
};

/// One way to run a step, and what it was seen to cost.
struct Way {
  Strategy strategy;
  NumberType type;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Engine> forgetful{};  ///< keeps nothing: composes every time
  double making = 0;                    ///< of U
  std::vector<double> seconds{};
  std::vector<double> cold{};
  std::vector<std::vector<double>> parts{};

  [[nodiscard]] std::string name() const {
    std::string text(to_string(strategy));
    if (strategy == Strategy::kProjected) text += message("_", to_string(type));
    return text;
  }
};

class Bench {
 public:
  Bench(const std::string& path, std::int64_t threads, std::int64_t rounds)
      : gguf_(plm::read_gguf(path)), threads_(threads), rounds_(rounds) {
    costs_ = measure_costs(gguf_.info, gguf_.head, {.threads = threads});
  }

  Json run() {
    Json result;
    for (const CostField& field : cost_fields()) {
      result["costs"][std::string(field.name)] = costs_.*field.value;
    }
    for (const PoolShape& shape : kPools) {
      const auto pool = make_pool(gguf_.info, shape);
      std::vector<Way> ways = make_ways(shape);
      for (const std::int64_t rows : kRows) {
        for (const std::int64_t selected : shape.selected) {
          result["shapes"].push_back(measure(shape, pool, rows, selected, ways));
          std::cerr << shape.name << ", " << rows << " rows, k " << selected << "\n";
        }
      }
    }
    return result;
  }

 private:
  EngineOptions options(Strategy strategy, NumberType type, std::int64_t cache) const {
    EngineOptions made;
    made.strategy = strategy;
    made.projection = type;
    made.cache_bytes = cache;
    made.threads = threads_;
    made.costs = costs_;
    return made;
  }

  std::vector<Way> make_ways(const PoolShape& shape) const {
    std::vector<Way> ways;
    const auto add = [&](Strategy strategy, NumberType type) {
      Way& way = ways.emplace_back(Way{strategy, type, engine(strategy, type, kCache)});
      if (strategy == Strategy::kComposed) way.forgetful = engine(strategy, type, 0);
    };
    add(Strategy::kFactored, NumberType::kFloat32);
    add(Strategy::kComposed, NumberType::kFloat32);
    if (shape.algebra == Algebra::kMixture) {
      add(Strategy::kProjected, NumberType::kFloat32);
      add(Strategy::kProjected, NumberType::kInt8);
    }
    return ways;
  }

  std::unique_ptr<Engine> engine(Strategy strategy, NumberType type, std::int64_t cache) const {
    return std::make_unique<Engine>(gguf_.info, gguf_.head, options(strategy, type, cache));
  }

  Json measure(const PoolShape& shape, const std::shared_ptr<const Pool>& pool, std::int64_t rows,
               std::int64_t selected, std::vector<Way>& ways) {
    Rows batch(gguf_, pool, rows, selected);
    for (Way& way : ways) {
      way.seconds.clear();
      way.cold.clear();
      way.parts.clear();
    }
    for (std::int64_t round = -1; round < rounds_; ++round) {  // the first one fills the caches
      for (Way& way : ways) time_step(way, batch, round);
    }
    Json entry{{"pool", shape.name}, {"rows", rows}, {"k", selected}};
    for (const Way& way : ways) {
      Json& seen = entry["ways"][way.name()];
      seen["seconds"] = least(way.seconds);
      seen["once"] = way.strategy == Strategy::kComposed
                         ? std::max(0.0, least(way.cold) - least(way.seconds))
                         : way.making;
      for (std::size_t part = 0; part < way.parts.front().size(); ++part) {
        std::vector<double> values;
        for (const auto& sample : way.parts) values.push_back(sample[part]);
        seen["parts"].push_back(least(values));
      }
    }
    add_choices(entry, batch.leases.front(), rows);
    return entry;
  }

  static void time_step(Way& way, Rows& batch, std::int64_t round) {
    const auto start = std::chrono::steady_clock::now();
    way.engine->step(batch.batch(), batch.out.view());
    const double seconds = seconds_since(start);
    const StepSeconds parts = way.engine->step_seconds();
    if (round < 0) {
      if (way.strategy == Strategy::kProjected && way.making == 0) way.making = parts.compose;
      return;
    }
    way.seconds.push_back(seconds);
    way.parts.push_back({parts.compose, parts.apply, parts.project, parts.interpolate});
    if (!way.forgetful) return;
    const auto again = std::chrono::steady_clock::now();
    way.forgetful->step(batch.batch(), batch.out.view());
    way.cold.push_back(seconds_since(again));
  }

  /// What the planner takes for lives of several lengths, with each type of U.
  void add_choices(Json& entry, const Lease& lease, std::int64_t rows) const {
    for (const NumberType type : {NumberType::kFloat32, NumberType::kInt8}) {
      for (const std::int64_t steps : kSteps) {
        EngineOptions asked = options(Strategy::kAuto, type, kCache);
        asked.expected_rows_per_step = rows;
        asked.expected_masks_per_step = rows;
        asked.expected_rows = rows * steps;
        const Explanation found = explain(gguf_.info, asked, lease);
        Json choice{{"steps", steps}, {"type", to_string(type)}};
        for (const StrategyPlan& plan : found.plans) {
          if (!plan.refused.empty()) continue;
          std::string name(to_string(plan.strategy));
          if (plan.strategy == Strategy::kProjected) name += message("_", to_string(plan.type));
          choice["allowed"].push_back(name);
          if (&plan == &found.plans[found.chosen]) choice["chosen"] = name;
          choice["predicted"][name] = {plan.step.compose, plan.step.apply, plan.step.project,
                                       plan.step.interpolate};
        }
        entry["choices"].push_back(choice);
      }
    }
  }

  plm::GgufModel gguf_;
  std::int64_t threads_;
  std::int64_t rounds_;
  MachineCosts costs_;
};

}  // namespace
}  // namespace pema::bench

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: planner_bench MODEL.gguf THREADS ROUNDS\n";
    return 2;
  }
  try {
    pema::bench::Bench bench(argv[1], std::stoll(argv[2]), std::stoll(argv[3]));
    std::cout << bench.run().dump(2) << "\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
