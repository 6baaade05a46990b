#include "bench/decode/neglect.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/shortlist.h"
#include "pema/plm/openmp.h"
#include "tools/sampler.h"

namespace pema::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMasses[] = {1e-1, 3e-2, 1e-2, 1e-3, 1e-4};

/// One setting, beside the exact engine.
struct Setting {
  double mass = 0;
  Engine engine;
  std::vector<double> difference;  // of the said tokens
  std::vector<double> divergence;
  std::vector<double> words;
};

double divergence(std::span<const float> exact, std::span<const float> approximate) {
  double sum = 0;
  for (std::size_t w = 0; w < exact.size(); ++w) {
    const auto log_p = static_cast<double>(exact[w]);
    sum += std::exp(log_p) * (log_p - static_cast<double>(approximate[w]));
  }
  return sum;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Json summary(const Setting& setting) {
  return {{"neglected_mass", setting.mass},
          {"mean_difference", mean(setting.difference)},
          {"largest_difference",
           *std::max_element(setting.difference.begin(), setting.difference.end())},
          {"mean_divergence", mean(setting.divergence)},
          {"median_words", median(setting.words)},
          {"most_words", *std::max_element(setting.words.begin(), setting.words.end())}};
}

}  // namespace

Json measure_neglect(plm::LanguageModel& model, const Lease& lease,
                     std::span<const std::int32_t> prompt, std::int64_t tokens, double temperature,
                     std::int64_t threads) {
  EngineOptions options;
  options.strategy = Strategy::kFactored;
  options.threads = threads;
  options.executor = plm::openmp_executor();
  Engine exact(model.info(), model.head(), options);
  std::vector<Setting> settings;
  for (const double mass : kMasses) {
    options.neglected_mass = mass;
    settings.push_back({mass, Engine(model.info(), model.head(), options), {}, {}, {}});
  }
  const std::int64_t vocab = model.info().vocab;
  Matrix<float> expected(1, vocab);
  Matrix<float> out(1, vocab);
  std::vector<float> scratch(static_cast<std::size_t>(vocab));
  tools::Sampler sampler({.temperature = temperature, .seed = 1});
  const auto conversation = model.start();
  conversation->append(prompt);
  const auto source_length = std::ssize(prompt);
  const Lease* who = &lease;
  for (std::int64_t step = 0; step < tokens; ++step) {
    const Batch batch{conversation->features(who->pool->info().site),
                      conversation->logits(),
                      {&who, 1},
                      {&step, 1},
                      {&source_length, 1},
                      who->pool->info().site};
    exact.step(batch, expected.view());
    const auto row = expected.view().row_span(0);
    const std::int32_t token = sampler.sample(row);
    for (Setting& setting : settings) {
      setting.engine.step(batch, out.view());
      setting.difference.push_back(std::abs(static_cast<double>(out.row(0)[token]) -
                                            static_cast<double>(expected.row(0)[token])));
      setting.divergence.push_back(divergence(row, out.view().row_span(0)));
      const auto list =
          kernels::make_shortlist(batch.logits.row_span(0), setting.mass, scratch.data());
      setting.words.push_back(static_cast<double>(list.words.size()));
    }
    conversation->append({&token, 1});
  }
  Json result;
  for (const Setting& setting : settings) result.push_back(summary(setting));
  return result;
}

}  // namespace pema::bench
