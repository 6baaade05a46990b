// Bytes per profile in registry.db, and the time to enrol and to lease one. Prints one JSON
// document.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "pema/engine.h"
#include "pema/store.h"
#include "tools/experiment/registry_row.h"

namespace {

constexpr std::int64_t kHidden = 64;
constexpr std::int64_t kAdapters = 1024;
constexpr std::int64_t kChosen = 300;
constexpr std::int64_t kVocab = 1000;

pema::Matrix<float> unit_rows(std::int64_t rows, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  pema::Matrix<float> matrix(rows, kHidden);
  for (std::int64_t r = 0; r < rows; ++r) {
    float squares = 0;
    for (std::int64_t c = 0; c < kHidden; ++c) {
      matrix.row(r)[c] = normal(random);
      squares += matrix.row(r)[c] * matrix.row(r)[c];
    }
    for (std::int64_t c = 0; c < kHidden; ++c) matrix.row(r)[c] /= std::sqrt(squares);
  }
  return matrix;
}

pema::SegmentId add_segment(pema::Store& store, const pema::ModelInfo& model,
                            pema::SegmentKind kind, const std::string& name,
                            std::mt19937_64& random) {
  pema::SegmentInfo info;
  info.model = model.fingerprint;
  info.hidden = kHidden;
  info.vocab = kVocab;
  const auto keys = unit_rows(20, random);
  const std::vector<std::int32_t> tokens(20, 7);
  return store.put_segment(*pema::Segment::make(info, keys.view(), tokens), kind, name).id;
}

/// A store with one profile as enrolment makes it: hard mask, own and shared segment.
pema::Store make_store(const std::string& folder, const pema::ModelInfo& model) {
  std::mt19937_64 random(1);
  auto store = pema::Store::open(folder, pema::OpenMode::kCreate);
  store.put_model(model, "bench.gguf");
  const auto down = unit_rows(kAdapters, random);
  const auto up = unit_rows(kAdapters, random);
  pema::PoolInfo info;
  info.model = model.fingerprint;
  const std::vector<float> scale(kAdapters, 1.0F);
  const auto pool = store.put_pool(
      "bench", pema::Pool(info, nullptr,
                          {pema::AdapterBlock::make(kAdapters, 1, down.view(), up.view(), scale)}));
  pema::ProfileDraft draft;
  draft.name = "enrolled";
  draft.pool = pool.id;
  draft.mask.down = pema::BitMask(kAdapters);
  while (draft.mask.down.popcount() < kChosen) {
    draft.mask.down.set(static_cast<std::int64_t>(random() % kAdapters));
  }
  draft.schedule.lambda_max = 0.93;
  draft.schedule.lambda_own = 0.21;
  draft.schedule.lambda_shared = 0.08;
  draft.segments = {add_segment(store, model, pema::SegmentKind::kOwn, "", random),
                    add_segment(store, model, pema::SegmentKind::kShared, "shared", random)};
  store.put_profile(draft);
  return store;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t profiles = argc > 1 ? std::atoll(argv[1]) : 10'000;
  const auto folder = std::filesystem::temp_directory_path() / "pema-registry-bench";
  std::filesystem::remove_all(folder);
  int status = 0;
  try {
    const pema::ModelInfo model{pema::sha256("bench"), "bench", "llama", kHidden, kVocab};
    const pema::Store store = make_store(folder.string() + "/store", model);
    const auto start = std::chrono::steady_clock::now();
    const auto cost =
        pema::tools::measure_registry_row(store, "enrolled", profiles, folder.string() + "/copies");
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    nlohmann::ordered_json document;
    document["profiles"] = cost.profiles;
    document["adapters"] = kAdapters;
    document["segments"] = 2;
    document["mask_bytes"] = cost.mask_bytes;
    document["bytes_per_profile"] = cost.bytes_per_profile;
    document["profiles_per_second"] = static_cast<double>(profiles) / seconds;
    std::printf("%s\n", document.dump(2).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "registry_bench: %s\n", error.what());
    status = 1;
  }
  std::filesystem::remove_all(folder);
  return status;
}
