#include <gtest/gtest.h>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

/// Changes rows behind the store's back; in registry.db with foreign keys off, as damage does not
/// ask.
struct VerifyTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;

  VerifyTest() {
    const PoolId pool = tiny.put_pool().id;
    const SegmentId docs = store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs").id;
    store.put_profile(draft_of("ada", pool, {docs}));
    store.put_profile(draft_of("bob", pool, {docs}));
  }
  void change(const std::string& sql) {
    const std::string off =
        on_postgres() ? "" : "PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON; ";
    change_tables(tiny.path, off + sql);
  }
  void expect_damage(const std::string& what, const std::string& why) {
    bool found = false;
    std::string all;
    for (const Damage& damage : store.verify()) {
      all += damage.what + ": " + damage.why + "\n";
      found = found || (damage.what.find(what) != std::string::npos &&
                        damage.why.find(why) != std::string::npos);
    }
    EXPECT_TRUE(found) << "no '" << what << "' with '" << why << "' in:\n" << all;
  }
};

TEST_F(VerifyTest, AWholeStoreHasNoDamage) { EXPECT_TRUE(store.verify().empty()); }

TEST_F(VerifyTest, DamagedColumnsOfOneProfileDoNotHideTheOthers) {
  change("UPDATE profile SET data = substr(data, 1, 5) WHERE id = 1");  // without its mask
  change("UPDATE profile SET data = substr(data, 1, 0) WHERE id = 2");
  expect_damage("profile 'ada'", "too early");
  expect_damage("profile 'bob'", "too early");
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(store.find_profile("ada")); }, "profile 'ada'");
}

TEST_F(VerifyTest, AMaskLongerThanItsPool) {
  change("UPDATE pool SET adapters = 7");
  expect_damage("profile 'ada'", "longer");
}

TEST_F(VerifyTest, AMissingPool) {
  PEMA_REGISTRY_DB_ONLY("a reference that PostgreSQL keeps itself");
  change("UPDATE setting SET pool = 9");
  expect_damage("table setting", "pool");
}

TEST_F(VerifyTest, NamesRowsAndSettingsThatDoNotMeet) {
  change("DELETE FROM profile WHERE id = 1");
  expect_damage("profile 'ada'", "no row");
  expect_damage("setting 1", "counts 2 profiles, there are 1");
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(store.find_profile("ada")); }, "no row");
  change("DELETE FROM profile_name WHERE name = 'bob'");
  expect_damage("profile 2", "no name");
  change("UPDATE profile_name SET profile = 2; INSERT INTO profile_name VALUES ('cat', 2)");
  expect_damage("profile 2", "two names");
  change("DELETE FROM setting");
  expect_damage("profile 'ada'", "setting 1 is not there");
  change("UPDATE counter SET value = 1");
  expect_damage("table profile", "behind");
}

TEST_F(VerifyTest, AMissingSegment) {
  change("DELETE FROM segment");
  expect_damage("segment 1", "2 profiles");
}

TEST_F(VerifyTest, AWrongReaderCount) {
  change("UPDATE segment SET readers = 5");
  expect_damage("segment 1", "5 readers, there are 2");
}

TEST_F(VerifyTest, APoolRowThatIsNotItsObjects) {
  change("UPDATE pool SET mask_scale = 0.7");
  expect_damage("pool 'main' version 1", "digest");
  expect_error(ErrorCode::kCorrupt, [&] { static_cast<void>(store.load_pool(PoolId{1})); });
}

TEST_F(VerifyTest, APoolWithoutItsBlocks) {
  change("DELETE FROM pool_block");
  expect_damage("pool 'main' version 1", "digest");
}

TEST_F(VerifyTest, ASegmentRowThatIsNotItsObject) {
  change("UPDATE segment SET entries = 6");
  expect_damage("segment 1", "disagree");
}

TEST_F(VerifyTest, AnUnknownEnum) {
  change("UPDATE pool SET algebra = 7");
  expect_damage("table pool", "algebra");
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(store.find_pool("main")); }, "7");
}

}  // namespace
}  // namespace pema::test
