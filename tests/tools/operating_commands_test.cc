/// What operators do with pools, tenants and many people, as they meet it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/tiny_pool.h"
#include "tests/tools/world.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

class OperatingCommands : public ::testing::Test {
 protected:
  nlohmann::json json(std::vector<std::string> arguments, int status = 0) const {
    arguments.emplace_back("--json");
    const Outcome outcome = world_.pema(arguments);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    return outcome.json();
  }
  /// The next version of the pool "tiny": the same adapters and some more.
  void grow() const {
    Store store = Store::open(world_.store(), OpenMode::kReadWrite);
    const PoolRecord record = *store.find_pool("tiny");
    const auto pool = store.load_pool(record);
    std::vector<std::shared_ptr<const AdapterBlock>> blocks(pool->blocks().begin(),
                                                            pool->blocks().end());
    std::mt19937 random(9);
    blocks.push_back(random_block(random, 4, kRank, record.info.hidden));
    store.put_pool("tiny", Pool(record.info, pool->shared_block(), blocks));
  }
  World world_;
};

TEST_F(OperatingCommands, AGrownPoolIsRebasedAndTheOldVersionCollected) {
  const nlohmann::json before = world_.generate({"--profile", "alice", "-n", "12", "ab"});
  grow();
  EXPECT_EQ(json({"pool", "gc", "--dry-run"})["versions"].size(), 0U) << "people are over it";
  const nlohmann::json one = json({"profile", "rebase", "alice"});
  EXPECT_EQ(one["rebased"], 1);
  EXPECT_EQ(one["version"], 2);
  EXPECT_EQ(json({"profile", "rebase", "--all", "--pool", "tiny", "--to", "2"})["rebased"], 1);
  EXPECT_EQ(json({"profile", "show", "bob"})["mask"]["size"], kAdapters + 4);
  nlohmann::json after = world_.generate({"--profile", "alice", "-n", "12", "ab"});
  EXPECT_EQ(after["text"], before["text"]);
  const nlohmann::json dry = json({"pool", "gc", "--dry-run"});
  ASSERT_EQ(dry["versions"].size(), 1U);
  EXPECT_EQ(dry["versions"][0]["version"], 1);
  EXPECT_EQ(dry["bytes"], 0) << "version 2 names all its files";
  EXPECT_EQ(json({"pool", "ls"})["pools"].size(), 2U);
  EXPECT_THAT(world_.pema({"pool", "gc"}).out, HasSubstr("removed 1 version with 0 objects"));
  EXPECT_EQ(json({"pool", "ls"})["pools"].size(), 1U);
  EXPECT_EQ(json({"store", "verify", "--full"})["ok"], true);
  EXPECT_EQ(world_.pema({"profile", "rebase"}).status, 2);
  EXPECT_EQ(world_.pema({"profile", "rebase", "--all"}).status, 2);
  EXPECT_EQ(world_.pema({"profile", "rebase", "reader"}).status, 2) << "it has no pool";
  EXPECT_EQ(world_.pema({"profile", "rebase", "nobody"}).status, 3);
}

TEST_F(OperatingCommands, ARetiredAdapterIsNamedAndNotChosenAgain) {
  EXPECT_EQ(json({"pool", "retire", "tiny", "--adapter", "3", "--adapter", "5"})["retired"],
            (nlohmann::json{3, 5}));
  EXPECT_EQ(json({"pool", "show", "tiny"})["retired"], (nlohmann::json{3, 5}));
  EXPECT_THAT(world_.pema({"pool", "show", "tiny"}).out,
              HasSubstr("retired    adapter 3, still selected by 2 profiles"));
  EXPECT_EQ(json({"pool", "users", "tiny", "--adapter", "3"})["profiles"], 2);
  const Outcome refused = world_.pema(
      {"profile", "set", "carol", "--pool", "tiny", "--adapters", "3", "--lambda", "0.5"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_EQ(world_.pema({"profile", "set", "alice", "--lambda", "0.4"}).status, 0);
  EXPECT_EQ(json({"pool", "retire", "tiny", "--adapter", "3", "--undo"})["retired"],
            (nlohmann::json{5}));
  EXPECT_EQ(world_.pema({"pool", "retire", "tiny", "--adapter", "99"}).status, 2);
  EXPECT_EQ(world_.pema({"pool", "retire", "none", "--adapter", "1"}).status, 3);
}

TEST_F(OperatingCommands, ManyProfilesGoIntoOneFileAndBack) {
  const std::string file = world_.file("many.pema");
  const nlohmann::json packed = json({"profile", "pack", file, "--all"});
  EXPECT_EQ(packed["profiles"], 3);
  EXPECT_EQ(world_.pema({"profile", "pack", file, "alice"}).status, 4) << "the file exists";
  EXPECT_EQ(world_.pema({"profile", "pack", file, "--force"}).status, 2) << "whom?";
  EXPECT_EQ(world_.pema({"profile", "unpack", file}).status, 4) << "names are taken";
  EXPECT_EQ(json({"profile", "unpack", file, "--replace"})["digest"], packed["digest"]);
  const std::string other = world_.file("other");
  ASSERT_EQ(world_.pema({"init", "--store", other}).status, 0);
  flip_byte(file, 200);
  EXPECT_EQ(world_.pema({"profile", "unpack", file, "--store", other}).status, 6);
  flip_byte(file, 200);
  EXPECT_EQ(json({"profile", "unpack", file, "--store", other})["profiles"], 3);
  EXPECT_EQ(json({"profile", "ls", "--store", other})["count"], 3);
  EXPECT_EQ(
      json({"profile", "pack", file, "--prefix", "al", "--pool", "tiny", "--force"})["profiles"],
      1);
}

TEST_F(OperatingCommands, TenantsHaveLimits) {
  const auto add = [&](const std::string& name) {
    return world_.pema({"profile", "set", name, "--mask-from", "alice"});
  };
  EXPECT_EQ(add("acme/ada").status, 0);
  const nlohmann::json tenant =
      json({"store", "tenant", "set", "acme", "--profiles", "1", "--bytes", "1M"});
  EXPECT_EQ(tenant["profiles"], 1);
  EXPECT_EQ(tenant["most_bytes"], 1 << 20);
  EXPECT_TRUE(tenant["retention_seconds"].is_null());
  const Outcome refused = add("acme/bob");
  EXPECT_EQ(refused.status, 15);
  EXPECT_THAT(refused.err, HasSubstr("pema store tenant set"));
  EXPECT_EQ(json({"store", "tenant", "set", "acme", "--retention", "2d"})["most_profiles"], 1)
      << "what is not given stays";
  EXPECT_THAT(world_.pema({"store", "tenant", "ls"}).out, HasSubstr("2 days"));
  EXPECT_EQ(world_.pema({"store", "tenant", "set", "acme"}).status, 2);
  EXPECT_EQ(world_.pema({"store", "tenant", "set", "a/b", "--profiles", "1"}).status, 2);
  EXPECT_EQ(world_.pema({"store", "tenant", "rm", "acme"}).status, 0);
  EXPECT_EQ(world_.pema({"store", "tenant", "rm", "acme"}).status, 3);
  EXPECT_EQ(add("acme/bob").status, 0);
}

TEST_F(OperatingCommands, PeopleWhoseTimeIsOverAreErased) {
  EXPECT_EQ(json({"profile", "expire", "alice", "--at", "2001-02-03T04:05:06Z"})["expires"],
            "2001-02-03T04:05:06Z");
  EXPECT_EQ(world_.pema({"profile", "expire", "bob", "--in", "90d"}).status, 0);
  EXPECT_EQ(json({"profile", "show", "alice"})["expires"], "2001-02-03T04:05:06Z");
  EXPECT_TRUE(json({"profile", "show", "reader"})["expires"].is_null());
  const nlohmann::json dry = json({"store", "expire", "--dry-run"});
  EXPECT_EQ(dry["due"], 1);
  EXPECT_EQ(dry["names"], (nlohmann::json{"alice"}));
  const nlohmann::json done = json({"store", "expire"});
  EXPECT_EQ(done["erased"], 1);
  EXPECT_EQ(done["complete"], true);
  EXPECT_EQ(done["receipts"][0]["places"][0]["state"], "erased");
  EXPECT_EQ(world_.pema({"profile", "show", "alice"}).status, 3);
  EXPECT_THAT(world_.pema({"store", "expire"}).out, HasSubstr("erased 0 of 0"));
  EXPECT_EQ(world_.pema({"profile", "expire", "bob", "--never"}).status, 0);
  EXPECT_TRUE(json({"profile", "show", "bob"})["expires"].is_null());
  for (const char* wrong :
       {"1969-12-31", "2001-02-30", "2001-2-3", "soon", "2001-02-03T25:00", ""}) {
    EXPECT_EQ(world_.pema({"profile", "expire", "bob", "--at", wrong}).status, 2) << wrong;
  }
  for (const char* wrong : {"90", "d", "0d", "-1d", "9999999999d"}) {
    EXPECT_EQ(world_.pema({"profile", "expire", "bob", "--in", wrong}).status, 2) << wrong;
  }
  EXPECT_EQ(world_.pema({"profile", "expire", "bob"}).status, 2);
}

}  // namespace
}  // namespace pema::test
