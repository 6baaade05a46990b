// Projections that are kept between runs: the same bits, and damage is as good as absence.
#include "src/engine/projection_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "src/core/atomic_file.h"
#include "src/core/object_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

using engine::CacheEntry;
using engine::ProjectionKey;

constexpr NumberType kTypes[] = {NumberType::kFloat32, NumberType::kFloat16, NumberType::kBFloat16,
                                 NumberType::kInt8};

class ProjectionFile : public testing::TestWithParam<NumberType> {
 protected:
  /// A step of an engine of its own, and what its cache counted.
  std::pair<Matrix<float>, CacheStats> run(const std::string& kept_in) {
    Engine engine(
        model.info, model.head,
        {.strategy = Strategy::kProjected, .projection = GetParam(), .projection_folder = kept_in});
    Matrix<float> out = run_step(engine, batch.view());
    return {std::move(out), engine.cache_stats()};
  }
  [[nodiscard]] ProjectionKey key() const {
    return {pool->digest(), GetParam(), 5 + kAdapters * kRank, kVocab};
  }
  void expect_same(const Matrix<float>& a, const Matrix<float>& b) {
    EXPECT_TRUE(std::equal(a.data(), a.data() + kVocab, b.data()));
  }

  TinyModel model;
  std::mt19937 random{5};
  std::shared_ptr<const Pool> pool = random_pool(model, {});
  Lease lease = make_lease("p", pool, random_mask(random, Algebra::kMixture, false));
  TinyBatch batch{model, {&lease}};
  TemporaryFolder folder;
  std::string projections = folder.file("projections/deeper");
};

INSTANTIATE_TEST_SUITE_P(Types, ProjectionFile, testing::ValuesIn(kTypes),
                         [](const auto& name) { return std::string(to_string(name.param)); });

TEST_P(ProjectionFile, IsWrittenOnceAndReadByTheNextEngine) {
  const auto [without, nothing] = run("");
  EXPECT_EQ(nothing.projections_written + nothing.projections_read, 0);
  const auto [first, written] = run(projections);
  EXPECT_EQ(written.projections_written, 1);
  EXPECT_EQ(written.projections_read, 0);
  const auto [second, read] = run(projections);
  EXPECT_EQ(read.projections_written, 0);
  EXPECT_EQ(read.projections_read, 1);
  expect_same(first, without);
  expect_same(second, without);
}

TEST_P(ProjectionFile, OneFlippedBitAnywhereIsAsGoodAsNoFile) {
  (void)run(projections);
  const std::string path = engine::projection_path(projections, key());
  const auto file = core::MappedFile::open(path);
  const std::vector<std::byte> whole(file->bytes().begin(), file->bytes().end());
  EXPECT_NO_THROW((void)engine::decode_projection(whole, key(), "whole"));
  for (std::size_t at = 0; at < whole.size(); at += at < 512 ? 1 : 97) {
    std::vector<std::byte> damaged = whole;
    damaged[at] ^= std::byte{4};
    try {
      (void)engine::decode_projection(damaged, key(), "damaged");
      ADD_FAILURE() << "byte " << at;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported);
    }
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{127}, whole.size() - 1}) {
    expect_error(ErrorCode::kCorrupt, [&] {
      (void)engine::decode_projection(std::span(whole).first(size), key(), "cut");
    });
  }
  std::vector<std::byte> damaged = whole;
  damaged.back() ^= std::byte{1};
  core::write_file_atomically(path, damaged);
  const auto [mended, stats] = run(projections);
  EXPECT_EQ(stats.projections_read, 0);
  EXPECT_EQ(stats.projections_written, 1);
  expect_same(mended, run("").first);
  EXPECT_EQ(run(projections).second.projections_read, 1);
}

TEST_P(ProjectionFile, OfAnotherPoolTypeOrSizeIsRefused) {
  (void)run(projections);
  const auto file = core::MappedFile::open(engine::projection_path(projections, key()));
  const auto refused = [&](ProjectionKey other) {
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)engine::decode_projection(file->bytes(), other, "o"); },
        "another pool");
  };
  ProjectionKey other = key();
  other.pool = sha256("another");
  refused(other);
  other = key();
  other.type = GetParam() == NumberType::kInt8 ? NumberType::kFloat32 : NumberType::kInt8;
  refused(other);
  other = key();
  ++other.rows;
  refused(other);
}

TEST_P(ProjectionFile, AFolderThatCannotBeWrittenIsCountedAndTheStepGoesOn) {
  const std::string blocked = folder.file("file");
  std::ofstream(blocked) << "no folder";
  const auto [out, stats] = run(blocked);
  EXPECT_EQ(stats.projections_unwritten, 1);
  expect_same(out, run("").first);
}

}  // namespace
}  // namespace pema::test
