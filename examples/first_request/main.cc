// The shortest whole walk: a store, a pool, one person's profile, one decode step. Runs without a
// language model: the head and the features are made up here; a backend passes its runtime's last
// hidden state and logits instead.
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include "pema/engine.h"
#include "pema/store.h"

namespace {

constexpr std::int64_t kHidden = 32;
constexpr std::int64_t kVocab = 100;
constexpr std::int64_t kAdapters = 64;

pema::Matrix<float> random_matrix(std::int64_t rows, std::int64_t cols, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, 0.3F);
  pema::Matrix<float> matrix(rows, cols);
  for (std::int64_t i = 0; i < rows * cols; ++i) matrix.data()[i] = normal(generator);
  return matrix;
}

void run(const std::string& folder) {
  // What pema must know of the base model: its identity, its head, its final norm. pema::plm reads
  // them from a GGUF file.
  pema::ModelInfo model{pema::sha256("a made-up model"), "made-up", "llama", kHidden, kVocab};
  pema::Head head{random_matrix(kVocab, kHidden, 1), std::vector<float>(kHidden, 1.0F), 1e-5F, {}};

  // A pool of 64 rank-1 adapters. Real ones come from `pema pool train`.
  const auto down = random_matrix(kAdapters, kHidden, 2);
  const auto up = random_matrix(kAdapters, kHidden, 3);
  const std::vector<float> scale(kAdapters, 1.0F);
  pema::PoolInfo info;
  info.model = model.fingerprint;
  const pema::Pool pool(info, nullptr,
                        {pema::AdapterBlock::make(kAdapters, 1, down.view(), up.view(), scale)});

  auto store = pema::Store::open(folder, pema::OpenMode::kCreate);
  store.put_model(model, "made-up.gguf");
  const auto record = store.put_pool("demo", pool);

  // A profile is a mask over the pool (8 bytes here) and a lambda schedule.
  pema::ProfileDraft draft;
  draft.name = "ada";
  draft.pool = record.id;
  draft.mask.down = pema::BitMask::from_indices(kAdapters, std::vector<std::int64_t>{1, 5, 8});
  draft.schedule.lambda_max = 0.9;
  store.put_profile(draft);

  // Serving: leases are immutable; rows without a profile are null.
  pema::LeaseBook leases(store, model);
  const auto ada = leases.acquire("ada");
  const auto features = random_matrix(2, kHidden, 4);
  const auto logits = random_matrix(2, kVocab, 5);
  const std::vector<const pema::Lease*> rows = {ada.get(), nullptr};
  const std::vector<std::int64_t> step = {0, 0};
  const std::vector<std::int64_t> source_length = {1, 1};
  pema::Batch batch;
  batch.features = features.view();
  batch.logits = logits.view();
  batch.leases = rows;
  batch.step = step;
  batch.source_length = source_length;

  pema::Engine engine(model, head);
  pema::Matrix<float> scores(2, kVocab);
  engine.step(batch, scores.view());

  double mass = 0;
  for (std::int64_t w = 0; w < kVocab; ++w) mass += std::exp(static_cast<double>(scores.row(0)[w]));
  bool same = true;
  for (std::int64_t w = 0; w < kVocab; ++w) same = same && scores.row(1)[w] == logits.row(1)[w];
  std::printf("ada's distribution sums to %.6f; the row without a profile is %s\n", mass,
              same ? "the model's own, bit for bit" : "CHANGED");
  if (!same || std::abs(mass - 1.0) > 1e-4) throw std::runtime_error("the example is broken");
}

}  // namespace

int main() {
  const auto folder = std::filesystem::temp_directory_path() / "pema-first-request";
  std::filesystem::remove_all(folder);
  int status = 0;
  try {
    run(folder.string());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    status = 1;
  }
  std::filesystem::remove_all(folder);
  return status;
}
