// The engine on a device, over everything that it serves there: against the float64 oracle and the
// engine on the CPU; the same bits from host and device batches, alone and in company. In the
// emulator, and with PEMA_TEST_ON_GPU on a GPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cuda/engine_cases.h"
#include "tests/support/reference.h"

namespace pema::test {
namespace {

// docs/numerics.md, tiny sizes: float32 sums of at most 150 terms into logits of a few units, and
// the mixture's own bound. The largest difference seen in the emulator is 8e-6, at width 150.
constexpr double kTolerance = 2e-5;
// The device rounds the weights of int8 rows to 16 bits, also where the CPU adds hard masks
// exactly: 5e-5 was seen.
constexpr double kInt8Tolerance = 2e-4;

struct Case {
  Strategy strategy = Strategy::kAuto;
  Algebra algebra = Algebra::kMixture;
  Form form = Form::kResidual;
  HeadNorm norm = HeadNorm::kNone;
  bool soft = false;
  bool shared = true;
  NumberType type = NumberType::kFloat32;
  std::int64_t hidden = kHidden;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const bool shared : {true, false}) {
    for (const bool soft : {false, true}) {
      for (const auto& [strategy, algebra] : {std::pair{Strategy::kFactored, Algebra::kMixture},
                                              std::pair{Strategy::kProjected, Algebra::kMixture},
                                              std::pair{Strategy::kComposed, Algebra::kSeparate}}) {
        // Not every pair of properties in both forms: the emulator is slow.
        if (soft != shared) {
          all.push_back({strategy, algebra, Form::kResidual, HeadNorm::kNone, soft, shared});
        }
        const HeadNorm norm = soft != shared ? HeadNorm::kNone
                              : soft         ? HeadNorm::kDecoderFinal
                                             : HeadNorm::kLayerFinal;
        if (shared || !soft)
          all.push_back({strategy, algebra, Form::kDistribution, norm, soft, shared});
      }
    }
  }
  for (const NumberType type : {NumberType::kFloat16, NumberType::kBFloat16, NumberType::kInt8}) {
    for (const Form form : {Form::kResidual, Form::kDistribution}) {
      all.push_back({Strategy::kProjected, Algebra::kMixture, form, HeadNorm::kDecoderFinal, true,
                     true, type});
    }
    all.push_back({Strategy::kComposed, Algebra::kSeparate, Form::kResidual, HeadNorm::kNone, true,
                   true, type});
  }
  all.push_back({Strategy::kAuto, Algebra::kSeparate});
  all.push_back({Strategy::kAuto, Algebra::kMixture});
  all.push_back({Strategy::kComposed, Algebra::kMixture});
  // Widths that are no multiple of 4, and one of several blocks of the kernels.
  for (const std::int64_t hidden : {27, 150}) {
    all.push_back({Strategy::kFactored, Algebra::kMixture, Form::kDistribution,
                   HeadNorm::kDecoderFinal, false, true, NumberType::kFloat32, hidden});
    all.push_back({Strategy::kComposed, Algebra::kSeparate, Form::kResidual, HeadNorm::kNone, true,
                   true, NumberType::kFloat32, hidden});
  }
  return all;
}

void PrintTo(const Case& tested, std::ostream* out) { *out << to_string(tested.strategy); }

/// A pool whose numbers are multiples of 2^-7 that every type holds exactly: 127 of 128 occurs on
/// both sides of every adapter, so that int8 has that grid too.
std::shared_ptr<const Pool> grid_pool(const TinyModel& model, PoolInfo info) {
  std::mt19937 random(17);
  info.model = model.info.fingerprint;
  const std::int64_t d = model.info.hidden;
  const auto block = [&](std::int64_t count, std::int64_t rank) {
    Matrix<float> sides[2];
    for (Matrix<float>& side : sides) {
      side = random_matrix(random, count * rank, d, 0.2F);
      for (std::int64_t i = 0; i < count * rank * d; ++i) {
        side.data()[i] = std::clamp(std::nearbyint(side.data()[i] * 128), -127.0F, 127.0F) / 128;
      }
      for (std::int64_t i = 0; i < count; ++i) side.row(i * rank)[1] = 127.0F / 128;
    }
    return AdapterBlock::make(count, rank, sides[0].view(), sides[1].view(),
                              std::vector<float>(static_cast<std::size_t>(count), 0.5F));
  };
  return std::make_shared<const Pool>(info, block(1, 5),
                                      std::vector{block(8, kRank), block(5, kRank)});
}

class EngineOnDevice : public testing::TestWithParam<Case> {
 protected:
  EngineOnDevice() : model(1, GetParam().hidden) {
    PoolInfo info;
    info.algebra = GetParam().algebra;
    info.form = GetParam().form;
    info.norm = GetParam().norm;
    info.mask_scale = 0.4;
    const bool composition =
        GetParam().algebra == Algebra::kSeparate && GetParam().type != NumberType::kFloat32;
    pool = composition ? grid_pool(model, info) : random_pool(model, info, GetParam().shared);
    const auto own = random_segment(random, model, 20);
    const auto shared = random_segment(random, model, 30);
    for (const double lambda : {0.3, 1.0}) {
      leases.push_back(make_lease("p", pool, mask(), {.lambda_max = lambda}));
    }
    leases.push_back(make_lease("old", pool, mask(6), {.lambda_max = 0.8}));
    Lease recalls = make_lease("r", pool, mask(),
                               {.lambda_max = 0.7,
                                .lambda_own = 0.25,
                                .lambda_shared = 0.4,
                                .neighbours = 12,
                                .temperature = 0.5});
    recalls.own = {own};
    recalls.shared = {shared};
    leases.push_back(recalls);
    Lease memory_alone = recalls;
    memory_alone.pool = nullptr;
    memory_alone.mask = {};
    memory_alone.mask_digest = memory_alone.mask.digest();
    leases.push_back(memory_alone);
    Lease gated = recalls;
    gated.gate = std::make_shared<const MixtureGate>(random_gate(random));
    leases.push_back(gated);
  }
  void SetUp() override {
#ifdef PEMA_TEST_ON_GPU
    const kernels::cuda::DeviceStatus status = kernels::cuda::device_status();
    if (!status.usable) GTEST_SKIP() << status.reason;
#else
    simt::cfg = {static_cast<simt::Order>(leases.size() % 3), 7};
#endif
  }
  ProfileMask mask(std::int64_t size = kAdapters) {
    return random_mask(random, GetParam().algebra, GetParam().soft, size);
  }
  Engine engine(bool on_device) {
    EngineOptions options;
    options.strategy = GetParam().strategy;
    options.projection = options.composition = GetParam().type;
    options.threads = 1;
    if (on_device) options.device.emplace();
    return Engine(model.info, model.head, options);
  }
  [[nodiscard]] static double tolerance() {
    return GetParam().type == NumberType::kInt8 ? kInt8Tolerance : kTolerance;
  }

  TinyModel model;
  std::mt19937 random{11};
  std::shared_ptr<const Pool> pool;
  std::vector<Lease> leases;
};

TEST_P(EngineOnDevice, MatchesTheOracleTheCpuAndItself) {
  std::vector<const Lease*> rows{nullptr};
  for (const Lease& lease : leases) rows.push_back(&lease);
  rows.push_back(&leases[0]);
  rows.push_back(nullptr);
  const TinyBatch batch(model, rows);
  Engine on_cpu = engine(false);
  Engine on_device = engine(true);
  const Matrix<float> expected = run_step(on_cpu, batch.view());
  const Matrix<float> out = run_step(on_device, batch.view());
  expect_near(out, expected, tolerance());
  for (const std::int64_t row : {std::int64_t{0}, out.rows() - 1}) {
    ASSERT_EQ(std::memcmp(out.row(row), batch.logits.row(row), kVocab * sizeof(float)), 0);
  }
  const bool exact =
      GetParam().type == NumberType::kFloat32 || GetParam().algebra == Algebra::kSeparate;
  for (std::int64_t row = 1; exact && row < out.rows() - 1; ++row) {
    const std::vector<double> oracle = reference_row(model.head, batch.view(), row);
    for (std::int64_t v = 0; v < kVocab; ++v) {
      ASSERT_NEAR(static_cast<double>(out.row(row)[v]), oracle[static_cast<std::size_t>(v)],
                  tolerance())
          << "row " << row << " word " << v;
    }
  }
  // In the caller's order and memory, rows of one profile apart.
  BatchOnDevice there(batch.view());
  expect_same_bits(there.run(on_device), out);
  // Alone.
  Batch third = batch.view();
  third.features = {third.features.row(3), 1, third.features.cols};
  third.logits = {third.logits.row(3), 1, third.logits.cols};
  third.leases = third.leases.subspan(3, 1);
  third.step = third.step.subspan(3, 1);
  third.source_length = third.source_length.subspan(3, 1);
  const Matrix<float> one = run_step(on_device, third);
  EXPECT_EQ(std::memcmp(one.row(0), out.row(3), kVocab * sizeof(float)), 0);
}

INSTANTIATE_TEST_SUITE_P(All, EngineOnDevice, testing::ValuesIn(cases()), [](const auto& tested) {
  const Case& c = tested.param;
  return std::string(to_string(c.strategy)) + "_" + std::string(to_string(c.algebra)) + "_" +
         std::string(to_string(c.form)) + "_" + std::string(to_string(c.norm)) +
         (c.soft ? "_soft" : "_hard") + (c.shared ? "_shared_" : "_alone_") +
         std::string(to_string(c.type)) + "_" + std::to_string(c.hidden);
});

}  // namespace
}  // namespace pema::test
