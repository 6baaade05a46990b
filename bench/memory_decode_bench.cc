// What memories cost while a text is generated.
//
//   memory_decode_bench MODEL.gguf REAL_KEYS [ROUNDS [TOKENS [THREADS]]]
//
// One person, batch 1: masks (k 128) over 1,024 random rank-1 adapters with an int8 projection, an
// own segment of 600 and a shared one of 34,000 real recall keys (memory_keys). Prints one JSON
// object: tokens per second of each way in every round (they take turns within a round) and bytes
// of the memories. Constant weights, so that recall counts as it does without a gate.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/decode/generate.h"
#include "bench/decode/plain_llama.h"
#include "bench/decode/random_profiles.h"
#include "bench/decode/reply_program.h"
#include "bench/memory/real_keys.h"
#include "pema/codebook.h"
#include "pema/error.h"
#include "pema/plm/openmp.h"
#include "pema/recall_index.h"

namespace pema::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kContext = 1024;
constexpr std::int64_t kOwnKeys = 600;
constexpr std::int64_t kSharedKeys = 34000;
constexpr double kWantedRecall = 0.95;
constexpr double kSkipAbove = 0.9;  // docs/decisions/0009-search.md

struct Keys {
  MatrixView<const float> keys;
  std::span<const std::int32_t> tokens;
};

/// `count` of the real keys from `first` on.
Keys part_of(const RealKeys& real, std::int64_t first, std::int64_t count) {
  PEMA_CHECK(first + count <= real.keys.rows(), kInvalidArgument, "there are only ",
             real.keys.rows(), " real keys; remove the cache file and run memory_keys again");
  return {{real.keys.row(first), count, real.keys.cols()},
          std::span(real.token)
              .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count))};
}

/// Segments of one type of keys.
struct Memory {
  std::shared_ptr<const Segment> own;
  std::shared_ptr<const Segment> shared;
  [[nodiscard]] std::int64_t bytes() const {
    return std::ssize(own->serialise()) + std::ssize(shared->serialise()) + own->search_bytes() +
           shared->search_bytes();
  }
};

Memory memory_of(const ModelInfo& model, const RealKeys& real, KeyType type,
                 const std::shared_ptr<const Codebook>& codebook) {
  SegmentInfo info;
  info.model = model.fingerprint;
  info.hidden = model.hidden;
  info.vocab = model.vocab;
  info.keys = type;
  const Keys own = part_of(real, 0, kOwnKeys);
  const Keys shared = part_of(real, kOwnKeys, kSharedKeys);
  const auto book = type == KeyType::kProductQuantised ? codebook : nullptr;
  return {Segment::make(info, own.keys, own.tokens, book),
          Segment::make(info, shared.keys, shared.tokens, book)};
}

std::shared_ptr<const Lease> with_memory(const Lease& profile, const Memory& memory) {
  auto lease = std::make_shared<Lease>(profile);
  lease->own = {memory.own};
  lease->shared = {memory.shared};
  lease->schedule.lambda_own = 0.2;
  lease->schedule.lambda_shared = 0.1;
  return lease;
}

struct Bench {
  std::string model_path;
  std::string keys_path;
  std::int64_t rounds;
  std::int64_t tokens;
  std::int64_t threads;

  Json run() {
    const auto model = plm::LanguageModel::open(
        model_path, {.threads = threads, .context = kContext, .conversations = 2});
    std::mt19937 random(5);
    const auto pool = random_pool(model->info(), random);
    const auto masks = random_lease(pool, 128, random);
    const RealKeys real = load_real_keys(keys_path);
    const auto exact = memory_of(model->info(), real, KeyType::kFloat32, nullptr);
    const auto codebook = learn_codebook({&exact.shared, 1});
    EngineOptions options;
    options.strategy = Strategy::kProjected;
    options.projection = NumberType::kInt8;
    options.threads = threads;
    options.executor = plm::openmp_executor();
    Engine engine(model->info(), model->head(), options);
    EngineOptions skipping_options = options;
    skipping_options.skip_recall_above = kSkipAbove;
    Engine skipping(model->info(), model->head(), skipping_options);
    const std::string index_path = keys_path + ".index";
    const OpenedRecallIndex index =
        open_recall_index(index_path, {&exact.shared, 1}, {.threads = threads});
    options.recall_index = index.index;
    Engine indexed(model->info(), model->head(), options);
    options.wanted_recall = kWantedRecall;
    Engine approximate(model->info(), model->head(), options);
    PlainLlama plain(model_path, kContext, threads);
    const std::vector<std::int32_t> prompt = model->tokenise(kPrompt);
    Json result;
    result["own_keys"] = kOwnKeys;
    result["shared_keys"] = kSharedKeys;
    result["skip_above"] = kSkipAbove;
    struct Way {
      std::string name;
      Engine* engine;
      std::shared_ptr<const Lease> lease;
    };
    std::vector<Way> ways{{"masks", &engine, masks}};
    for (const KeyType type :
         {KeyType::kFloat32, KeyType::kFloat16, KeyType::kInt8, KeyType::kProductQuantised}) {
      const Memory memory =
          type == KeyType::kFloat32 ? exact : memory_of(model->info(), real, type, codebook);
      const std::string name(to_string(type));
      const auto lease = with_memory(*masks, memory);
      ways.push_back({name, &engine, lease});
      ways.push_back({name + "_skip", &skipping, lease});
      result["bytes"][name] = memory.bytes();
      if (type != KeyType::kFloat32) continue;
      ways.push_back({name + "_index", &indexed, lease});
      ways.push_back({name + "_index_95", &approximate, lease});
      result["bytes"][name + "_index"] = memory.bytes() + index.bytes;
      result["bytes"][name + "_index_95"] = memory.bytes() + index.bytes;
    }
    for (std::int64_t round = -1; round < rounds; ++round) {  // the first one warms up
      const auto keep = [&](const std::string& name, double value) {
        if (round >= 0) result["tokens_per_second"][name].push_back(value);
      };
      keep("llama", generate(plain, prompt, tokens));
      for (const Way& way : ways) {
        keep(way.name, generate(*model, *way.engine, way.lease, prompt, tokens, kContext));
      }
    }
    return result;
  }
};

}  // namespace
}  // namespace pema::bench

int main(int argc, char** argv) {
  return pema::bench::run_reply_program(
      argc, argv, "memory_decode_bench", "REAL_KEYS", [](const pema::bench::ReplyArguments& a) {
        pema::bench::Bench bench{a.model_path, a.second_path, a.rounds, a.tokens, a.threads};
        return bench.run();
      });
}
