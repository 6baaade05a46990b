// The file of an index by product codes: what it keeps, what is refused, what is built again.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "src/memory/segment_index.h"
#include "tests/memory/index_damage.h"
#include "tests/memory/segment_fixture.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace pema::memory {
namespace {

using test::expect_error;
using test::rounded_segment;
using test::segment_of;
using test::unit_rows;

IndexOptions product(std::int64_t lists) {
  IndexOptions options;
  options.lists = lists;
  options.codes = IndexCodes::kProduct;
  options.bytes_per_key = 8;
  return options;
}

TEST(ProductIndexFile, KeepsTheIndex) {
  kernels::ThreadPool pool(2);
  kernels::ThreadPool other(3);
  const Segments some{segment_of(unit_rows(1'500, 24, 1)),
                      rounded_segment(KeyType::kInt8, unit_rows(300, 24, 2)),
                      segment_of(unit_rows(0, 24, 3))};
  const auto index = SegmentIndex::build(some, pool, product(7));
  const std::vector<std::byte> bytes = index->serialise();
  EXPECT_EQ(bytes, SegmentIndex::build(some, other, product(7))->serialise()) << "always the same";
  const auto again = SegmentIndex::from_bytes(bytes, {some[2], some[0], some[1]}, "index");
  EXPECT_EQ(again->serialise(), bytes);
  EXPECT_EQ(again->bytes(), index->bytes());
}

TEST(ProductIndexFile, DamageIsFound) {
  kernels::ThreadPool pool(1);
  const Segments some{segment_of(unit_rows(70, 2, 1))};
  IndexOptions options = product(3);
  options.bytes_per_key = 1;
  const std::vector<std::byte> bytes = SegmentIndex::build(some, pool, options)->serialise();
  test::expect_damage_found(bytes, some);
}

/// Stops at a stage.
struct Stopper : Progress {
  void report(std::string_view now, std::int64_t, std::int64_t, std::string_view) override {
    stages.emplace(now);
    reached = reached || now == stage;
  }
  [[nodiscard]] bool stop_requested() const override { return reached; }
  std::string stage;
  std::set<std::string> stages;
  bool reached = false;
};

TEST(ProductIndexFile, AnInterruptedBuildLeavesNothing) {
  kernels::ThreadPool pool(1);
  const test::TemporaryFolder folder;
  const Segments some{segment_of(unit_rows(70, 2, 1))};
  IndexOptions options = product(3);
  options.bytes_per_key = 2;
  std::string said;
  Stopper all;
  options.progress = &all;
  (void)SegmentIndex::build(some, pool, options);
  EXPECT_EQ(all.stages,
            (std::set<std::string>{"sample", "centroids", "lists", "codebook", "codes", "recall"}));
  for (const std::string& stage : all.stages) {
    Stopper stopper;
    stopper.stage = stage;
    options.progress = &stopper;
    expect_error(
        ErrorCode::kInterrupted,
        [&] { (void)SegmentIndex::open_or_build(folder.file("index"), some, pool, options, said); },
        "interrupted");
    EXPECT_TRUE(
        std::filesystem::is_empty(std::filesystem::path(folder.file("index")).parent_path()))
        << stage;
  }
}

TEST(ProductIndexFile, WhatWillNotDoIsBuiltAgainAndSaid) {
  kernels::ThreadPool pool(1);
  const test::TemporaryFolder folder;
  const std::string path = folder.file("all.index");
  Segments segments{segment_of(unit_rows(700, 12, 1)), segment_of(unit_rows(20, 12, 2), 1000)};
  std::string said;
  IndexOptions options;
  options.bytes_per_key = 4;
  const auto kind = [&] {
    return SegmentIndex::open_or_build(path, segments, pool, options, said)->kind();
  };
  options.codes = IndexCodes::kProduct;
  EXPECT_EQ(kind(), IndexCodes::kProduct);
  EXPECT_NE(said.find("no index"), std::string::npos) << said;
  options.codes = IndexCodes::kAuto;
  EXPECT_EQ(kind(), IndexCodes::kProduct) << "any codes will do";
  EXPECT_EQ(said, "");
  options.codes = IndexCodes::kInt8;
  EXPECT_EQ(kind(), IndexCodes::kInt8);
  EXPECT_NE(said.find("its codes are product, not int8"), std::string::npos) << said;
  options.codes = IndexCodes::kAuto;
  options.memory_budget = 2 * 720 * 32;
  EXPECT_EQ(kind(), IndexCodes::kInt8);
  --options.memory_budget;
  EXPECT_EQ(kind(), IndexCodes::kProduct);
  EXPECT_NE(said.find("more than half of the budget"), std::string::npos) << said;
  EXPECT_EQ(kind(), IndexCodes::kProduct);
  EXPECT_EQ(said, "");
  segments.push_back(segment_of(unit_rows(3, 12, 3), 2000));
  EXPECT_EQ(kind(), IndexCodes::kProduct);
  EXPECT_NE(said.find("made for 2 segments"), std::string::npos) << said;
}

}  // namespace
}  // namespace pema::memory
