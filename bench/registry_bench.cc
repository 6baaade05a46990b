// registry_bench WHAT N CALLS FOLDER, where WHAT is
//   copies: bytes of copies of one enrolled profile in registry.db;
//   scale: N different profiles in one store, which stays in FOLDER;
//   sqlite, lmdb: the same people in something else;
//   postgres: N of them in registry.db and in PostgreSQL, in temporary folders (no FOLDER).
// Prints one JSON document.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "bench/registry/peers.h"
#include "bench/registry/postgres.h"
#include "bench/registry/scale.h"
#include "pema/engine.h"
#include "pema/error.h"
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

nlohmann::ordered_json measure_copies(const std::string& folder, std::int64_t profiles) {
  const pema::ModelInfo model{pema::sha256("bench"), "bench", "llama", kHidden, kVocab};
  const pema::Store store = make_store(folder + "/store", model);
  const auto cost =
      pema::tools::measure_registry_row(store, "enrolled", profiles, folder + "/copies");
  return {{"profiles", cost.profiles},
          {"adapters", kAdapters},
          {"segments", 2},
          {"mask_bytes", cost.mask_bytes},
          {"bytes_per_profile", cost.bytes_per_profile}};
}

nlohmann::ordered_json measure(const std::string& what, std::int64_t profiles, std::int64_t calls,
                               const std::string& folder) {
  constexpr std::int64_t kPeersBatch = 1'000'000;
  if (what == "copies") return measure_copies(folder, profiles);
  if (what == "scale") return pema::bench::measure_scale(folder, {profiles, calls});
  if (what == "postgres") return pema::bench::measure_postgres(profiles, calls);
  if (what == "sqlite") {
    return pema::bench::measure_naive_sqlite(folder, profiles, kPeersBatch, calls);
  }
  PEMA_CHECK(what == "lmdb", kInvalidArgument, "'", what, "' is not measured here");
  return pema::bench::measure_lmdb(folder, profiles, kPeersBatch, calls);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string what = argc > 1 ? argv[1] : "";
    PEMA_CHECK(argc == (what == "postgres" ? 4 : 5), kInvalidArgument,
               "say what, how many profiles and calls, and a folder");
    const std::string folder = argc > 4 ? argv[4] : "";
    const nlohmann::ordered_json document =
        measure(what, std::atoll(argv[2]), std::atoll(argv[3]), folder);
    if (what == "copies") std::filesystem::remove_all(folder);
    std::printf("%s\n", document.dump(2).c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "registry_bench: %s\n", error.what());
    return 1;
  }
}
