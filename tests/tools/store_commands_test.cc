/// Pools and profiles: what is listed, checked, set and erased.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

class StoreCommands : public ::testing::Test {
 protected:
  [[nodiscard]] nlohmann::json json(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    const Outcome outcome = world_.pema(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.json();
  }
  World world_;
};

TEST_F(StoreCommands, InitMakesAStoreOnceAndKeepsItAfterwards) {
  const std::string store = world_.file("fresh");
  const nlohmann::json first = json({"init", "--store", store});
  EXPECT_EQ(first["created"], true);
  EXPECT_EQ(first["model"]["fingerprint"].get<std::string>().size(), 64U);
  EXPECT_EQ(json({"init", "--store", store})["created"], false);
  const nlohmann::json other = json({"init", "--store", store, "--model", world_.other_model()});
  EXPECT_NE(other["model"]["fingerprint"], first["model"]["fingerprint"]);
  EXPECT_EQ(json({"pool", "ls", "--store", store})["pools"].size(), 0U);
}

TEST_F(StoreCommands, PoolsAreListedAndShown) {
  const nlohmann::json pools = json({"pool", "ls"})["pools"];
  ASSERT_EQ(pools.size(), 1U);
  EXPECT_EQ(pools[0], json({"pool", "show", "tiny"}));
  EXPECT_EQ(pools[0], json({"pool", "show", "tiny", "--version", "1"}));
  EXPECT_EQ(pools[0]["adapters"], 13);
  EXPECT_EQ(pools[0]["algebra"], "mixture");
  const Outcome text = world_.pema({"pool", "ls"});
  EXPECT_THAT(text.out, HasSubstr("tiny"));
  EXPECT_THAT(text.out, HasSubstr("ADAPTERS"));
}

TEST_F(StoreCommands, AnUnknownPoolIsNamedWithThoseThereAre) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"pool", "show", "huge"}, {"pool", "show", "tiny", "--version", "2"}}) {
    const Outcome outcome = world_.pema(arguments);
    EXPECT_EQ(outcome.status, 3);
    EXPECT_THAT(outcome.err, HasSubstr("tiny version 1"));
  }
}

TEST_F(StoreCommands, VerifyFindsAFlippedByteAnywhereInAnObject) {
  EXPECT_EQ(json({"pool", "verify"})["ok"], true);
  const std::string object = world_.pool_object();
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(object));
  for (const std::int64_t offset : {std::int64_t{0}, std::int64_t{9}, bytes / 2, bytes - 1}) {
    flip_byte(object, offset);
    const Outcome outcome = world_.pema({"pool", "verify", "--json"});
    EXPECT_EQ(outcome.status, 6) << offset;
    EXPECT_EQ(outcome.json()["ok"], false);
    EXPECT_GE(outcome.json()["damages"].size(), 1U);
    EXPECT_THAT(world_.pema({"pool", "verify"}).out, HasSubstr("damaged"));
    flip_byte(object, offset);
  }
  EXPECT_EQ(json({"pool", "verify"})["ok"], true);
}

TEST_F(StoreCommands, ProfilesAreListedInNameOrderAndInPages) {
  const nlohmann::json all = json({"profile", "ls"});
  EXPECT_EQ(all["count"], 3);
  ASSERT_EQ(all["profiles"].size(), 3U);
  EXPECT_EQ(all["profiles"][0]["name"], "alice");
  EXPECT_EQ(all["profiles"][2]["name"], "reader");
  const nlohmann::json page = json({"profile", "ls", "--after", "alice", "--limit", "1"});
  ASSERT_EQ(page["profiles"].size(), 1U);
  EXPECT_EQ(page["profiles"][0]["name"], "bob");
  EXPECT_EQ(json({"profile", "ls", "--after", "z"})["profiles"].size(), 0U);
}

TEST_F(StoreCommands, UsersOfAPoolAndOfAnAdapter) {
  const nlohmann::json users = json({"pool", "users", "tiny"});
  EXPECT_EQ(users["names"], nlohmann::json({"alice", "bob"}));
  EXPECT_EQ(users["profiles"], 2);
  const nlohmann::json listed = json({"profile", "ls", "--pool", "tiny"});
  ASSERT_EQ(listed["profiles"].size(), 2U);
  EXPECT_EQ(listed["profiles"][1]["name"], "bob");
  (void)json({"profile", "set", "eve", "--pool", "tiny", "--adapters", "1,5,9"});
  (void)json({"profile", "set", "fay", "--pool", "tiny", "--adapters", "1,5,8"});
  (void)json({"profile", "set", "gus", "--pool", "tiny", "--adapters", "12"});
  const nlohmann::json nine = json({"pool", "users", "tiny", "--adapter", "12", "--after", "f"});
  EXPECT_EQ(nine["names"], nlohmann::json({"gus"}));
  EXPECT_EQ(world_.pema({"pool", "users", "tiny", "--adapter", "13"}).status, 2);
  const nlohmann::json similar = json({"profile", "similar", "eve", "-k", "1"});
  ASSERT_EQ(similar["similar"].size(), 1U);
  EXPECT_EQ(similar["similar"][0]["name"], "fay");
  EXPECT_EQ(similar["similar"][0]["overlap"], 2);
  EXPECT_EQ(world_.pema({"profile", "similar", "nobody"}).status, 3);
}

TEST_F(StoreCommands, NamesThatLookLikeCommandsAreNames) {
  EXPECT_EQ(world_.pema({"profile", "set", "ls"}).status, 0);
  EXPECT_EQ(json({"profile", "show", "ls"})["name"], "ls");
  EXPECT_EQ(world_.pema({"profile", "set", "generate"}).status, 0);
  EXPECT_EQ(json({"profile", "show", "generate"})["name"], "generate");
}

TEST_F(StoreCommands, SetMakesAMaskByHandAndLeavesTheRestAsItWas) {
  const nlohmann::json made = json({"profile", "set", "eve", "--pool", "tiny", "--adapters",
                                    "1,5,9", "--lambda", "0.25", "--curve", "linear"});
  EXPECT_EQ(made["generation"], 1);
  EXPECT_EQ(made["mask"]["down"]["adapters"], nlohmann::json({1, 5, 9}));
  EXPECT_EQ(made["mask"]["down"]["hex"], "2202");
  EXPECT_EQ(made["schedule"]["lambda"], 0.25);
  const nlohmann::json changed =
      json({"profile", "set", "eve", "--lambda-shared", "0.3", "--read", "handbook"});
  EXPECT_EQ(changed["generation"], 2);
  EXPECT_EQ(changed["mask"], made["mask"]);
  EXPECT_EQ(changed["schedule"]["lambda"], 0.25);
  EXPECT_EQ(changed["schedule"]["curve"], "linear");
  EXPECT_EQ(changed["segments"][0]["name"], "handbook");
  EXPECT_EQ(json({"profile", "set", "eve", "--read-nothing"})["segments"].size(), 0U);
  EXPECT_EQ(json({"profile", "set", "eve", "--mask-hex", "0110"})["mask"]["down"]["adapters"],
            nlohmann::json({0, 12}));
  EXPECT_EQ(json({"profile", "set", "frank", "--mask-from", "eve"})["mask"]["down"]["hex"], "0110");
  EXPECT_TRUE(json({"profile", "set", "eve", "--pool", "none"})["mask"].is_null());
}

TEST_F(StoreCommands, SetRefusesWhatDoesNotFit) {
  const auto status = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"profile", "set"});
    return world_.pema(arguments).status;
  };
  EXPECT_EQ(status({"alice", "--adapters", "13"}), 2);
  EXPECT_EQ(status({"alice", "--mask-hex", "ff"}), 2);
  EXPECT_EQ(status({"alice", "--mask-hex", "zzzz"}), 2);
  EXPECT_EQ(status({"alice", "--lambda", "1.5"}), 2);
  EXPECT_EQ(status({"alice", "--curve", "round"}), 2);
  EXPECT_EQ(status({"alice", "--pool", "huge"}), 3);
  EXPECT_EQ(status({"alice", "--read", "diary"}), 3);
  EXPECT_EQ(status({"alice", "--mask-from", "mallory"}), 3);
  EXPECT_EQ(status({"alice", "--new"}), 4);
  EXPECT_EQ(status({"alice", "--gate"}), 2);  // its pool has none
  EXPECT_EQ(status({"poolless", "--adapters", "1"}), 2);
  EXPECT_EQ(status({"bad\nname"}), 2);
  EXPECT_EQ(json({"profile", "show", "alice"})["generation"], 1);
}

TEST_F(StoreCommands, RemovingTakesAllOrNothing) {
  EXPECT_EQ(world_.pema({"profile", "rm", "alice", "mallory"}).status, 3);
  EXPECT_EQ(world_.pema({"profile", "show", "alice"}).status, 0);
  EXPECT_EQ(json({"profile", "rm", "alice", "bob"})["removed"], nlohmann::json({"alice", "bob"}));
  EXPECT_EQ(world_.pema({"profile", "show", "alice"}).status, 3);
}

TEST_F(StoreCommands, ANameComesOutAsItIsInJsonAndHarmlessInTables) {
  const std::string name = "Zo\xc3\xab \"x\"";
  ASSERT_EQ(world_.pema({"profile", "set", name}).status, 0);
  EXPECT_EQ(json({"profile", "show", name})["name"], name);
  EXPECT_THAT(world_.pema({"profile", "ls"}).out, HasSubstr(name));
}

TEST_F(StoreCommands, DoctorLooksAtTheStore) {
  const nlohmann::json report = world_.pema({"doctor", "--json"}).json();
  EXPECT_EQ(report["checks"].back()["name"], "store");
  EXPECT_EQ(report["checks"].back()["ok"], true);
  flip_byte(world_.pool_object(), -1);
  const Outcome damaged = world_.pema({"doctor", "--json"});
  EXPECT_EQ(damaged.status, 1);
  EXPECT_EQ(damaged.json()["checks"].back()["ok"], false);
}

}  // namespace
}  // namespace pema::test
