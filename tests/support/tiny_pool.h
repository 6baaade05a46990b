/// Small seeded models, pools, masks, segments and batches, with odd sizes on purpose.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "pema/codebook.h"
#include "pema/engine.h"
#include "tests/support/random_numbers.h"

namespace pema::test {

inline constexpr std::int64_t kHidden = 24;
inline constexpr std::int64_t kVocab = 97;
inline constexpr std::int64_t kAdapters = 13;
inline constexpr std::int64_t kRank = 3;

/// A model of width `hidden` and `vocab` words with a random head.
struct TinyModel {
  explicit TinyModel(unsigned seed = 1, std::int64_t hidden = kHidden,
                     std::int64_t vocab = kVocab) {
    std::mt19937 random(seed);
    info = {sha256("tiny model " + std::to_string(seed)), "tiny", "llama", hidden, vocab};
    head.weight = random_matrix(random, vocab, hidden, 0.4F);
    head.norm_weight = random_vector(random, hidden, 0.5F, 1.5F);
    head.layer_norm_weight = random_vector(random, hidden, 0.5F, 1.5F);
    head.norm_eps = 1e-5F;
  }
  ModelInfo info;
  Head head;
};

inline std::shared_ptr<const AdapterBlock> random_block(std::mt19937& random, std::int64_t count,
                                                        std::int64_t rank, std::int64_t hidden) {
  const Matrix<float> down = random_matrix(random, count * rank, hidden, 0.2F);
  const Matrix<float> up = random_matrix(random, count * rank, hidden, 0.3F);
  const std::vector<float> scale = random_vector(random, count, 0.5F, 1.5F);
  return AdapterBlock::make(count, rank, down.view(), up.view(), scale);
}

/// kAdapters adapters in two blocks of 8 and 5, and a shared adapter of rank 5 unless told not to.
inline std::shared_ptr<const Pool> random_pool(const TinyModel& model, PoolInfo info,
                                               bool shared = true, unsigned seed = 7) {
  std::mt19937 random(seed);
  info.model = model.info.fingerprint;
  std::shared_ptr<const AdapterBlock> always;
  if (shared) always = random_block(random, 1, 5, model.info.hidden);
  return std::make_shared<const Pool>(
      info, always,
      std::vector{random_block(random, 8, kRank, model.info.hidden),
                  random_block(random, kAdapters - 8, kRank, model.info.hidden)});
}

/// About half of `size` adapters, at least one per side; soft masks have some zeros.
inline ProfileMask random_mask(std::mt19937& random, Algebra algebra, bool soft,
                               std::int64_t size = kAdapters) {
  ProfileMask mask;
  const auto side = [&](BitMask& bits, std::vector<float>& weights) {
    bits = BitMask(soft ? 0 : size);
    if (soft) weights.resize(static_cast<std::size_t>(size));
    for (std::int64_t i = 0; i < size; ++i) {
      if (i != size / 2 && random() % 2 == 0) continue;
      if (soft) {
        weights[static_cast<std::size_t>(i)] = 0.25F + 0.1F * static_cast<float>(random() % 10);
      } else {
        bits.set(i);
      }
    }
  };
  side(mask.down, mask.down_weights);
  if (algebra == Algebra::kSeparate) side(mask.up, mask.up_weights);
  return mask;
}

inline std::shared_ptr<const Segment> random_segment(std::mt19937& random, const TinyModel& model,
                                                     std::int64_t entries) {
  Matrix<float> keys = random_matrix(random, entries, model.info.hidden);
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < entries; ++i) {
    double squares = 0;
    for (const float v : keys.view().row_span(i)) squares += static_cast<double>(v * v);
    for (float& v : keys.view().row_span(i)) v /= static_cast<float>(std::sqrt(squares));
    tokens.push_back(static_cast<std::int32_t>(random() % 11));  // words recur
  }
  SegmentInfo info;
  info.model = model.info.fingerprint;
  info.hidden = model.info.hidden;
  info.vocab = model.info.vocab;
  return Segment::make(info, keys.view(), tokens);
}

/// The same entries with keys in another type; product-quantised ones in parts of 3 dimensions with
/// random centroids.
inline std::shared_ptr<const Segment> rounded(std::mt19937& random, const Segment& segment,
                                              KeyType type) {
  SegmentInfo info = segment.info();
  info.keys = type;
  std::shared_ptr<const Codebook> codebook;
  if (type == KeyType::kProductQuantised) {
    const CodebookInfo book{info.model, info.site, info.hidden, (info.hidden + 2) / 3};
    const float spread = 1.0F / std::sqrt(static_cast<float>(info.hidden));
    codebook = Codebook::make(
        book, {random_vector(random, info.hidden * Codebook::kCentroids, -spread, spread)});
  }
  return Segment::make(info, segment.keys(), segment.tokens(), codebook);
}

inline Lease make_lease(std::string name, std::shared_ptr<const Pool> pool, ProfileMask mask,
                        LambdaSchedule schedule = {}) {
  Lease lease;
  lease.name = std::move(name);
  lease.pool = std::move(pool);
  lease.mask = std::move(mask);
  lease.mask_digest = lease.mask.digest();
  lease.schedule = schedule;
  return lease;
}

/// A gate whose weights are a few tenths to a few units.
inline MixtureGate random_gate(std::mt19937& random) {
  MixtureGate::Weights weights{};
  for (auto& memories : weights) {
    for (auto& source : memories) {
      for (float& weight : source) weight = random_vector(random, 1, -2.0F, 2.0F)[0];
    }
  }
  return MixtureGate(weights, {.neighbours = 12, .temperature = 0.5});
}

/// An owning batch of `leases.size()` rows; logits are W x.
struct TinyBatch {
  TinyBatch(const TinyModel& model, std::vector<const Lease*> leases_in, unsigned seed = 3,
            FeatureSite site_in = FeatureSite::kPostNorm)
      : leases(std::move(leases_in)), site(site_in) {
    std::mt19937 random(seed);
    const auto rows = static_cast<std::int64_t>(leases.size());
    features = random_matrix(random, rows, model.info.hidden);
    logits = Matrix<float>(rows, model.info.vocab);
    base_logits(model.head, view_of_features(), logits.view(), 1);
    for (std::int64_t row = 0; row < rows; ++row) {
      step.push_back(static_cast<std::int64_t>(random() % 6));
      source_length.push_back(static_cast<std::int64_t>(random() % 9));
    }
  }
  [[nodiscard]] MatrixView<const float> view_of_features() const { return features.view(); }
  [[nodiscard]] Batch view() const {
    return {features.view(), logits.view(), leases, step, source_length, site};
  }
  std::vector<const Lease*> leases;
  FeatureSite site;
  Matrix<float> features;
  Matrix<float> logits;
  std::vector<std::int64_t> step;
  std::vector<std::int64_t> source_length;
};

/// Engine::step into a fresh matrix.
inline Matrix<float> run_step(Engine& engine, const Batch& batch) {
  Matrix<float> out(batch.features.rows, batch.logits.cols);
  engine.step(batch, out.view());
  return out;
}

}  // namespace pema::test
