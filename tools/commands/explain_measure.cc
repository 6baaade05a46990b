#include "tools/commands/explain_measure.h"

#include <algorithm>
#include <array>
#include <memory>
#include <random>

namespace pema::tools {
namespace {

constexpr std::array kParts = {&StepSeconds::compose, &StepSeconds::apply, &StepSeconds::project,
                               &StepSeconds::interpolate};

/// Another mask with as many adapters on each side, or the same weights in another order.
ProfileMask shuffled(const ProfileMask& mask, std::mt19937& random) {
  ProfileMask other = mask;
  const auto draw = [&](BitMask& bits, std::vector<float>& weights) {
    std::shuffle(weights.begin(), weights.end(), random);
    std::vector<std::int64_t> all(static_cast<std::size_t>(bits.size()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
    std::shuffle(all.begin(), all.end(), random);
    all.resize(static_cast<std::size_t>(bits.popcount()));
    std::sort(all.begin(), all.end());
    bits = BitMask::from_indices(bits.size(), all);
  };
  draw(other.down, other.down_weights);
  draw(other.up, other.up_weights);
  return other;
}

/// The rows that all plans run on.
class Rows {
 public:
  Rows(const ModelInfo& model, const Head& head, const EngineOptions& options, const Lease& lease,
       const MeasuredBatch& batch)
      : leases_(static_cast<std::size_t>(batch.masks), lease),
        step_(static_cast<std::size_t>(batch.rows), 0),
        features_(batch.rows, model.hidden),
        logits_(batch.rows, model.vocab),
        out_(batch.rows, model.vocab),
        site_(lease.pool->info().site) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      for (float& value : features_.view().row_span(row)) value = normal(random);
    }
    base_logits(head, features_.view(), logits_.view(), options.threads);
    for (std::size_t i = 1; i < leases_.size(); ++i) {
      leases_[i].mask = shuffled(lease.mask, random);
      leases_[i].mask_digest = leases_[i].mask.digest();
    }
    for (std::size_t row = 0; row < step_.size(); ++row) {
      pointers_.push_back(&leases_[row % leases_.size()]);
    }
  }

  [[nodiscard]] StepSeconds run(Engine& engine) {
    engine.step({features_.view(), logits_.view(), pointers_, step_, step_, site_}, out_.view());
    return engine.step_seconds();
  }

 private:
  std::vector<Lease> leases_;
  std::vector<const Lease*> pointers_;
  std::vector<std::int64_t> step_;
  Matrix<float> features_;
  Matrix<float> logits_;
  Matrix<float> out_;
  FeatureSite site_;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// A plan's engine and the steps that it ran; the first one finds empty caches.
struct Run {
  std::unique_ptr<Engine> engine;
  std::vector<StepSeconds> steps{};

  [[nodiscard]] MeasuredPlan result() const {
    MeasuredPlan plan;
    for (double StepSeconds::*const part : kParts) {
      std::vector<double> values;
      for (std::size_t i = 1; i < steps.size(); ++i) values.push_back(steps[i].*part);
      plan.step.*part = median(std::move(values));
    }
    plan.once = std::max(0.0, steps.front().compose - plan.step.compose);
    return plan;
  }
};

}  // namespace

std::vector<std::optional<MeasuredPlan>> measure_plans(
    const ModelInfo& model, const Head& head, const EngineOptions& options, const Lease& lease,
    const std::vector<StrategyPlan>& plans, const MeasuredBatch& batch, Progress* progress) {
  Rows rows(model, head, options, lease, batch);
  std::vector<Run> runs(plans.size());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!plans[i].runs) continue;
    EngineOptions own = options;
    own.strategy = plans[i].strategy;
    own.projection = plans[i].type;
    runs[i].engine = std::make_unique<Engine>(model, head, own);
  }
  for (std::int64_t round = 0; round <= batch.rounds; ++round) {
    checkpoint(progress, "measuring", round, batch.rounds, "steps");
    for (Run& run : runs) {
      if (run.engine) run.steps.push_back(rows.run(*run.engine));
    }
  }
  std::vector<std::optional<MeasuredPlan>> measured(plans.size());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (runs[i].engine) measured[i] = runs[i].result();
  }
  return measured;
}

}  // namespace pema::tools
