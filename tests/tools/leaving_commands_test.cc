/// Leaving a store, its audit log, and an encrypted one, as a user meets them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct LeavingCommands : ::testing::Test {
  World world;

  std::string first_name() {
    const Outcome outcome = world.pema({"profile", "ls", "--json"});
    return outcome.json()["profiles"][0]["name"].get<std::string>();
  }
};

TEST_F(LeavingCommands, EraseGivesAReceiptThatNamesPlacesAndNobody) {
  const std::string name = first_name();
  const Outcome outcome = world.pema({"profile", "rm", name, "--erase", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const nlohmann::json document = outcome.json();
  EXPECT_EQ(document["complete"], true);
  ASSERT_EQ(document["receipts"].size(), 1U);
  const nlohmann::json& receipt = document["receipts"][0];
  EXPECT_EQ(receipt["found"], true);
  EXPECT_EQ(receipt["places"][0]["place"], "rows");
  EXPECT_EQ(receipt["places"][0]["state"], "erased");
  EXPECT_THAT(outcome.out, Not(HasSubstr(name)));
  EXPECT_EQ(world.pema({"profile", "show", name}).status, 3);
  EXPECT_THAT(world.pema({"profile", "rm", name, "--erase"}).out, HasSubstr("nothing is left"));

  const nlohmann::json events = world.pema({"store", "audit", "--json"}).json()["events"];
  EXPECT_EQ(events.back()["kind"], "erased");
  EXPECT_EQ(events.back()["sequence"], receipt["event"]["sequence"]);
  const Outcome check = world.pema({"store", "audit", "--verify"});
  EXPECT_EQ(check.status, 0);
  const std::size_t at = check.out.find("elsewhere: ");
  ASSERT_NE(at, std::string::npos);
  const std::string head = check.out.substr(at + 11, check.out.find('\n', at) - at - 11);
  EXPECT_EQ(world.pema({"store", "audit", "--verify", "--noted", head}).status, 0);
  std::string wrong = head;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  EXPECT_EQ(world.pema({"store", "audit", "--verify", "--noted", wrong}).status, 6);
  EXPECT_EQ(world.pema({"store", "audit", "--verify", "--noted", "x"}).status, 2);
}

TEST_F(LeavingCommands, ABackupThatHoldsThePersonIsNamed) {
  const std::string name = first_name();
  const std::string backups = world.file("backups");
  ASSERT_EQ(world.pema({"store", "backup", backups}).status, 0);
  const Outcome outcome = world.pema({"profile", "rm", name, "--erase"});
  EXPECT_EQ(outcome.status, 9);
  EXPECT_THAT(outcome.out, HasSubstr("something is left"));
  EXPECT_THAT(outcome.out, HasSubstr("the person is in it"));
  // Its folder is away: she may be there.
  std::filesystem::rename(backups, backups + " away");
  const Outcome away = world.pema({"profile", "rm", name, "--erase", "--json"});
  EXPECT_EQ(away.status, 9);
  const nlohmann::json place = away.json()["receipts"][0]["places"].back();
  EXPECT_EQ(place["place"], "backup");
  EXPECT_EQ(place["state"], "unreachable");
  EXPECT_EQ(place["where"], backups);
  const Outcome both =
      world.pema({"profile", "rm", name, "--erase", "--backups", backups + " away", "--json"});
  EXPECT_EQ(both.json()["receipts"][0]["places"].back()["state"], "unreachable");
  EXPECT_THAT(both.out, HasSubstr("kept"));
  ASSERT_EQ(world.pema({"store", "backups", "--forget", backups}).status, 0);
  EXPECT_EQ(world.pema({"profile", "rm", name, "--erase"}).status, 0);
}

TEST_F(LeavingCommands, AnEncryptedStoreNeedsItsKey) {
  const std::string store = world.file("encrypted");
  const std::string key = world.file("key");
  EXPECT_EQ(world.pema({"init", "--store", store, "--encrypt"}).status, 2);
  ASSERT_EQ(world.pema({"store", "key", "new", key}).status, 0);
  EXPECT_EQ(world.pema({"store", "key", "new", key}).status, 4);
  const Outcome made =
      world.pema({"init", "--store", store, "--encrypt", "--key-file", key, "--json"});
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(made.json()["encrypted"], true);

  const std::string bundle = world.file("one.pema");
  const std::string name = first_name();
  ASSERT_EQ(world.pema({"profile", "export", name, bundle}).status, 0);
  ASSERT_EQ(world.pema({"profile", "import", bundle, "--store", store, "--key-file", key}).status,
            0);
  const Outcome locked = world.pema({"profile", "show", name, "--store", store});
  EXPECT_EQ(locked.status, 14);
  EXPECT_THAT(locked.err, HasSubstr("--key-file"));
  EXPECT_EQ(world.pema({"profile", "show", name, "--store", store, "--key-file", key}).status, 0);
  const Outcome exported = world.pema(
      {"profile", "export", name, world.file("two.pema"), "--store", store, "--key-file", key});
  EXPECT_EQ(exported.status, 0);
  EXPECT_THAT(exported.err, HasSubstr("NOT encrypted"));

  const std::string fresh = world.file("fresh-key");
  ASSERT_EQ(world.pema({"store", "key", "new", fresh}).status, 0);
  ASSERT_EQ(
      world.pema({"store", "key", "rotate", fresh, "--store", store, "--key-file", key}).status, 0);
  EXPECT_EQ(world.pema({"profile", "ls", "--store", store, "--key-file", key}).status, 14);
  EXPECT_EQ(
      world.pema({"profile", "ls", "--store", store}, {.environment = {"PEMA_KEY_FILE=" + fresh}})
          .status,
      0);
}

}  // namespace
}  // namespace pema::test
