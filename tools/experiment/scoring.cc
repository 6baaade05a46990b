#include "tools/experiment/scoring.h"

#include <cmath>
#include <numeric>

#include "kernels/interpolate.h"

namespace pema::tools {
namespace {

/// `lease` with one source left: weight 1 on it, 0 on the others.
Lease only(const Lease& lease, double pema, double own, double shared) {
  Lease copy = lease;
  copy.gate = nullptr;
  copy.schedule.curve = LambdaCurve::kConstant;
  copy.schedule.lambda_max = pema;
  copy.schedule.lambda_own = own;
  copy.schedule.lambda_shared = shared;
  return copy;
}

std::vector<float> probabilities(const std::vector<double>& logs) {
  std::vector<float> values(logs.size());
  for (std::size_t i = 0; i < logs.size(); ++i) {
    values[i] = std::min(1.0F, static_cast<float>(std::exp(logs[i])));
  }
  return values;
}

}  // namespace

ScoredRows::ScoredRows(const Samples& rows, const Head& head, std::int64_t threads)
    : rows_(rows), logits_(rows.rows(), head.weight.rows()) {
  base_logits(head, rows.features, logits_.view(), threads);
  targets_.assign(rows.targets.begin(), rows.targets.end());
  step_.resize(static_cast<std::size_t>(rows.rows()));
  source_length_.resize(step_.size());
  for (std::int64_t document = 0; document < rows.documents(); ++document) {
    const auto d = static_cast<std::size_t>(document);
    for (std::int64_t row = rows.document_start[d]; row < rows.document_start[d + 1]; ++row) {
      step_[static_cast<std::size_t>(row)] = row - rows.document_start[d];
      source_length_[static_cast<std::size_t>(row)] = rows.prompt_length[d];
    }
  }
}

std::vector<double> ScoredRows::log_probabilities(Engine& engine, const Lease* lease) const {
  if (rows_.rows() == 0) return {};
  const std::vector<const Lease*> leases(step_.size(), lease);
  Batch batch;
  batch.features = rows_.features;
  batch.logits = logits_.view();
  batch.leases = leases;
  batch.step = step_;
  batch.source_length = source_length_;
  return engine.target_log_probabilities(batch, targets_);
}

double ScoredRows::nll_sum(Engine& engine, const Lease* lease) const {
  const std::vector<double> logs = log_probabilities(engine, lease);
  return -std::accumulate(logs.begin(), logs.end(), 0.0);
}

std::int64_t ScoredRows::surer_than(double probability) const {
  std::int64_t count = 0;
  for (std::int64_t row = 0; row < rows(); ++row) {
    count += 1.0 / kernels::logit_sums(logits_.view().row_span(row)).sum > probability ? 1 : 0;
  }
  return count;
}

train::TargetProbabilities ScoredRows::sources(Engine& engine, const Lease& lease) const {
  train::TargetProbabilities found;
  found.lm = probabilities(log_probabilities(engine, nullptr));
  if (lease.pool != nullptr) {
    const Lease pema = only(lease, 1.0, 0.0, 0.0);
    if (!pema.inert()) found.pema = probabilities(log_probabilities(engine, &pema));
  }
  if (!lease.own.empty()) {
    const Lease own = only(lease, 0.0, 1.0, 0.0);
    found.own = probabilities(log_probabilities(engine, &own));
  }
  if (!lease.shared.empty()) {
    const Lease shared = only(lease, 0.0, 0.0, 1.0);
    found.shared = probabilities(log_probabilities(engine, &shared));
  }
  found.step = step_;
  found.source_length = source_length_;
  return found;
}

void append_sources(train::TargetProbabilities& all, const train::TargetProbabilities& one) {
  all.lm.insert(all.lm.end(), one.lm.begin(), one.lm.end());
  all.pema.insert(all.pema.end(), one.pema.begin(), one.pema.end());
  all.step.insert(all.step.end(), one.step.begin(), one.step.end());
  all.source_length.insert(all.source_length.end(), one.source_length.begin(),
                           one.source_length.end());
}

}  // namespace pema::tools
