/// kill -9 at random moments of a writing process.
#include <gtest/gtest.h>

#include "bench/durability/kill_rounds.h"
#include "tests/durability/amount.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {
namespace {

class Kill : public ::testing::TestWithParam<Durability> {};

TEST_P(Kill, LosesNothingThatWasAcknowledged) {
  const TemporaryFolder folder;
  durability::KillOptions options;
  options.writer = PEMA_STORE_WRITER;
  options.folder = folder.path();
  options.kills = amount("PEMA_KILLS", 50);
  options.durability = GetParam();
  const durability::KillReport report = durability::kill_rounds(options);
  for (const std::string& problem : report.problems) ADD_FAILURE() << problem;
  EXPECT_EQ(report.kills, options.kills);
  EXPECT_GT(report.acknowledged, 0);
  RecordProperty("kills", static_cast<int>(report.kills));
  RecordProperty("steps", static_cast<int>(report.acknowledged));
  RecordProperty("problems", static_cast<int>(report.problems.size()));
  RecordProperty("open_milliseconds", std::to_string(report.worst_open_seconds * 1000));
  std::printf(
      "%lld kills: %lld steps acknowledged, %lld in flight were there, %lld backups, "
      "slowest open %.1f ms\n",
      static_cast<long long>(report.kills), static_cast<long long>(report.acknowledged),
      static_cast<long long>(report.in_flight), static_cast<long long>(report.backups_checked),
      report.worst_open_seconds * 1000);
}

INSTANTIATE_TEST_SUITE_P(Modes, Kill, ::testing::Values(Durability::kDurable, Durability::kFast),
                         [](const auto& mode) {
                           return mode.param == Durability::kDurable ? "durable" : "fast";
                         });

}  // namespace
}  // namespace pema::test
