// An index in the engine: the same bits, faster; and what is refused.
#include <gtest/gtest.h>

#include <filesystem>

#include "pema/recall_index.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

class IndexInTheEngine : public testing::Test {
 protected:
  IndexInTheEngine() {
    for (int i = 0; i < 3; ++i) shared.push_back(random_segment(random, model, 4000));
    for (int i = 0; i < 6; ++i) {
      Lease lease;
      lease.schedule.lambda_own = 0.3;
      lease.schedule.lambda_shared = 0.4;
      lease.own = {random_segment(random, model, 30)};
      lease.shared = {shared[static_cast<std::size_t>(i % 3)]};
      if (i % 2 == 0) lease.shared = shared;
      leases.push_back(lease);
    }
  }
  [[nodiscard]] std::vector<const Lease*> rows() const {
    std::vector<const Lease*> all;
    for (const Lease& lease : leases) all.push_back(&lease);
    return all;
  }
  [[nodiscard]] Matrix<float> run(const EngineOptions& options) const {
    Engine engine(model.info, model.head, options);
    return run_step(engine, TinyBatch(model, rows(), 9).view());
  }

  TinyModel model;
  std::mt19937 random{71};
  TemporaryFolder folder;
  std::vector<std::shared_ptr<const Segment>> shared;
  std::vector<Lease> leases;
};

TEST_F(IndexInTheEngine, GivesTheBitsOfASearchWithoutIt) {
  const std::string path = folder.file("shared.index");
  // Two of the three: the third is scanned and merged.
  const auto two = std::span(shared).first(2);
  const OpenedRecallIndex built = open_recall_index(path, two);
  EXPECT_FALSE(built.built.empty());
  EXPECT_GT(built.bytes, 0);
  const OpenedRecallIndex read = open_recall_index(path, two);
  EXPECT_EQ(read.built, "");
  const Matrix<float> plain = run({});
  for (const auto& index : {built.index, read.index}) {
    const Matrix<float> indexed = run({.threads = 2, .recall_index = index});
    for (std::int64_t i = 0; i < plain.rows(); ++i) {
      for (std::int64_t v = 0; v < kVocab; ++v) ASSERT_EQ(indexed.row(i)[v], plain.row(i)[v]);
    }
  }
}

TEST_F(IndexInTheEngine, ATruncatedFileIsBuiltAgainAndSaid) {
  const std::string path = folder.file("shared.index");
  (void)open_recall_index(path, shared);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const OpenedRecallIndex again = open_recall_index(path, shared);
  EXPECT_NE(again.built, "");
  EXPECT_EQ(open_recall_index(path, shared).built, "");
}

TEST_F(IndexInTheEngine, AnIndexOlderThanItsSegmentsIsBuiltAgainAndSaid) {
  const std::string path = folder.file("shared.index");
  (void)open_recall_index(path, std::span(shared).first(2));
  EXPECT_NE(open_recall_index(path, shared).built, "");
}

TEST_F(IndexInTheEngine, RefusesARecallThatIsNone) {
  for (const double recall : {0.0, -1.0, 1.5}) {
    expect_error(
        ErrorCode::kInvalidArgument,
        [&] { Engine(model.info, model.head, {.wanted_recall = recall}); },
        "it must lie in (0, 1]");
  }
}

}  // namespace
}  // namespace pema::test
