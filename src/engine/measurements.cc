// The parts of the vocabulary's width: head, projections, passes over logits.
#include "src/engine/measurements.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/head_product.h"
#include "kernels/interpolate.h"
#include "kernels/weighted_sum.h"

namespace pema::engine {
namespace {

constexpr std::int64_t kRows = 64;  // of the largest batch that is measured

double real(std::int64_t value) { return static_cast<double>(value); }

Matrix<float> random_values(std::mt19937& random, std::int64_t rows, std::int64_t cols) {
  Matrix<float> values(rows, cols);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (float& value : values.view().row_span(0)) value = uniform(random);
  // The values do not matter, only that they are ordinary ones.
  for (std::int64_t r = 1; r < rows; ++r) std::copy_n(values.row(0), cols, values.row(r));
  return values;
}

}  // namespace

Measurements::Measurements(const ModelInfo& model, const Head& head, const MeasureOptions& options)
    : head_(head),
      d_(model.hidden),
      vocab_(model.vocab),
      adapters_(options.adapters),
      threads_(options.threads, options.executor),
      down_(random_values(random_, adapters_, d_)),
      up_(random_values(random_, adapters_, d_)),
      features_(random_values(random_, kRows, d_)),
      logits_(random_values(random_, kRows, vocab_)),
      personal_(random_values(random_, kRows, vocab_)),
      projection_(random_values(random_, adapters_, vocab_)),
      half_(adapters_, vocab_, NumberType::kFloat16),
      rounded_(adapters_, vocab_) {
  for (std::int64_t i = 0; i < adapters_; ++i) {
    half_.round(i, projection_.row(i));
    rounded_.quantise(i, projection_.row(i));
  }
  for (std::int64_t i = 0; i < kRows; ++i) masks_.push_back(draw(adapters_ * 3 / 10));
}

std::vector<Point> Measurements::points() {
  std::vector<Point> all;
  add_head(all);
  add_projected(all);
  add_pool(all);
  add_composed(all);
  add_passes(all);
  return all;
}

std::vector<std::int32_t> Measurements::draw(std::int64_t count) {
  std::vector<std::int32_t> chosen(static_cast<std::size_t>(adapters_));
  std::iota(chosen.begin(), chosen.end(), 0);
  std::shuffle(chosen.begin(), chosen.end(), random_);
  chosen.resize(static_cast<std::size_t>(count));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

std::vector<const float*> Measurements::inputs(std::int64_t rows) {
  std::vector<const float*> x;
  for (std::int64_t i = 0; i < rows; ++i) x.push_back(features_.row(i));
  return x;
}

std::vector<float*> Measurements::outputs(std::int64_t rows) {
  std::vector<float*> out;
  for (std::int64_t i = 0; i < rows; ++i) out.push_back(personal_.row(i));
  return out;
}

std::span<const float> Measurements::small_weights(std::size_t count) {
  if (weights_.size() < count) weights_.assign(count, 1e-6F);
  return {weights_.data(), count};
}

void Measurements::add_head(std::vector<Point>& all) {
  for (const std::int64_t rows : {1, 4, 16, 64}) {
    const double weights = real(vocab_) * real(d_);
    all.push_back({{&MachineCosts::head_read, &MachineCosts::head_add, &MachineCosts::parallel_run},
                   {weights, weights * real(rows), 1},
                   [this, rows] {
                     kernels::head_product(head_.weight.view(), inputs(rows), outputs(rows), true,
                                           threads_);
                   }});
  }
}

double Measurements::touched(std::int64_t rows) const {
  const double share = real(std::ssize(masks_.front())) / real(adapters_);
  return real(adapters_) * (1 - std::pow(1 - share, real(rows)));
}

void Measurements::add_projected(std::vector<Point>& all) {
  for (const std::int64_t rows : {1, 4, 32}) {
    const double added = real(rows * std::ssize(masks_.front())) * real(vocab_);
    const std::vector<double> amounts = {touched(rows) * real(vocab_), added, 1};
    all.push_back(
        {{&MachineCosts::float32_read, &MachineCosts::float32_add, &MachineCosts::parallel_run},
         amounts,
         [this, rows] { project_float32(rows); }});
    all.push_back({{&MachineCosts::half_read, &MachineCosts::half_add, &MachineCosts::parallel_run},
                   amounts,
                   [this, rows] { project_half(rows); }});
    all.push_back({{&MachineCosts::int8_read, &MachineCosts::int8_add, &MachineCosts::parallel_run},
                   amounts,
                   [this, rows] { project_int8(rows); }});
  }
  const std::int64_t rounded = std::min<std::int64_t>(64, adapters_);
  all.push_back({{&MachineCosts::quantise}, {real(rounded * vocab_)}, [this, rounded] {
                   threads_.run(rounded, 1, [this](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       rounded_.quantise(i, projection_.row(i));
                     }
                   });
                 }});
}

void Measurements::project_float32(std::int64_t rows) {
  std::vector<std::vector<const float*>> chosen(static_cast<std::size_t>(rows));
  std::vector<kernels::WeightedRows> sums;
  for (std::int64_t i = 0; i < rows; ++i) {
    std::vector<const float*>& pointers = chosen[static_cast<std::size_t>(i)];
    for (const std::int32_t row : next_mask()) pointers.push_back(projection_.row(row));
    sums.push_back({pointers, small_weights(pointers.size()), personal_.row(i)});
  }
  kernels::add_weighted_rows(sums, vocab_, threads_);
}

void Measurements::project_half(std::int64_t rows) {
  std::vector<kernels::HalfSum> sums;
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::vector<std::int32_t>& mask = next_mask();
    sums.push_back({mask, small_weights(mask.size()), personal_.row(i)});
  }
  kernels::add_weighted_rows(half_, sums, threads_);
}

void Measurements::project_int8(std::int64_t rows) {
  std::vector<kernels::Int8Sum> sums;
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::vector<std::int32_t>& mask = next_mask();
    sums.push_back({mask, small_weights(mask.size()), personal_.row(i)});
  }
  kernels::add_int8_rows(rounded_, sums, threads_);
}

void Measurements::add_passes(std::vector<Point>& all) {
  const std::int64_t rows = std::min(kRows, 2 * threads_.threads());
  all.push_back({{&MachineCosts::interpolate_word, &MachineCosts::parallel_run},
                 {real(vocab_) * real((rows + threads_.threads() - 1) / threads_.threads()), 1},
                 [this, rows] {
                   std::vector<kernels::MixtureRow> mixed;
                   for (std::int64_t i = 0; i < rows; ++i) {
                     mixed.push_back({logits_.row(i), projection_.row(i), 0.5, 0.5, {}});
                   }
                   kernels::interpolate(mixed, vocab_, outputs(rows), threads_);
                 }});
  all.push_back({{&MachineCosts::copy_logit}, {real(kRows * vocab_)}, [this] {
                   for (std::int64_t i = 0; i < kRows; ++i) {
                     std::copy_n(logits_.row(i), vocab_, personal_.row(i));
                   }
                 }});
  constexpr std::int64_t kRuns = 32;
  all.push_back({{&MachineCosts::parallel_run}, {real(kRuns)}, [this] {
                   for (std::int64_t i = 0; i < kRuns; ++i) {
                     threads_.run(threads_.threads(), 1, [](std::int64_t, std::int64_t) {});
                   }
                 }});
}

}  // namespace pema::engine
