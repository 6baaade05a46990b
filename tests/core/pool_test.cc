#include <functional>
#include <limits>
#include <set>

#include "pema/adapter.h"
#include "tests/core/adapter_fixture.h"
#include "tests/support/expect_error.h"

namespace pema {
namespace {

using test::expect_error;
using test::random_block;

PoolInfo info() {
  PoolInfo info;
  info.model = sha256("model");
  info.recipe = "{}";
  return info;
}

TEST(Pool, FillsInWhatItsBlocksKnow) {
  PoolInfo wrong = info();
  wrong.adapters = 99;
  wrong.rank = 99;
  wrong.hidden = 99;
  const Pool pool(wrong, random_block(1, 8, 6), {random_block(3, 2, 6), random_block(4, 2, 6)});
  EXPECT_EQ(pool.info().adapters, 7);
  EXPECT_EQ(pool.info().rank, 2);
  EXPECT_EQ(pool.info().hidden, 6);
  EXPECT_EQ(pool.blocks().size(), 2U);
  ASSERT_NE(pool.shared(), nullptr);
  EXPECT_EQ(pool.shared()->view().rank, 8);
  EXPECT_EQ(pool.bytes(), 4 * (2 * 8 * 6 + 1 + 2 * 3 * 2 * 6 + 3 + 2 * 4 * 2 * 6 + 4));
}

TEST(Pool, MayHaveOnlyASharedAdapterOrOnlyBlocks) {
  const Pool shared_only(info(), random_block(1, 8, 6), {});
  EXPECT_EQ(shared_only.info().adapters, 0);
  EXPECT_EQ(shared_only.info().rank, 0);
  EXPECT_EQ(shared_only.info().hidden, 6);
  const Pool blocks_only(info(), nullptr, {random_block(3, 2, 5)});
  EXPECT_EQ(blocks_only.shared(), nullptr);
  EXPECT_EQ(blocks_only.info().hidden, 5);
}

TEST(Pool, RefusesPartsThatDoNotBelongTogether) {
  expect_error(
      ErrorCode::kInvalidArgument, [] { Pool(info(), nullptr, {}); }, "at least one");
  expect_error(
      ErrorCode::kInvalidArgument,
      [] {
        Pool(info(), nullptr, {random_block(1, 1, 2), nullptr});
      },
      "block 1");
  expect_error(
      ErrorCode::kMismatch,
      [] {
        Pool(info(), nullptr, {random_block(1, 1, 2), random_block(1, 1, 3)});
      },
      "width");
  expect_error(
      ErrorCode::kMismatch, [] { Pool(info(), random_block(1, 4, 3), {random_block(1, 1, 2)}); },
      "width");
  expect_error(
      ErrorCode::kMismatch,
      [] {
        Pool(info(), nullptr, {random_block(1, 1, 2), random_block(1, 2, 2)});
      },
      "rank");
}

TEST(Pool, RefusesInfoOutsideItsRange) {
  const auto refused = [](const std::function<void(PoolInfo&)>& change) {
    PoolInfo bad = info();
    change(bad);
    expect_error(ErrorCode::kInvalidArgument, [&] { Pool(bad, random_block(1, 1, 2), {}); });
  };
  refused([](PoolInfo& i) { i.mask_scale = std::numeric_limits<double>::quiet_NaN(); });
  refused([](PoolInfo& i) { i.mask_scale = std::numeric_limits<double>::infinity(); });
  refused([](PoolInfo& i) { i.form = static_cast<Form>(2); });
  refused([](PoolInfo& i) { i.algebra = static_cast<Algebra>(2); });
  refused([](PoolInfo& i) { i.site = static_cast<FeatureSite>(2); });
  refused([](PoolInfo& i) { i.norm = static_cast<HeadNorm>(3); });
}

TEST(Pool, DigestCoversEverythingButTheRecipe) {
  const auto shared = random_block(1, 4, 6, 1);
  const auto a = random_block(3, 2, 6, 2);
  const auto b = random_block(3, 2, 6, 3);
  std::set<Digest> seen;
  const auto is_new = [&](const Pool& pool) { return seen.insert(pool.digest()).second; };
  EXPECT_TRUE(is_new(Pool(info(), shared, {a, b})));
  EXPECT_FALSE(is_new(Pool(info(), random_block(1, 4, 6, 1), {a, b}))) << "equal blocks are equal";
  const auto changed = [&](auto change) {
    PoolInfo other = info();
    change(other);
    return is_new(Pool(other, shared, {a, b}));
  };
  EXPECT_FALSE(changed([](PoolInfo& i) { i.recipe = "another"; }));
  EXPECT_FALSE(changed([](PoolInfo& i) { i.hidden = 12; })) << "the blocks decide the width";
  EXPECT_TRUE(changed([](PoolInfo& i) { i.model = sha256("other"); }));
  EXPECT_TRUE(changed([](PoolInfo& i) { i.site = FeatureSite::kPreNorm; }));
  EXPECT_TRUE(changed([](PoolInfo& i) { i.form = Form::kDistribution; }));
  EXPECT_TRUE(changed([](PoolInfo& i) { i.algebra = Algebra::kSeparate; }));
  EXPECT_TRUE(changed([](PoolInfo& i) { i.norm = HeadNorm::kLayerFinal; }));
  EXPECT_TRUE(changed([](PoolInfo& i) { i.norm = HeadNorm::kNone; }));
  EXPECT_TRUE(changed([](PoolInfo& i) { i.mask_scale = 0.5; }));
  EXPECT_TRUE(is_new(Pool(info(), nullptr, {a, b})));
  EXPECT_TRUE(is_new(Pool(info(), random_block(1, 4, 6, 9), {a, b})));
  EXPECT_TRUE(is_new(Pool(info(), shared, {b, a}))) << "masks count adapters in order";
  EXPECT_TRUE(is_new(Pool(info(), shared, {a})));
  EXPECT_TRUE(is_new(Pool(info(), shared, {})));
}

TEST(Pool, GrowsWithoutTouchingItsOlderBlocks) {
  const auto a = random_block(3, 2, 6, 2);
  const Pool first(info(), nullptr, {a});
  const Pool second(info(), nullptr, {a, random_block(5, 2, 6, 3)});
  EXPECT_EQ(first.blocks()[0], second.blocks()[0]) << "versions share objects";
  EXPECT_NE(first.digest(), second.digest());
}

TEST(PoolEnums, NameAndParseThemselves) {
  for (const Algebra algebra : {Algebra::kMixture, Algebra::kSeparate}) {
    EXPECT_EQ(parse_algebra(to_string(algebra)), algebra);
  }
  for (const Form form : {Form::kResidual, Form::kDistribution}) {
    EXPECT_EQ(parse_form(to_string(form)), form);
  }
  EXPECT_EQ(to_string(Algebra::kMixture), "mixture");
  EXPECT_EQ(to_string(Form::kDistribution), "distribution");
  EXPECT_EQ(to_string(static_cast<Form>(9)), "unknown");
  expect_error(
      ErrorCode::kInvalidArgument, [] { (void)parse_algebra("mix"); }, "mixture or separate");
  expect_error(
      ErrorCode::kInvalidArgument, [] { (void)parse_form(""); }, "residual or distribution");
}

}  // namespace
}  // namespace pema
