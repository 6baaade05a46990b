/// A tiny base model and samples whose targets follow a known personal distribution.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "pema/train/trainer.h"

namespace pema::test {

constexpr std::int64_t kHidden = 12;
constexpr std::int64_t kVocab = 48;

/// Standard normal values [rows, cols] times `deviation`.
[[nodiscard]] inline Matrix<float> normal_matrix(std::int64_t rows, std::int64_t cols,
                                                 double deviation, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal(0.0, deviation);
  Matrix<float> result(rows, cols);
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    result.data()[i] = static_cast<float>(normal(engine));
  }
  return result;
}

/// A base model with a random head [kVocab, kHidden].
struct TinyModel {
  ModelInfo info;
  Head head;

  TinyModel() {
    info.fingerprint = sha256("tiny");
    info.name = "tiny";
    info.hidden = kHidden;
    info.vocab = kVocab;
    head.weight = normal_matrix(kVocab, kHidden, 0.6, 1);
    head.norm_weight.assign(kHidden, 1.25F);
    head.layer_norm_weight.assign(kHidden, 0.75F);
    head.norm_eps = 1e-5F;
  }
  [[nodiscard]] train::Base base(train::BaseScores* scores = nullptr) const {
    return {&info, &head, FeatureSite::kPostNorm, scores};
  }
};

/// `count` adapters of rank r, A of deviation 1/sqrt(d), B of `strength`, scale 1.
[[nodiscard]] inline std::shared_ptr<const AdapterBlock> normal_block(std::int64_t count,
                                                                      std::int64_t rank,
                                                                      double strength,
                                                                      std::uint64_t seed) {
  const Matrix<float> down = normal_matrix(count * rank, kHidden, 1.0 / std::sqrt(kHidden), seed);
  const Matrix<float> up = normal_matrix(count * rank, kHidden, strength, seed + 1);
  const std::vector<float> scale(static_cast<std::size_t>(count), 1.0F);
  return AdapterBlock::make(count, rank, down.view(), up.view(), scale);
}

/// x + sum_i m[i] s_i B_i A_i x, in place and in float64; all adapters when `mask` is null.
inline void add_delta(const AdapterBlock& block, const BitMask* mask, const float* x,
                      std::vector<double>& y) {
  const AdapterBlockView& view = block.view();
  for (std::int64_t i = 0; i < view.count; ++i) {
    if (mask != nullptr && !mask->test(i)) continue;
    for (std::int64_t r = i * view.rank; r < (i + 1) * view.rank; ++r) {
      double z = 0;
      for (std::int64_t k = 0; k < view.down.cols; ++k) {
        z += static_cast<double>(view.down.at(r, k)) * static_cast<double>(x[k]);
      }
      z *= static_cast<double>(view.scale[static_cast<std::size_t>(i)]);
      for (std::int64_t k = 0; k < view.up.cols; ++k) {
        y[static_cast<std::size_t>(k)] += z * static_cast<double>(view.up.at(r, k));
      }
    }
  }
}

/// softmax(W y) in float64.
[[nodiscard]] inline std::vector<double> word_probabilities(const Head& head,
                                                            const std::vector<double>& y) {
  std::vector<double> p(static_cast<std::size_t>(head.weight.rows()));
  double sum = 0;
  for (std::size_t w = 0; w < p.size(); ++w) {
    double logit = 0;
    for (std::size_t k = 0; k < y.size(); ++k) {
      logit += y[k] * static_cast<double>(head.weight.row(static_cast<std::int64_t>(w))[k]);
    }
    p[w] = std::exp(logit);
    sum += p[w];
  }
  for (double& value : p) value /= sum;
  return p;
}

/// One document of `rows` rows with normal features, targets drawn from softmax(W (x + delta(x))).
[[nodiscard]] inline SampleSet planted_samples(const TinyModel& model, const AdapterBlock* block,
                                               const BitMask* mask, std::int64_t rows,
                                               std::uint64_t seed) {
  Matrix<float> features = normal_matrix(rows, kHidden, 1.0, seed);
  std::mt19937_64 engine(seed + 7);
  std::vector<std::int32_t> targets;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<double> y(features.row(row), features.row(row) + kHidden);
    if (block != nullptr) add_delta(*block, mask, features.row(row), y);
    const std::vector<double> p = word_probabilities(model.head, y);
    targets.push_back(std::discrete_distribution<std::int32_t>(p.begin(), p.end())(engine));
  }
  return SampleSet(std::move(features), std::move(targets), {0, rows}, {3});
}

/// Mean NLL of the samples under softmax(W (x + delta_0(x) + delta(x))), full vocabulary, float64.
[[nodiscard]] inline double residual_nll(const TinyModel& model, const SampleSet& samples,
                                         const AdapterBlock* shared,
                                         const AdapterBlock* block = nullptr,
                                         const BitMask* mask = nullptr) {
  const Samples view = samples.view();
  double total = 0;
  for (std::int64_t row = 0; row < view.rows(); ++row) {
    const float* x = view.features.row(row);
    std::vector<double> y(x, x + kHidden);
    if (shared != nullptr) add_delta(*shared, nullptr, x, y);
    if (block != nullptr) add_delta(*block, mask, x, y);
    const std::vector<double> p = word_probabilities(model.head, y);
    total -= std::log(p[static_cast<std::size_t>(view.targets[static_cast<std::size_t>(row)])]);
  }
  return total / static_cast<double>(view.rows());
}

/// A small, quick recipe.
[[nodiscard]] inline train::OptimiserOptions quick(std::int64_t epochs, double rate) {
  train::OptimiserOptions options;
  options.epochs = epochs;
  options.batch = 64;
  options.learning_rate = rate;
  options.input_dropout = 0.0;
  options.vocabulary = 0;
  return options;
}

/// Asks to stop once it has heard `patience` reports.
class Impatient : public Progress {
 public:
  explicit Impatient(std::int64_t patience) : left_(patience) {}
  void report(std::string_view, std::int64_t, std::int64_t, std::string_view) override { --left_; }
  [[nodiscard]] bool stop_requested() const override { return left_ < 0; }

 private:
  std::int64_t left_;
};

}  // namespace pema::test
