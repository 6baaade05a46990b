// A gate in the engine: a far query falls back to the model, a near one takes the memory's word.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/reference.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

/// Believes a memory whose nearest neighbour is the query itself and no other.
std::shared_ptr<const MixtureGate> careful_gate() {
  MixtureGate::Weights weights{};
  for (auto& memories : weights) {
    memories[3][0] = memories[2][4] = -60.0F;
    memories[3][8] = memories[2][8] = 8.0F;
  }
  return std::make_shared<const MixtureGate>(weights, GateRecall{.neighbours = 1});
}

std::shared_ptr<const Segment> one_key(const TinyModel& model, std::vector<float> feature,
                                       std::int32_t token) {
  Matrix<float> key(1, kHidden);
  make_recall_keys({feature.data(), 1, kHidden}, FeatureSite::kPostNorm, model.head.norm_weight,
                   key.view());
  SegmentInfo info;
  info.model = model.info.fingerprint;
  info.hidden = kHidden;
  info.vocab = kVocab;
  const Matrix<float>& view = key;
  return Segment::make(info, view.view(), std::vector<std::int32_t>{token});
}

TEST(GateInTheEngine, AFarQueryFallsBackToTheModelAndANearOneDoesNot) {
  const TinyModel model;
  Lease lease;
  lease.gate = careful_gate();
  const TinyBatch probe(model, {&lease, &lease}, 5);
  const std::span<const float> first = probe.view().features.row_span(0);
  lease.own = {one_key(model, {first.begin(), first.end()}, 11)};
  const TinyBatch batch(model, {&lease, &lease}, 5);
  Engine engine(model.info, model.head, {.threads = 1});
  const Matrix<float> out = run_step(engine, batch.view());
  EXPECT_GT(out.row(0)[11], std::log(0.99F));  // the remembered row itself
  const std::vector<const Lease*> nobody(2, nullptr);
  Batch plain = batch.view();
  plain.leases = nobody;
  const std::vector<double> base = reference_row(model.head, plain, 1);
  for (std::int64_t v = 0; v < kVocab; ++v) {
    EXPECT_NEAR(static_cast<double>(out.row(1)[v]), base[static_cast<std::size_t>(v)], 1e-3) << v;
  }
}

}  // namespace
}  // namespace pema::test
