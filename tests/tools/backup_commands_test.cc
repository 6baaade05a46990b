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

TEST_F(BackupCommands, TheFoldersThatTheStoreKnowsAreListedAndForgotten) {
  EXPECT_EQ(json({"store", "backups"})["folders"].size(), 0U);
  EXPECT_THAT(world_.pema({"store", "backups"}).out, HasSubstr("knows of no backups"));
  EXPECT_EQ(json({"store", "backup", backups_})["noted"], true);
  const nlohmann::json made = json({"store", "backup", backups_});
  nlohmann::json folders = json({"store", "backups"})["folders"];
  ASSERT_EQ(folders.size(), 1U);
  EXPECT_EQ(folders[0]["path"], backups_);
  EXPECT_EQ(folders[0]["newest"], made["time"]);
  EXPECT_EQ(folders[0]["backups"], 2);
  EXPECT_EQ(folders[0]["reachable"], true);
  EXPECT_THAT(world_.pema({"doctor"}).out, HasSubstr("backups in 1 folder,"));
  std::filesystem::remove_all(backups_);
  EXPECT_EQ(json({"store", "backups"})["folders"][0]["reachable"], false);
  EXPECT_THAT(world_.pema({"store", "backups"}).out, HasSubstr(backups_));
  EXPECT_THAT(world_.pema({"doctor"}).out, HasSubstr("1 of them out of reach"));
  EXPECT_EQ(world_.pema({"store", "backups", backups_, "--forget", backups_}).status, 2);
  EXPECT_EQ(json({"store", "backups", "--forget", backups_})["forgotten"], backups_);
  EXPECT_EQ(world_.pema({"store", "backups", "--forget", backups_}).status, 3);
  EXPECT_EQ(json({"store", "backups"})["folders"].size(), 0U);
}

TEST_F(BackupCommands, ABackupOfAStoreThatCannotBeWrittenSaysThatItIsNotNoted) {
  const std::string copy = world_.file("copy");
  ASSERT_EQ(world_.pema({"store", "backup", backups_}).status, 0);
  ASSERT_EQ(world_.pema({"store", "restore", backups_, "--store", copy}).status, 0);
  ASSERT_EQ(world_.pema({"store", "backups", "--forget", backups_, "--store", copy}).status, 0);
  std::filesystem::permissions(copy, std::filesystem::perms(0555));
  std::filesystem::permissions(copy + "/registry.db", std::filesystem::perms(0444));
  const Outcome outcome = world_.pema({"store", "backup", backups_, "--store", copy, "--json"},
                                      {.obey_permissions = true});
  std::filesystem::permissions(copy, std::filesystem::perms(0755));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["noted"], false);
  EXPECT_THAT(outcome.err, HasSubstr("--backups"));
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
