// What an engine on a device refuses, what it finds out only there, and the results that stay
// there. In the emulator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "kernels/half.h"
#include "pema/memory_manager.h"
#include "pema/planner.h"
#include "tests/cuda/emulated_runtime.h"
#include "tests/cuda/engine_cases.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class EngineOnDeviceRefusal : public testing::Test {
 protected:
  EngineOnDeviceRefusal()
      : lease(make_lease("ann", random_pool(model, {}),
                         random_mask(random, Algebra::kMixture, true), {.lambda_max = 0.7})),
        batch(model, {&lease, nullptr, &lease}) {
    options.threads = 1;
    options.device.emplace();
  }
  void SetUp() override { reset_emulated_device(); }
  void TearDown() override { EXPECT_EQ(emulated_device().breaches, 0); }
  Engine engine() { return Engine(model.info, model.head, options); }
  void refuse_engine(ErrorCode code, const std::string& words) {
    expect_error(
        code, [&] { (void)engine(); }, words);
  }
  /// Lets `change` spoil a batch on the device.
  template <typename Change>
  void refuse(ErrorCode code, const std::string& words, const Change& change) {
    Engine tested = engine();
    BatchOnDevice there(batch.view());
    DeviceBatch input = there.view();
    DeviceScores out = there.room();
    change(input, out);
    expect_error(
        code, [&] { tested.step(input, out); }, words);
  }

  TinyModel model;
  std::mt19937 random{31};
  Lease lease;
  TinyBatch batch;
  EngineOptions options;
};

TEST_F(EngineOnDeviceRefusal, DevicesThatAreNotThere) {
  options.device->number = 2;
  refuse_engine(ErrorCode::kNotFound, "pema doctor");
  options.device->number = 16;
  refuse_engine(ErrorCode::kInvalidArgument, "device 16");
  options.device->number = -1;
  refuse_engine(ErrorCode::kInvalidArgument, "device -1");
}

TEST_F(EngineOnDeviceRefusal, OptionsThatADeviceCannotServe) {
  options.neglected_mass = 0.03;
  refuse_engine(ErrorCode::kUnsupported, "neglected_mass");
  options.neglected_mass = 0;
  options.device->memory_bytes = -1;
  refuse_engine(ErrorCode::kInvalidArgument, "memory_bytes");
  options.device->memory_bytes = 0;
  options.device->costs.launch = -1;
  refuse_engine(ErrorCode::kInvalidArgument, "cost of the device");
  options.device->costs = {};
  options.memory = std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = 1 << 20});
  refuse_engine(ErrorCode::kInvalidArgument, "device_bytes");
}

TEST_F(EngineOnDeviceRefusal, StrategiesThatADeviceLacks) {
  PoolInfo info;
  info.algebra = Algebra::kSeparate;
  const Lease separate =
      make_lease("eve", random_pool(model, info), random_mask(random, Algebra::kSeparate, false));
  const TinyBatch one(model, {&separate});
  for (const Strategy strategy : {Strategy::kFactored, Strategy::kProjected}) {
    options.strategy = strategy;
    Engine tested = engine();
    expect_error(
        ErrorCode::kUnsupported, [&] { (void)run_step(tested, one.view()); }, "'eve'");
    (void)run_step(tested, batch.view());
  }
}

TEST_F(EngineOnDeviceRefusal, BatchesOnTheDeviceOfTheWrongShapeTypeOrPlace) {
  using B = DeviceBatch;
  using S = DeviceScores;
  const auto bad = ErrorCode::kInvalidArgument;
  refuse(bad, "features on the device", [](B& b, S&) { b.features.cols = kHidden - 1; });
  refuse(bad, "no address", [](B& b, S&) { b.logits.data = nullptr; });
  refuse(bad, "stride", [](B& b, S&) { b.logits.stride = kVocab - 1; });
  refuse(bad, "2 features and 3 logits", [](B& b, S&) { b.features.rows = 2; });
  refuse(bad, "multiples of 16 bytes", [](B& b, S&) { b.features.stride = kHidden + 1; });
  refuse(bad, "leases 2", [](B& b, S&) { b.leases = b.leases.first(2); });
  refuse(bad, "wanted", [](B&, S& s) { s.scores = nullptr; });
  refuse(bad, "33 likeliest", [](B&, S& s) { s.top_count = 33; });
  refuse(bad, "no room", [](B&, S& s) { s.top_count = 3; });
  refuse(bad, "stride 96", [](B&, S& s) { s.stride = 96; });
  refuse(ErrorCode::kUnsupported, "int8", [](B& b, S&) { b.features.type = NumberType::kInt8; });
  refuse(ErrorCode::kUnsupported, "float16",
         [](B& b, S&) { b.logits.type = NumberType::kFloat16; });
  BatchOnDevice there(batch.view());
  Engine goes_on = engine();
  DeviceBatch misplaced = there.view();
  misplaced.features.stride = kHidden + 1;
  (void)error_of([&] { goes_on.step(misplaced, there.room()); });
  expect_same_bits(there.run(goes_on), run_step(goes_on, batch.view()));
  options.skip_recall_above = 0.9;
  Engine skips = engine();
  expect_error(
      ErrorCode::kUnsupported, [&] { skips.step(there.view(), there.room()); },
      "skip_recall_above");
  (void)run_step(skips, batch.view());  // the host's logits can be looked at
  Engine on_cpu(model.info, model.head);
  expect_error(
      ErrorCode::kUnsupported, [&] { on_cpu.step(there.view(), there.room()); },
      "EngineOptions::device");
  on_cpu.finish();
}

TEST_F(EngineOnDeviceRefusal, ValuesThatAreNoNumbersAreToldByFinish) {
  for (const bool feature : {false, true}) {
    TinyBatch bad = batch;
    (feature ? bad.features : bad.logits).row(2)[5] = kNan;
    Engine tested = engine();
    const Matrix<float> good = run_step(tested, batch.view());
    expect_error(
        ErrorCode::kInvalidArgument, [&] { (void)run_step(tested, bad.view()); }, "row 2");
    BatchOnDevice there(bad.view());
    tested.step(there.view(), there.room());
    expect_error(
        ErrorCode::kInvalidArgument, [&] { tested.finish(); }, "row 2");
    tested.finish();  // told once
    const Matrix<float> out = there.scores();
    EXPECT_TRUE(std::isnan(out.row(2)[0]));
    for (std::int64_t row = 0; row < 2; ++row) {
      EXPECT_EQ(std::memcmp(out.row(row), good.row(row), kVocab * sizeof(float)), 0) << row;
    }
  }
}

TEST_F(EngineOnDeviceRefusal, AFeatureThatIsRecalledMustBeANumberToo) {
  Lease recalls = lease;
  recalls.schedule.lambda_own = 0.3;
  recalls.own = {random_segment(random, model, 12)};
  TinyBatch bad(model, {&recalls, nullptr});
  bad.features.row(0)[3] = kNan;
  Engine tested = engine();
  BatchOnDevice there(bad.view());
  expect_error(
      ErrorCode::kInvalidArgument, [&] { tested.step(there.view(), there.room()); }, "row 0");
}

TEST_F(EngineOnDeviceRefusal, TheLikeliestWordsAreThoseOfTheScores) {
  Engine tested = engine();
  BatchOnDevice there(batch.view());
  const Matrix<float> scores = there.run(tested);
  constexpr std::int64_t kCount = 5;
  DeviceArray<std::int32_t> words("words", 3 * kCount);
  DeviceArray<float> values("values", 3 * kCount);
  for (const bool with_scores : {true, false}) {
    DeviceScores wanted = there.room();
    if (!with_scores) wanted.scores = nullptr;
    wanted.top_count = kCount;
    wanted.top_words = words.data();
    wanted.top_scores = values.data();
    tested.step(there.view(), wanted);
    tested.finish();
    for (std::int64_t row = 0; row < 3; ++row) {
      std::vector<float> sorted(scores.row(row), scores.row(row) + kVocab);
      std::sort(sorted.begin(), sorted.end(), std::greater<>());
      for (std::int64_t k = 0; k < kCount; ++k) {
        const auto at = static_cast<std::size_t>(row * kCount + k);
        EXPECT_EQ(values.host()[at], sorted[static_cast<std::size_t>(k)]);
        EXPECT_EQ(scores.row(row)[words.host()[at]], values.host()[at]);
      }
    }
  }
}

TEST_F(EngineOnDeviceRefusal, FeaturesInSixteenBitsGiveTheBitsOfTheWidenedOnes) {
  for (const NumberType type : {NumberType::kFloat16, NumberType::kBFloat16}) {
    std::vector<std::uint16_t> half;
    TinyBatch rounded = batch;
    for (std::int64_t row = 0; row < 3; ++row) {
      for (float& value : rounded.features.view().row_span(row)) {
        half.push_back(kernels::to_half(value, type));
        value = kernels::from_half(half.back(), type);
      }
    }
    Engine tested = engine();
    BatchOnDevice there(rounded.view());
    const Matrix<float> expected = there.run(tested);
    DeviceArray<const std::uint16_t> features("half", half);
    DeviceBatch narrow = there.view();
    narrow.features = {features.data(), 3, kHidden, kHidden, type};
    tested.step(narrow, there.room());
    tested.finish();
    expect_same_bits(there.scores(), expected);
    Batch host = rounded.view();
    host.features = {};
    host.half_features = {half.data(), 3, kHidden};
    host.half_type = type;
    Matrix<float> out(3, kVocab);
    tested.step(host, out.view());
    expect_same_bits(out, expected);
  }
}

TEST_F(EngineOnDeviceRefusal, TargetsAreThoseOfTheStep) {
  Engine tested = engine();
  const Matrix<float> scores = run_step(tested, batch.view());
  const std::vector<std::int64_t> targets{4, 5, 96};
  for (const bool with_logits : {true, false}) {
    Batch asked = batch.view();
    if (!with_logits) asked.logits = {};
    const std::vector<double> found = tested.target_log_probabilities(asked, targets);
    EXPECT_EQ(found[0], static_cast<double>(scores.row(0)[4]));
    EXPECT_EQ(found[2], static_cast<double>(scores.row(2)[96]));
    Engine on_cpu(model.info, model.head);
    EXPECT_EQ(found[1], on_cpu.target_log_probabilities(asked, targets)[1]);
  }
}

TEST_F(EngineOnDeviceRefusal, ADeviceIsMeasuredWithItsOwnOps) {
  ModelInfo small = model.info;
  small.vocab = 5;
  const MeasuredDevice found = measure_device_costs(small, *options.device, 1);
  EXPECT_EQ(found.name, "emulated device");
  EXPECT_TRUE(found.costs.measured);
  check_device_costs(found.costs);
  EXPECT_GT(found.costs.launch, 0);
  EXPECT_GT(found.costs.multiply, 0);
  expect_error(ErrorCode::kInvalidArgument,
               [&] { (void)measure_device_costs(small, *options.device, 0); });
}

TEST_F(EngineOnDeviceRefusal, ThePlannerSaysThatADeviceWasNotMeasured) {
  Explanation found = explain(model.info, options, lease);
  EXPECT_THAT(found.why, testing::HasSubstr("not measured on a device"));
  EXPECT_FALSE(found.plans[1].runs);
  EXPECT_TRUE(found.plans[found.chosen].runs);
  options.device->costs.measured = true;
  found = explain(model.info, options, lease);
  EXPECT_THAT(found.why, testing::Not(testing::HasSubstr("not measured")));
  options.device->memory_bytes = 100;
  EXPECT_THAT(explain(model.info, options, lease).plans[2].refused,
              testing::HasSubstr("device's budget"));
  PoolInfo info;
  info.algebra = Algebra::kSeparate;
  const Lease separate =
      make_lease("eve", random_pool(model, info), random_mask(random, Algebra::kSeparate, false));
  found = explain(model.info, options, separate);
  EXPECT_EQ(found.plans[found.chosen].strategy, Strategy::kComposed);
  EXPECT_FALSE(found.plans[0].runs);
}

}  // namespace
}  // namespace pema::test
