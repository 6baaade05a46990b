/// Scores new people under every method and sums up.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "pema/schedule.h"
#include "pema/train/tune.h"
#include "tools/experiment/methods.h"

namespace pema::tools {

struct PersonScore {
  std::string key;
  std::int64_t train_rows = 0;
  std::int64_t dev_rows = 0;
  std::int64_t test_rows = 0;
  std::map<Method, double> nll_sum;  ///< over the person's test rows, nats
  LambdaSchedule schedule;  ///< of masks_memory when it was scored, else of the last method
};

struct Evaluation {
  std::vector<PersonScore> people;
  std::vector<Method> methods;
  /// What model and adapters of `masks` give every test target: for the curve over lambda. Empty
  /// when masks was not scored.
  train::TargetProbabilities masks_sources;
  std::set<std::string> indexes;   ///< through which memories were searched
  std::set<std::string> troubles;  ///< why some were not (LeaseIndex::trouble)
  double enrol_seconds = 0;        ///< spent enrolling under `masks` now
  std::int64_t enrolled = 0;       ///< people newly enrolled under `masks`

  [[nodiscard]] std::int64_t test_rows() const;
  /// Mean NLL per test token over all people, nats.
  [[nodiscard]] double nll(Method method) const;
  /// Share of people whose NLL under `method` is below the base model's.
  [[nodiscard]] double gaining_share(Method method) const;
};

/// Gain of the person who gains least, nats per token; negative when somebody loses.
[[nodiscard]] double worst_gain(const Evaluation& evaluation, Method method);

/// 95 % interval of the gain over the base model, by 2,000 seeded bootstrap draws of people.
struct Interval {
  double low = 0;
  double high = 0;
};
[[nodiscard]] Interval gain_interval(const Evaluation& evaluation, Method method);

/// Enrols each new person under each method (from train rows, lambdas from dev rows) where the
/// store lacks the profile, then scores the test rows. Throws kInterrupted between people; profiles
/// already stored are found by the next run.
[[nodiscard]] Evaluation evaluate(Workshop& shop, const Foundation& foundation,
                                  std::span<const PersonMaterial* const> people,
                                  std::span<const Method> methods, const MethodOptions& options);

}  // namespace pema::tools
