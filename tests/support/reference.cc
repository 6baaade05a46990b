#include "tests/support/reference.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace pema::test {
namespace {

using Vector = std::vector<double>;

/// sum_k A_i[p][k] x[k] for every p.
Vector down_product(const AdapterBlockView& block, std::int64_t i, std::span<const float> x) {
  Vector z(static_cast<std::size_t>(block.rank));
  for (std::int64_t p = 0; p < block.rank; ++p) {
    for (std::size_t k = 0; k < x.size(); ++k) {
      z[static_cast<std::size_t>(p)] +=
          static_cast<double>(block.down.at(i * block.rank + p, static_cast<std::int64_t>(k))) *
          static_cast<double>(x[k]);
    }
  }
  return z;
}

/// delta += factor * B_i z.
void add_up(const AdapterBlockView& block, std::int64_t i, double factor, const Vector& z,
            Vector& delta) {
  for (std::int64_t p = 0; p < block.rank; ++p) {
    for (std::size_t k = 0; k < delta.size(); ++k) {
      delta[k] +=
          factor * z[static_cast<std::size_t>(p)] *
          static_cast<double>(block.up.at(i * block.rank + p, static_cast<std::int64_t>(k)));
    }
  }
}

double scale_of(const AdapterBlockView& block, std::int64_t i) {
  return static_cast<double>(block.scale[static_cast<std::size_t>(i)]);
}

/// Calls use(block, index in block, down weight, up weight) for every adapter of the mask.
template <typename Use>
void for_each_adapter(const Lease& lease, const Use& use) {
  std::int64_t number = 0;
  for (const auto& block : lease.pool->blocks()) {
    for (std::int64_t i = 0; i < block->view().count; ++i, ++number) {
      if (number >= lease.mask.size()) return;
      use(block->view(), i, static_cast<double>(lease.mask.weight(number, false)),
          static_cast<double>(lease.mask.weight(number, true)));
    }
  }
}

Vector head_times(const Head& head, const Vector& h) {
  Vector logits(static_cast<std::size_t>(head.weight.rows()));
  for (std::size_t v = 0; v < logits.size(); ++v) {
    for (std::size_t k = 0; k < h.size(); ++k) {
      logits[v] += static_cast<double>(head.weight.row(static_cast<std::int64_t>(v))[k]) * h[k];
    }
  }
  return logits;
}

Vector normed(const Vector& h, std::span<const float> gain, double eps) {
  double squares = 0;
  for (const double value : h) squares += value * value;
  const double scale = 1.0 / std::sqrt(squares / static_cast<double>(h.size()) + eps);
  Vector out(h.size());
  for (std::size_t k = 0; k < h.size(); ++k) out[k] = h[k] * scale * static_cast<double>(gain[k]);
  return out;
}

Vector personal_logits(const Head& head, const Lease& lease, std::span<const float> x,
                       std::span<const float> logits) {
  Vector delta = reference_delta(lease, x);
  if (const AdapterBlock* shared = lease.pool->shared()) {
    for (std::int64_t i = 0; i < shared->view().count; ++i) {
      add_up(shared->view(), i, scale_of(shared->view(), i), down_product(shared->view(), i, x),
             delta);
    }
  }
  const PoolInfo& info = lease.pool->info();
  const double eps = static_cast<double>(head.norm_eps);
  if (info.form == Form::kDistribution) {
    if (info.norm == HeadNorm::kDecoderFinal) delta = normed(delta, head.norm_weight, eps);
    if (info.norm == HeadNorm::kLayerFinal) delta = normed(delta, head.layer_norm_weight, eps);
    return head_times(head, delta);
  }
  Vector result = head_times(head, delta);
  for (std::size_t v = 0; v < result.size(); ++v) result[v] += static_cast<double>(logits[v]);
  return result;
}

/// P_mem over `segments` [V], and what a gate sees of it.
struct Recalled {
  Vector p;
  double nearest = 0;
  double mean = 0;
  double agreement = 0;
};

Recalled reference_recall(const Head& head, FeatureSite site,
                          const std::vector<std::shared_ptr<const Segment>>& segments,
                          std::int64_t neighbours, double temperature, std::span<const float> x) {
  Recalled recalled{Vector(static_cast<std::size_t>(head.weight.rows()))};
  Vector key(x.begin(), x.end());
  double squares = 0;
  for (std::size_t k = 0; k < key.size(); ++k) {
    if (site == FeatureSite::kPostNorm) key[k] /= static_cast<double>(head.norm_weight[k]);
    squares += key[k] * key[k];
  }
  for (double& value : key) value /= std::sqrt(squares);
  std::vector<std::pair<double, std::int32_t>> found;
  for (const auto& segment : segments) {
    std::vector<float> stored(key.size());
    for (std::int64_t i = 0; i < segment->info().entries; ++i) {
      segment->decode(i, stored);
      double distance = 0;
      for (std::size_t k = 0; k < key.size(); ++k) {
        const double gap = key[k] - static_cast<double>(stored[k]);
        distance += gap * gap;
      }
      found.emplace_back(distance, segment->tokens()[static_cast<std::size_t>(i)]);
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  found.resize(std::min(found.size(), static_cast<std::size_t>(neighbours)));
  double sum = 0;
  for (const auto& [distance, token] : found) {
    sum += std::exp((found[0].first - distance) / temperature);
  }
  if (found.empty()) return recalled;
  recalled.nearest = found[0].first;
  for (const auto& [distance, token] : found) {
    recalled.mean += distance / static_cast<double>(found.size());
    recalled.p[static_cast<std::size_t>(token)] +=
        std::exp((found[0].first - distance) / temperature) / sum;
  }
  recalled.agreement = *std::max_element(recalled.p.begin(), recalled.p.end());
  return recalled;
}

bool visible(const std::vector<std::shared_ptr<const Segment>>& segments) {
  return std::any_of(segments.begin(), segments.end(),
                     [](const auto& segment) { return segment->info().entries > 0; });
}

}  // namespace

std::vector<double> reference_delta(const Lease& lease, std::span<const float> x) {
  const PoolInfo& info = lease.pool->info();
  Vector delta(x.size());
  if (info.algebra == Algebra::kMixture) {
    for_each_adapter(lease, [&](const auto& block, std::int64_t i, double weight, double) {
      add_up(block, i, weight * scale_of(block, i), down_product(block, i, x), delta);
    });
    return delta;
  }
  Vector z(static_cast<std::size_t>(info.rank));  // A^ x
  for_each_adapter(lease, [&](const auto& block, std::int64_t i, double down, double) {
    const Vector product = down_product(block, i, x);
    for (std::size_t p = 0; p < z.size(); ++p) z[p] += info.mask_scale * down * product[p];
  });
  for_each_adapter(lease, [&](const auto& block, std::int64_t i, double, double up) {
    add_up(block, i, info.mask_scale * up * scale_of(block, i), z, delta);
  });
  return delta;
}

std::vector<double> reference_log_softmax(std::span<const double> logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double value : logits) sum += std::exp(value - highest);
  Vector out;
  for (const double value : logits) out.push_back(value - highest - std::log(sum));
  return out;
}

std::vector<double> reference_row(const Head& head, const Batch& batch, std::int64_t row) {
  const std::span<const float> logits = batch.logits.row_span(row);
  const std::span<const float> x = batch.features.row_span(row);
  const Vector base = reference_log_softmax(Vector(logits.begin(), logits.end()));
  const Lease* lease = batch.leases[static_cast<std::size_t>(row)];
  if (lease == nullptr) return base;
  const LambdaSchedule& schedule = lease->schedule;
  const bool has_own = visible(lease->own) && (lease->gate || schedule.lambda_own > 0);
  const bool has_shared = visible(lease->shared) && (lease->gate || schedule.lambda_shared > 0);
  const bool adapters =
      lease->pool != nullptr && (lease->pool->shared() != nullptr || !lease->mask.none());
  const bool has_personal = adapters && schedule.lambda_max > 0;
  Vector personal = base;
  if (adapters) personal = reference_log_softmax(personal_logits(head, *lease, x, logits));
  const bool gated = lease->gate != nullptr;
  const std::int64_t k = gated ? lease->gate->recall().neighbours : schedule.neighbours;
  const double temperature = gated ? lease->gate->recall().temperature : schedule.temperature;
  Recalled own{Vector(base.size())};
  Recalled shared{Vector(base.size())};
  if (has_own) own = reference_recall(head, batch.site, lease->own, k, temperature, x);
  if (has_shared) shared = reference_recall(head, batch.site, lease->shared, k, temperature, x);
  // Weights of model, personal, shared, own.
  std::array<double, 4> g{};
  if (gated) {
    std::int64_t exact = 0;
    std::int64_t coded = 0;
    for (const auto& segment : lease->own) {
      (segment->info().parts > 0 ? coded : exact) += segment->info().entries;
    }
    const std::size_t memory = coded > exact ? 4 : 2;
    const auto& weights = lease->gate->weights()[(has_own ? memory : 0U) + (has_shared ? 1U : 0U)];
    const double values[] = {own.nearest,
                             has_own ? std::log(own.nearest + 0.01) : 0.0,
                             own.mean,
                             own.agreement,
                             shared.nearest,
                             has_shared ? std::log(shared.nearest + 0.01) : 0.0,
                             shared.mean,
                             shared.agreement,
                             1.0};
    const bool present[] = {true, has_personal, has_shared, has_own};
    double sum = 0;
    for (std::size_t s = 0; s < 4; ++s) {
      double score = 0;
      for (std::size_t i = 0; i < 9; ++i) score += static_cast<double>(weights[s][i]) * values[i];
      g[s] = present[s] ? std::exp(score) : 0.0;
      sum += g[s];
    }
    for (double& weight : g) weight /= sum;
  } else {
    const double lambda = has_personal
                              ? schedule.at(batch.step[static_cast<std::size_t>(row)],
                                            batch.source_length[static_cast<std::size_t>(row)])
                              : 0.0;
    g[3] = has_own ? schedule.lambda_own : 0.0;
    g[2] = has_shared ? schedule.lambda_shared : 0.0;
    g[1] = (1.0 - g[2] - g[3]) * lambda;
    g[0] = (1.0 - g[2] - g[3]) * (1.0 - lambda);
  }
  Vector p(base.size());
  for (std::size_t v = 0; v < p.size(); ++v) {
    p[v] = std::log(g[0] * std::exp(base[v]) + g[1] * std::exp(personal[v]) + g[2] * shared.p[v] +
                    g[3] * own.p[v]);
  }
  return p;
}

}  // namespace pema::test
