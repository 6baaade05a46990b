// What a profile costs while a text is generated, and what changing it between two tokens costs.
//
//   decode_bench MODEL.gguf LORA.gguf [ROUNDS [TOKENS [THREADS]]]
//
// One person, batch 1. Prints one JSON object: tokens per second of each way in every round (they
// take turns within a round), milliseconds of a token before and after a switch, and what
// neglecting unlikely words does to the distributions. Profiles are masks over 1,024 random rank-1
// adapters, int8 projection, mixture algebra, residual form.
#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/decode/generate.h"
#include "bench/decode/neglect.h"
#include "bench/decode/plain_llama.h"
#include "bench/decode/random_profiles.h"
#include "bench/decode/reply_program.h"
#include "pema/engine.h"
#include "pema/error.h"
#include "pema/plm/language_model.h"
#include "pema/plm/openmp.h"
#include "tools/speaker.h"

namespace pema::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kContext = 1024;
constexpr std::int64_t kSwitchContext = 512;
constexpr double kNeglectedMass = 3e-2;  // docs/decisions/0005-approximate-vocabulary.md

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Milliseconds of one more token.
double next_token(tools::Speaker& speaker, std::int32_t token) {
  tools::SpeakOptions options;
  options.tokens = 1;
  const auto start = std::chrono::steady_clock::now();
  (void)speaker.speak({&token, 1}, options);
  return 1e3 * seconds_since(start);
}

struct Bench {
  std::string model_path;
  std::string lora_path;
  std::int64_t rounds;
  std::int64_t tokens;
  std::int64_t threads;

  Json run() {
    const auto model = plm::LanguageModel::open(
        model_path, {.threads = threads, .context = kContext, .conversations = 2});
    std::mt19937 random(5);
    const auto pool = random_pool(model->info(), random);
    EngineOptions options;
    options.strategy = Strategy::kProjected;
    options.projection = NumberType::kInt8;
    options.threads = threads;
    options.executor = plm::openmp_executor();
    Engine engine(model->info(), model->head(), options);
    EngineOptions approximate_options = options;
    approximate_options.neglected_mass = kNeglectedMass;
    Engine approximate(model->info(), model->head(), approximate_options);
    PlainLlama plain(model_path, kContext, threads);
    PlainLlama lora(model_path, kContext, threads);
    lora.use_lora(lora.load_lora(lora_path));
    const std::vector<std::int32_t> prompt = model->tokenise(kPrompt);
    const auto k128 = random_lease(pool, 128, random);
    const auto k300 = random_lease(pool, 300, random);
    Json result;
    result["neglected_mass"] = kNeglectedMass;
    for (std::int64_t round = -1; round < rounds; ++round) {  // the first one warms up
      const auto keep = [&](const char* name, double value) {
        if (round >= 0) result["tokens_per_second"][name].push_back(value);
      };
      keep("llama", generate(plain, prompt, tokens));
      keep("pema_no_profile", generate(*model, engine, nullptr, prompt, tokens, kContext));
      keep("pema_k128", generate(*model, engine, k128, prompt, tokens, kContext));
      keep("pema_k300", generate(*model, engine, k300, prompt, tokens, kContext));
      keep("pema_k128_approximate", generate(*model, approximate, k128, prompt, tokens, kContext));
      keep("pema_k300_approximate", generate(*model, approximate, k300, prompt, tokens, kContext));
      keep("llama_lora", generate(lora, prompt, tokens));
    }
    for (const auto& lease : {k128, k300}) {
      for (const double temperature : {0.0, 1.0}) {
        for (Json& row : measure_neglect(*model, *lease, prompt, tokens, temperature, threads)) {
          row["profile"] = lease->name;
          row["temperature"] = temperature;
          result["neglect"].push_back(std::move(row));
        }
      }
    }
    std::vector<std::int32_t> context;
    while (std::ssize(context) < kSwitchContext) {
      context.insert(context.end(), prompt.begin(), prompt.end());
    }
    context.resize(kSwitchContext);
    for (const Strategy strategy : {Strategy::kProjected, Strategy::kComposed}) {
      options.strategy = strategy;
      Engine own(model->info(), model->head(), options);
      switch_ours(*model, own, pool, context, random,
                  result["switch_ms"][std::string(to_string(strategy))]);
    }
    switch_lora(lora, context, result["switch_ms"]["llama_lora"]);
    return result;
  }

  /// Tokens of one person, and tokens where the other speaks for the first time (cold) or again.
  void switch_ours(plm::LanguageModel& model, Engine& engine,
                   const std::shared_ptr<const Pool>& pool,
                   const std::vector<std::int32_t>& context, std::mt19937& random, Json& out) {
    tools::Speaker speaker(model, engine, kContext);
    const auto first = random_lease(pool, 300, random);
    speaker.use(first);
    tools::SpeakOptions options;
    options.tokens = 1;
    (void)speaker.speak(context, options);
    for (std::int64_t round = 0; round < 4 * rounds; ++round) {
      const auto other = random_lease(pool, 300, random);
      out["same"].push_back(next_token(speaker, context.front()));
      speaker.use(other);
      out["cold"].push_back(next_token(speaker, context.front()));
      speaker.use(first);
      out["cached"].push_back(next_token(speaker, context.front()));
    }
  }

  /// A token after the adapter changed: the keys and values of the context were another adapter's.
  void switch_lora(PlainLlama& llama, const std::vector<std::int32_t>& context, Json& out) {
    const std::size_t first = llama.load_lora(lora_path);
    const std::size_t second = llama.load_lora(lora_path);
    llama.prompt(context);
    for (std::int64_t round = 0; round < rounds; ++round) {
      auto start = std::chrono::steady_clock::now();
      llama.append(context.front());
      out["same"].push_back(1e3 * seconds_since(start));
      start = std::chrono::steady_clock::now();
      llama.use_lora(round % 2 == 0 ? first : second);
      llama.prompt(context);
      out["switched"].push_back(1e3 * seconds_since(start));
    }
  }
};

}  // namespace
}  // namespace pema::bench

int main(int argc, char** argv) {
  return pema::bench::run_reply_program(
      argc, argv, "decode_bench", "LORA.gguf", [](const pema::bench::ReplyArguments& a) {
        pema::bench::Bench bench{a.model_path, a.second_path, a.rounds, a.tokens, a.threads};
        return bench.run();
      });
}
