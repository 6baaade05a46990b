// `pema plan`, and `pema generate` within a memory budget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

class MemoryBudget : public ::testing::Test {
 protected:
  [[nodiscard]] nlohmann::json plan(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "plan");
    arguments.emplace_back("--json");
    const Outcome outcome = world_.pema(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    const std::vector<std::byte> bytes = read_bytes(world_.file(name));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  World world_;
};

TEST_F(MemoryBudget, PlanSaysWhatFits) {
  const nlohmann::json all = plan({"--budget", "1G"});
  EXPECT_EQ(all["budget"], std::int64_t{1} << 30);
  EXPECT_EQ(all["profiles"], 3);
  EXPECT_EQ(all["masks"], 2);
  EXPECT_EQ(all["bytes"], all["fitting_bytes"]);
  EXPECT_TRUE(all["largest_lease"]["fits"].get<bool>());
  const nlohmann::json none = plan({"--budget", "100"});
  EXPECT_EQ(none["fitting_bytes"], 0);
  EXPECT_FALSE(none["largest_lease"]["fits"].get<bool>());
  const nlohmann::json alice = plan({"--budget", "1M", "alice", "--projection", "int8"});
  EXPECT_EQ(alice["profiles"], 1);
  EXPECT_EQ(alice["projections"].size(), 4U);
  const Outcome text = world_.pema({"plan", "--budget", "100"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("cannot be served"));
  EXPECT_THAT(text.out, HasSubstr("projection of"));
}

TEST_F(MemoryBudget, PlanRefusesWhatItDoesNotUnderstand) {
  EXPECT_EQ(world_.pema({"plan"}).status, 2);
  EXPECT_EQ(world_.pema({"plan", "--budget", "much"}).status, 2);
  EXPECT_EQ(world_.pema({"plan", "--budget", "1G", "mallory"}).status, 3);
  EXPECT_EQ(world_.pema({"plan", "--budget", "1G", "--projection", "int3"}).status, 2);
}

TEST_F(MemoryBudget, GenerateSaysTheSameWithinAnyBudgetThatHoldsTheLease) {
  const nlohmann::json plain = world_.generate({"the cat", "--tokens", "4", "--profile", "alice"});
  const std::string exact = std::to_string(
      plan({"--budget", "1G", "alice"})["largest_lease"]["bytes"].get<std::int64_t>());
  for (const std::string& budget : std::vector<std::string>{exact, "64M"}) {
    const nlohmann::json said = world_.generate(
        {"the cat", "--tokens", "4", "--profile", "alice", "--memory-budget", budget});
    EXPECT_EQ(said["token_ids"], plain["token_ids"]) << budget;
  }
  const Outcome small = world_.pema(
      {"generate", "the cat", "--tokens", "4", "--profile", "alice", "--memory-budget", "1K"});
  EXPECT_EQ(small.status, 12) << small.err;
  EXPECT_THAT(small.err, HasSubstr("raise it by at least"));
}

TEST_F(MemoryBudget, GenerateWritesMetrics) {
  for (const char* name : {"metrics.json", "metrics.prom"}) {
    (void)world_.generate(
        {"the cat", "--tokens", "2", "--profile", "reader", "--metrics", world_.file(name)});
  }
  const nlohmann::json json = nlohmann::json::parse(read("metrics.json"));
  EXPECT_EQ(json["kinds"]["segment"]["items"], 2);
  EXPECT_EQ(json["kinds"]["segment"]["loads"], 2);
  EXPECT_THAT(read("metrics.prom"), HasSubstr("\npema_memory_items{kind=\"segment\"} 2\n"));
}

}  // namespace
}  // namespace pema::test
