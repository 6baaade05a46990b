#include "tools/experiment/evaluation.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>

#include "pema/error.h"
#include "tools/experiment/scoring.h"

namespace pema::tools {
namespace {

/// Passes on the wish to stop, swallows the reports: trainers count their own steps, here only
/// people count.
class StopOnly final : public Progress {
 public:
  explicit StopOnly(const Progress* outer) : outer_(outer) {}
  void report(std::string_view, std::int64_t, std::int64_t, std::string_view) override {}
  [[nodiscard]] bool stop_requested() const override {
    return outer_ != nullptr && outer_->stop_requested();
  }

 private:
  const Progress* outer_;
};

void enrol_timed(Workshop& shop, const Foundation& foundation, Method method,
                 const PersonMaterial& person, const MethodOptions& options,
                 Evaluation& evaluation) {
  const auto start = std::chrono::steady_clock::now();
  const bool made = enrol_method(shop, foundation, method, person, options);
  if (made && method == Method::kMasks) {
    evaluation.enrol_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    ++evaluation.enrolled;
  }
}

PersonScore score_person(Workshop& shop, const Foundation& foundation, const PersonMaterial& person,
                         std::span<const Method> methods, const MethodOptions& options,
                         Evaluation& evaluation) {
  PersonScore score;
  score.key = person.key;
  score.train_rows = person.train.rows();
  score.dev_rows = person.dev.rows();
  score.test_rows = person.test.rows();
  for (const Method method : methods) {
    enrol_timed(shop, foundation, method, person, options, evaluation);
  }
  const ScoredRows rows(person.test.view(), shop.head, shop.threads);
  for (const Method method : methods) {
    if (method == Method::kBase) {
      score.nll_sum[method] = rows.nll_sum(shop.engine, nullptr);
      continue;
    }
    const auto lease = shop.leases.acquire(profile_name(method, person.key, options.refit));
    score.nll_sum[method] = rows.nll_sum(shop.engine, lease.get());
    if (!lease->index.name.empty()) evaluation.indexes.insert(lease->index.name);
    if (!lease->index.trouble.empty()) evaluation.troubles.insert(lease->index.trouble);
    const bool chosen =
        score.nll_sum.contains(Method::kMasksMemory) && method != Method::kMasksMemory;
    if (!chosen) score.schedule = lease->schedule;
    if (method == Method::kMasks) {
      append_sources(evaluation.masks_sources, rows.sources(shop.engine, *lease));
    }
  }
  return score;
}

}  // namespace

std::int64_t Evaluation::test_rows() const {
  std::int64_t rows = 0;
  for (const PersonScore& person : people) rows += person.test_rows;
  return rows;
}

double Evaluation::nll(Method method) const {
  double sum = 0;
  for (const PersonScore& person : people) sum += person.nll_sum.at(method);
  return sum / static_cast<double>(test_rows());
}

double Evaluation::gaining_share(Method method) const {
  const auto gaining = std::count_if(people.begin(), people.end(), [&](const PersonScore& person) {
    return person.nll_sum.at(method) < person.nll_sum.at(Method::kBase);
  });
  return static_cast<double>(gaining) / static_cast<double>(people.size());
}

double worst_gain(const Evaluation& evaluation, Method method) {
  double worst = std::numeric_limits<double>::infinity();
  for (const PersonScore& person : evaluation.people) {
    const double gain = person.nll_sum.at(Method::kBase) - person.nll_sum.at(method);
    worst = std::min(worst, gain / static_cast<double>(person.test_rows));
  }
  return worst;
}

Interval gain_interval(const Evaluation& evaluation, Method method) {
  constexpr int kDraws = 2000;
  std::mt19937_64 random(1);
  std::vector<double> gains;
  gains.reserve(kDraws);
  for (int draw = 0; draw < kDraws; ++draw) {
    double gain = 0;
    double rows = 0;
    for (std::size_t i = 0; i < evaluation.people.size(); ++i) {
      const PersonScore& person = evaluation.people[random() % evaluation.people.size()];
      gain += person.nll_sum.at(Method::kBase) - person.nll_sum.at(method);
      rows += static_cast<double>(person.test_rows);
    }
    gains.push_back(gain / rows);
  }
  std::sort(gains.begin(), gains.end());
  return {gains[kDraws / 40], gains[kDraws - kDraws / 40 - 1]};
}

Evaluation evaluate(Workshop& shop, const Foundation& foundation,
                    std::span<const PersonMaterial* const> people, std::span<const Method> methods,
                    const MethodOptions& options) {
  PEMA_CHECK(!people.empty(), kInvalidArgument, "there is nobody to evaluate");
  Evaluation evaluation;
  evaluation.methods.assign(methods.begin(), methods.end());
  const auto total = static_cast<std::int64_t>(people.size());
  for (std::int64_t i = 0; i < total; ++i) {
    checkpoint(shop.progress, "enrol and test new people", i, total, "people");
    const PersonMaterial& person = *people[static_cast<std::size_t>(i)];
    PEMA_CHECK(person.test.rows() > 0, kInvalidArgument, "person '", person.key,
               "' has no test rows; give them more entries");
    StopOnly stop(shop.progress);
    Workshop quiet = shop;
    quiet.progress = &stop;
    evaluation.people.push_back(
        score_person(quiet, foundation, person, methods, options, evaluation));
  }
  checkpoint(shop.progress, "enrol and test new people", total, total, "people");
  return evaluation;
}

}  // namespace pema::tools
