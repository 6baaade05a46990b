// The cost model: nothing is free, more work is not cheaper, and every cost is felt where it
// should.
#include "src/engine/cost_model.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

using engine::predict_step;
using engine::WorkShape;

constexpr Strategy kStrategies[] = {Strategy::kComposed, Strategy::kFactored, Strategy::kProjected};
constexpr NumberType kTypes[] = {NumberType::kFloat32, NumberType::kFloat16, NumberType::kBFloat16,
                                 NumberType::kInt8};

WorkShape shape_of(std::int64_t rows, std::int64_t masks, std::int64_t selected) {
  WorkShape shape;
  shape.rows = rows;
  shape.masks = masks;
  shape.down = shape.up = selected;
  shape.adapters = 1024;
  shape.rank = 1;
  shape.shared = 8;
  shape.hidden = 576;
  shape.vocab = 49152;
  shape.threads = 2;
  return shape;
}

TEST(CostModel, NoRowsCostNothing) {
  for (const Strategy strategy : kStrategies) {
    EXPECT_EQ(predict_step({}, shape_of(0, 0, 128), strategy, NumberType::kFloat32, false).total(),
              0.0);
  }
}

TEST(CostModel, NeverFallsWhenRowsOrAdaptersGrow) {
  for (const Algebra algebra : {Algebra::kMixture, Algebra::kSeparate}) {
    for (const Strategy strategy : kStrategies) {
      for (const NumberType type : kTypes) {
        for (const bool held : {false, true}) {
          for (const std::int64_t masks : {1, 3, 16}) {
            double before = 0;
            for (std::int64_t rows = 1; rows <= 70; ++rows) {
              WorkShape shape = shape_of(rows, masks, 128);
              shape.algebra = algebra;
              const double now = predict_step({}, shape, strategy, type, held).total();
              EXPECT_GE(now, before) << to_string(strategy) << ", " << rows << " rows, " << masks;
              before = now;
            }
            before = 0;
            for (std::int64_t selected = 0; selected <= 1024; selected += 32) {
              WorkShape shape = shape_of(20, masks, selected);
              shape.algebra = algebra;
              const double now = predict_step({}, shape, strategy, type, held).total();
              EXPECT_GE(now, before) << to_string(strategy) << ", " << selected << " adapters";
              before = now;
            }
          }
        }
      }
    }
  }
}

TEST(CostModel, EveryCostIsFeltSomewhereAndInProportion) {
  WorkShape separate = shape_of(32, 16, 128);
  separate.algebra = Algebra::kSeparate;
  separate.rank = 8;
  const auto all = [&](const MachineCosts& costs) {
    double sum = 0;
    for (const WorkShape& shape : {shape_of(32, 16, 128), separate}) {
      for (const Strategy strategy : kStrategies) {
        for (const NumberType type : kTypes) {
          sum += predict_step(costs, shape, strategy, type, false).total() +
                 projection_seconds(costs, shape, type);
        }
      }
    }
    return sum;
  };
  const double plain = all({});
  MachineCosts twice;
  for (const CostField& field : cost_fields()) {
    MachineCosts costs;
    costs.*field.value *= 2;
    EXPECT_GT(all(costs), plain) << field.name;
    twice.*field.value *= 2;
  }
  EXPECT_NEAR(all(twice), 2 * plain, 1e-9 * plain);
}

TEST(CostModel, AHeldMaskCostsNoComposing) {
  const WorkShape shape = shape_of(4, 4, 300);
  const StepSeconds cold =
      predict_step({}, shape, Strategy::kComposed, NumberType::kFloat32, false);
  const StepSeconds warm = predict_step({}, shape, Strategy::kComposed, NumberType::kFloat32, true);
  EXPECT_GT(cold.compose, warm.compose);
  EXPECT_EQ(cold.apply, warm.apply);
  EXPECT_EQ(cold.project, warm.project);
}

TEST(CostModel, BytesAreThoseOfTheArrays) {
  const WorkShape shape = shape_of(1, 1, 300);
  EXPECT_EQ(engine::projection_bytes(shape, NumberType::kFloat32), 4 * 1032 * 49152);
  EXPECT_EQ(engine::projection_bytes(shape, NumberType::kInt8), 1032 * 49152);
  EXPECT_EQ(engine::composed_bytes(shape), 4 * (2 * 300 * 576 + 300));
  EXPECT_EQ(engine::bytes_read(shape, Strategy::kFactored, NumberType::kFloat32),
            4 * (49152 + 616 * 576 + 49152 * 576));
  EXPECT_EQ(engine::bytes_read(shape, Strategy::kProjected, NumberType::kInt8),
            4 * (49152 + 308 * 576) + 308 * 49152);
}

TEST(CostModel, ReadsTheShapeOffTheLease) {
  const TinyModel model;
  std::mt19937 random(3);
  const ProfileMask soft = random_mask(random, Algebra::kSeparate, true);
  PoolInfo info;
  info.algebra = Algebra::kSeparate;
  const Lease lease = make_lease("p", random_pool(model, info), soft);
  const WorkShape shape = engine::work_shape(model.info, {.threads = 3}, lease, 7, 2);
  const auto kept = [](const std::vector<float>& side) {
    return std::count_if(side.begin(), side.end(), [](float weight) { return weight != 0.0F; });
  };
  EXPECT_EQ(shape.down, kept(soft.down_weights));
  EXPECT_EQ(shape.up, kept(soft.up_weights));
  EXPECT_EQ(shape.adapters, kAdapters);
  EXPECT_EQ(shape.rank, kRank);
  EXPECT_EQ(shape.shared, 5);
  EXPECT_EQ(shape.rows, 7);
  EXPECT_EQ(shape.masks, 2);
  EXPECT_EQ(shape.threads, 3);
  EXPECT_EQ(shape.projection_rows(), 5 + kAdapters * kRank);
}

TEST(MachineCosts, RefusesWhatIsNoTime) {
  for (const CostField& field : cost_fields()) {
    for (const double wrong : {-1e-12, 1.5, std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()}) {
      MachineCosts costs;
      costs.*field.value = wrong;
      expect_error(
          ErrorCode::kInvalidArgument, [&] { check_costs(costs); }, std::string(field.name));
    }
  }
  check_costs({});
}

}  // namespace
}  // namespace pema::test
