/// The gate of a pool and product-quantised own keys, from `pool train` to `generate`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pema/error.h"
#include "tests/support/letter_people.h"
#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

class GateCommands : public ::testing::Test {
 protected:
  void SetUp() override { data::write_lamp(letter_people(8, 8, 1, 1), people_); }
  [[nodiscard]] Outcome train(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"pool",  "train",    "letters",    "--data",
                                          people_, "--epochs", "1",          "--shared-rank",
                                          "2",     "--json",   "--adapters", "4"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return world_.pema(arguments);
  }
  World world_;
  std::string people_ = world_.file("people");
};

TEST_F(GateCommands, PoolTrainKeepsTheCodebookOfTheKeysThatItsGateKnows) {
  const Outcome trained = train({"--memory", "all", "--codebook", "common"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  EXPECT_EQ(trained.json()["codebook"]["name"], "common");
  // The same bytes as learnt from the stored rows that taught.
  const Outcome same = world_.pema({"memory", "codebook", "train", "again", "--from", "all"});
  EXPECT_EQ(same.status, exit_code(ErrorCode::kAlreadyExists)) << same.out;
  EXPECT_THAT(same.err, HasSubstr("'common'"));
  const Outcome enrolled =
      world_.pema({"profile", "enrol", "ada", "--pool", "letters", "--data", people_, "--person",
                   "person-3", "--epochs", "1", "--keys", "pq:common", "--json"});
  ASSERT_EQ(enrolled.status, 0) << enrolled.err;
  EXPECT_TRUE(enrolled.json()["schedule"]["gate"]);
  EXPECT_EQ(world_.pema({"generate", "the", "--profile", "ada", "--tokens", "2"}).status, 0);
  EXPECT_EQ(world_.pema({"pool", "verify"}).status, 0);
}

TEST_F(GateCommands, ACodebookThatCannotBeKeptIsRefusedBeforeAnythingIsTrained) {
  ASSERT_EQ(train({"--codebook", "common"}).status, 0);
  const Outcome taken = train({"--codebook", "common"});
  EXPECT_EQ(taken.status, exit_code(ErrorCode::kAlreadyExists));
  EXPECT_THAT(taken.err, HasSubstr("'common' is taken"));
  const Outcome without = train({"--codebook", "other", "--no-gate"});
  EXPECT_EQ(without.status, exit_code(ErrorCode::kInvalidArgument));
  EXPECT_THAT(without.err, HasSubstr("--no-gate"));
  EXPECT_EQ(world_.pema({"pool", "show", "letters", "--json"}).json()["version"], 1);
}

}  // namespace
}  // namespace pema::test
