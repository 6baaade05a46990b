#include "kernels/interpolate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pema/error.h"

namespace pema::kernels {
namespace {

LogitSums checked_sums(const float* logits, std::int64_t vocab, const char* source,
                       std::size_t row) {
  PEMA_CHECK(logits != nullptr, kInvalidArgument, "interpolate: row ", row, " has no ", source,
             " logits but gives them weight");
  const LogitSums sums = logit_sums({logits, static_cast<std::size_t>(vocab)});
  PEMA_CHECK(std::isfinite(sums.maximum) && std::isfinite(sums.sum), kInvalidArgument,
             "interpolate: the ", source, " logits of row ", row,
             " hold NaN, +inf or nothing but -inf");
  return sums;
}

DenseMix dense_part(const MixtureRow& row, std::int64_t vocab, std::size_t index) {
  DenseMix mix;
  if (row.base_weight > 0.0) {
    const LogitSums sums = checked_sums(row.base, vocab, "base", index);
    mix.base = row.base;
    mix.base_max = sums.maximum;
    mix.base_log = static_cast<float>(std::log(row.base_weight) - std::log(sums.sum));
  }
  if (row.personal_weight > 0.0) {
    const LogitSums sums = checked_sums(row.personal, vocab, "personal", index);
    mix.personal = row.personal;
    mix.personal_max = sums.maximum;
    mix.personal_log = static_cast<float>(std::log(row.personal_weight) - std::log(sums.sum));
  }
  return mix;
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
    for (auto b = static_cast<std::size_t>(begin); b < static_cast<std::size_t>(end); ++b) {
      mix_dense(dense_part(rows[b], vocab, b), vocab, out[b]);
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
      DenseMix mix = dense_part(rows[b], vocab, b);
      if (mix.base != nullptr) mix.base += targets[b];
      if (mix.personal != nullptr) mix.personal += targets[b];
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
