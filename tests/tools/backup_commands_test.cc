/// `pema store`: verify, scrub, backup and restore, as an operator uses them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

class BackupCommands : public ::testing::Test {
 protected:
  nlohmann::json json(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    const Outcome outcome = world_.pema(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.json();
  }
  World world_;
  std::string backups_ = world_.file("backups");
};

TEST_F(BackupCommands, ABackupIsListedAndRestored) {
  EXPECT_EQ(json({"store", "backups", backups_})["backups"].size(), 0U);
  const nlohmann::json first = json({"store", "backup", backups_, "--rate", "500M"});
  EXPECT_GT(first["objects"], 0);
  EXPECT_EQ(first["new_objects"], first["objects"]);
  EXPECT_EQ(world_.pema({"profile", "rm", "alice"}).status, 0);
  const nlohmann::json second = json({"store", "backup", backups_, "--link"});
  EXPECT_EQ(second["new_objects"], 0);
  const nlohmann::json list = json({"store", "backups", backups_})["backups"];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["time"], first["time"]);
  EXPECT_THAT(world_.pema({"store", "backups", backups_}).out,
              HasSubstr(second["time"].get<std::string>()));

  const std::string old = world_.file("old");
  json({"store", "restore", backups_, "--at", first["time"], "--store", old});
  EXPECT_EQ(json({"profile", "ls", "--store", old})["count"], 3);
  const std::string latest = world_.file("latest");
  json({"store", "restore", backups_, "--store", latest});
  EXPECT_EQ(json({"profile", "ls", "--store", latest})["count"], 2);
  EXPECT_EQ(json({"store", "verify", "--full", "--store", latest})["ok"], true);
  EXPECT_EQ(world_.pema({"store", "restore", backups_, "--store", latest}).status, 4);
  EXPECT_EQ(world_.pema({"store", "restore", backups_, "--at", "1999"}).status, 3);
}

TEST_F(BackupCommands, KeepDeletesOlderOnes) {
  json({"store", "backup", backups_});
  json({"store", "backup", backups_});
  json({"store", "backup", backups_, "--keep", "1"});
  EXPECT_EQ(json({"store", "backups", backups_})["backups"].size(), 1U);
}

TEST_F(BackupCommands, VerifyAndScrubTellDamage) {
  EXPECT_EQ(json({"store", "verify"})["depth"], "quick");
  EXPECT_EQ(json({"store", "scrub"})["complete"], true);
  EXPECT_EQ(json({"store", "scrub", "--bytes", "1"})["complete"], false);
  flip_byte(world_.pool_object(), 200);
  EXPECT_EQ(json({"store", "verify"})["ok"], true) << "sizes are as before";
  EXPECT_EQ(world_.pema({"store", "verify", "--full"}).status, 6);
  const Outcome scrub = world_.pema({"store", "scrub", "--rate", "100M"});
  EXPECT_EQ(scrub.status, 6);
  EXPECT_THAT(scrub.out, HasSubstr("damaged"));
  EXPECT_EQ(world_.pema({"store", "backup", backups_}).status, 6);
}

TEST_F(BackupCommands, DurabilityIsChosenOrRefused) {
  EXPECT_EQ(world_.pema({"profile", "set", "eve", "--durability", "fast"}).status, 0);
  EXPECT_EQ(world_.pema({"profile", "set", "eve", "--durability", "some"}).status, 2);
}

}  // namespace
}  // namespace pema::test
