#include "kernels/interpolate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "pema/error.h"

namespace pema::kernels {
namespace {

/// Throws unless the logits make a distribution. `exponentials` as in logit_sums.
MixSource dense_source(const float* logits, double weight, std::int64_t vocab, float* exponentials,
                       const char* name, std::size_t row) {
  MixSource source;
  if (weight <= 0.0) return source;
  PEMA_CHECK(logits != nullptr, kInvalidArgument, "interpolate: row ", row, " has no ", name,
             " logits but gives them weight");
  const LogitSums sums = logit_sums({logits, static_cast<std::size_t>(vocab)}, exponentials);
  PEMA_CHECK(std::isfinite(sums.maximum) && std::isfinite(sums.sum), kInvalidArgument,
             "interpolate: the ", name, " logits of row ", row,
             " hold NaN, +inf or nothing but -inf");
  source.logits = logits;
  source.exponentials = exponentials;
  source.maximum = sums.maximum;
  source.share = static_cast<float>(weight / sums.sum);
  source.log_share = static_cast<float>(std::log(weight) - std::log(sums.sum));
  return source;
}

/// `scratch` [2 V] takes the exponentials when both sources are on; null: they are not kept.
DenseMix dense_part(const MixtureRow& row, std::int64_t vocab, float* scratch, std::size_t index) {
  float* const kept = row.base_weight > 0.0 && row.personal_weight > 0.0 ? scratch : nullptr;
  return {dense_source(row.base, row.base_weight, vocab, kept, "base", index),
          dense_source(row.personal, row.personal_weight, vocab,
                       kept == nullptr ? nullptr : kept + vocab, "personal", index)};
}

/// [size] floats of this thread, kept for its next call: fresh pages would cost as much as the
/// mixing.
float* scratch_of_thread(std::int64_t size) {
  thread_local std::vector<float> scratch;
  if (std::ssize(scratch) < size) scratch.resize(static_cast<std::size_t>(size));
  return scratch.data();
}

/// log(exp(dense) + mass).
float add_mass(float dense, double mass) {
  if (mass <= 0.0) return dense;
  const double a = static_cast<double>(dense);
  const double b = std::log(mass);
  const double high = std::max(a, b);
  return static_cast<float>(high + std::log1p(std::exp(std::min(a, b) - high)));
}

void check_lengths(std::size_t rows, std::size_t out) {
  PEMA_CHECK(rows == out, kInvalidArgument, "interpolate: ", rows, " rows but room for ", out);
}

}  // namespace

void interpolate(std::span<const MixtureRow> rows, std::int64_t vocab, std::span<float* const> out,
                 ThreadPool& pool) {
  check_lengths(rows.size(), out.size());
  pool.run(static_cast<std::int64_t>(rows.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    float* const scratch = scratch_of_thread(2 * vocab);
    for (auto b = static_cast<std::size_t>(begin); b < static_cast<std::size_t>(end); ++b) {
      mix_dense(dense_part(rows[b], vocab, scratch, b), vocab, out[b]);
      for (const WordMass& word : rows[b].recalled) {
        out[b][word.token] = add_mass(out[b][word.token], word.mass);
      }
    }
  });
}

void interpolate_targets(std::span<const MixtureRow> rows, std::int64_t vocab,
                         std::span<const std::int64_t> targets, std::span<double> out,
                         ThreadPool& pool) {
  check_lengths(rows.size(), out.size());
  check_lengths(rows.size(), targets.size());
  pool.run(static_cast<std::int64_t>(rows.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto b = static_cast<std::size_t>(begin); b < static_cast<std::size_t>(end); ++b) {
      DenseMix mix = dense_part(rows[b], vocab, nullptr, b);
      if (mix.base.logits != nullptr) mix.base.logits += targets[b];
      if (mix.personal.logits != nullptr) mix.personal.logits += targets[b];
      float value = 0.0F;
      mix_dense(mix, 1, &value);
      const auto& words = rows[b].recalled;
      const auto found = std::lower_bound(
          words.begin(), words.end(), targets[b],
          [](const WordMass& word, std::int64_t target) { return word.token < target; });
      if (found != words.end() && found->token == targets[b]) value = add_mass(value, found->mass);
      out[b] = static_cast<double>(value);
    }
  });
}

}  // namespace pema::kernels
