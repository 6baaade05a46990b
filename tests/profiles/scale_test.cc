#include <gtest/gtest.h>

#include "profiles/migrations.h"
#include "profiles/profile_row.h"
#include "profiles/registry.h"
#include "profiles/setting_table.h"
#include "profiles/sqlite/transaction.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct ScaleTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;
  SegmentId docs = store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs").id;
  SegmentId own = store.put_segment(*tiny_segment(2), SegmentKind::kOwn).id;

  /// Every kind of profile there is.
  std::vector<ProfileDraft> drafts() {
    std::vector<ProfileDraft> all{draft_of("hard", pool, {docs}),
                                  draft_of("own", pool, {docs, own}), draft_of("soft", pool),
                                  draft_of("none", PoolId{})};
    all[2].mask = {};
    all[2].mask.down_weights = {0.5F, 0.0F, -1.0F, 0.0F, 0.0F, 0.0F, 0.0F, 2.0F};
    all[3].mask = {};
    all[3].segments = {docs};
    return all;
  }
};

void expect_same(const ProfileRecord& record, const ProfileDraft& draft) {
  EXPECT_EQ(record.pool, draft.pool);
  EXPECT_EQ(record.mask, draft.mask);
  EXPECT_EQ(record.schedule, draft.schedule);
  EXPECT_EQ(record.segments, draft.segments);
}

TEST_F(ScaleTest, OlderSchemasKeepTheirProfiles) {
  PEMA_REGISTRY_DB_ONLY("schema 3");
  store.put_profiles(drafts());
  const std::string old = tiny.folder.file("old");
  std::filesystem::create_directories(old);
  std::filesystem::copy(tiny.path + "/objects", old + "/objects",
                        std::filesystem::copy_options::recursive);
  {
    profiles::sqlite::Database database(old + "/registry.db", OpenMode::kCreate);
    profiles::create_schema(database, profiles::migrations().first(3));
    database.execute("ATTACH '" + tiny.registry() + "' AS new");
    database.execute(
        "INSERT INTO model SELECT * FROM new.model; INSERT INTO pool SELECT "
        "id, name, version, digest, model, hidden, site, form, algebra, norm, adapters, rank, "
        "mask_scale, recipe, shared, gate FROM new.pool; "
        "INSERT INTO pool_block SELECT * FROM new.pool_block;"
        "INSERT INTO segment SELECT id, name, kind, digest, model, site, hidden, vocab, entries, "
        "bytes, readers, keys, codebook FROM new.segment");
    std::int64_t generation = 1;
    for (const ProfileDraft& draft : drafts()) {
      profiles::sqlite::Query row = database.query(
          "INSERT INTO profile (name, generation, pool, schedule, segments, mask) "
          "VALUES (?1, ?2, nullif(?3, 0), ?4, ?5, ?6)");
      row->bind(1, std::string_view(draft.name)).bind(2, generation++).bind(3, draft.pool.value);
      row->bind(4, profiles::encode_schedule(draft.schedule));
      row->bind(5, profiles::encode_segments(draft.segments));
      row->bind(6, profiles::encode_mask(draft.mask)).run();
    }
    database.execute("UPDATE sqlite_sequence SET seq = 50 WHERE name = 'profile'");
  }
  Store brought = Store::open(old, OpenMode::kReadWrite);
  EXPECT_TRUE(brought.verify().empty());
  EXPECT_EQ(brought.profile_count(), 4);
  std::int64_t number = 1;
  for (const ProfileDraft& draft : drafts()) {
    const ProfileRecord record = *brought.find_profile(draft.name);
    expect_same(record, draft);
    EXPECT_EQ(record.id, ProfileId{number});
    EXPECT_EQ(record.generation, number++);
  }
  EXPECT_EQ(brought.put_profile(draft_of("new", pool)).id, ProfileId{51});
  EXPECT_EQ(brought.put_profile(drafts()[1], OnExisting::kReplace).generation, 3);
  expect_same(*brought.find_profile("own"), drafts()[1]);
  EXPECT_TRUE(brought.remove_profile("own"));
  EXPECT_FALSE(brought.find_segment(own).has_value()) << "its last reader went";
  EXPECT_TRUE(brought.verify().empty());
}

TEST_F(ScaleTest, EveryKindOfProfileComesBack) {
  store.put_profiles(drafts());
  for (const ProfileDraft& draft : drafts()) {
    expect_same(*store.find_profile(draft.name), draft);
  }
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(ScaleTest, PagesByNumberHoldEachProfileOnce) {
  store.put_profiles(drafts());
  std::vector<std::string> names;
  ProfileId after;
  for (;;) {
    const std::vector<ProfileRecord> page = store.profiles_by_number(after, 3);
    if (page.empty()) break;
    std::vector<ProfileId> ids;
    for (const ProfileRecord& record : page) {
      EXPECT_GT(record.id, after);
      after = record.id;
      ids.push_back(record.id);
    }
    for (const std::string& name : store.profile_names(ids)) names.push_back(name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"hard", "none", "own", "soft"}));
  EXPECT_EQ(store.profile_names(std::vector<ProfileId>{{99}}), std::vector<std::string>{""});
  expect_error(ErrorCode::kInvalidArgument,
               [&] { static_cast<void>(store.profiles_by_number(ProfileId{}, -1)); });
}

TEST_F(ScaleTest, UsersOfAPoolAndOfAnAdapter) {
  store.put_profiles(drafts());
  EXPECT_EQ(store.pool_users(pool).profiles, 3);
  EXPECT_EQ(store.pool_users(pool).names, (std::vector<std::string>{"hard", "own", "soft"}));
  EXPECT_EQ(store.pool_users(pool, {}, "hard", 1).names, std::vector<std::string>{"own"});
  EXPECT_EQ(store.pool_users(pool, 1).names, (std::vector<std::string>{"hard", "own"}));
  EXPECT_EQ(store.pool_users(pool, 2).names, std::vector<std::string>{"soft"});
  EXPECT_EQ(store.pool_users(pool, 3).profiles, 0);
  store.remove_profile("own");
  EXPECT_EQ(store.pool_users(pool).profiles, 2);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { static_cast<void>(store.pool_users(pool, 8)); }, "0 to 7");
  expect_error(ErrorCode::kNotFound, [&] { static_cast<void>(store.pool_users(PoolId{9})); });
}

TEST_F(ScaleTest, AWalkCanBeEnded) {
  store.put_profiles(drafts());
  int blocks = 0;
  store.visit_profiles(pool, [&](std::span<const ProfileRecord> block) {
    EXPECT_EQ(block.size(), 3U);
    ++blocks;
    return false;
  });
  EXPECT_EQ(blocks, 1);
}

TEST_F(ScaleTest, WithoutRoomForSettingsProfilesSayEverythingThemselves) {
  PEMA_REGISTRY_DB_ONLY("the words that make many settings");
  {
    profiles::sqlite::Database database(tiny.registry(), OpenMode::kReadWrite);
    database.execute(
        message("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ",
                profiles::SettingTable::kMost,
                ") INSERT INTO setting (schedule, segments, mask) SELECT CAST(i AS BLOB), x'', x'' "
                "FROM n"));
  }
  store.put_profiles(drafts());
  for (const ProfileDraft& draft : drafts()) {
    expect_same(*store.find_profile(draft.name), draft);
  }
  profiles::sqlite::Database database(tiny.registry(), OpenMode::kReadOnly);
  EXPECT_EQ(database.integer("SELECT count(*) FROM setting WHERE schedule IS NULL"), 2)
      << "with the pool and without one";
  EXPECT_TRUE(store.verify().empty());
  store.remove_profile("own");
  EXPECT_FALSE(store.find_segment(own).has_value());
  EXPECT_TRUE(store.verify().empty());
}

TEST(RegistryTest, NumbersOfATransactionThatFailedMeanNothing) {
  PEMA_REGISTRY_DB_ONLY("numbers that come back after a rollback");
  TemporaryFolder folder;
  profiles::Registry registry(folder.file("store"), OpenMode::kCreate);
  const auto put = [&](const ProfileDraft& draft) {
    registry.put_profiles(std::span(&draft, 1), OnExisting::kRefuse);
  };
  profiles::sqlite::Transaction model(registry.database());
  registry.put_model(tiny_model(), "");
  model.commit();
  PoolId first;
  {
    profiles::sqlite::Transaction given_up(registry.database());
    first = registry.put_pool("a", tiny_pool({tiny_block(1)})).id;
    put(draft_of("ada", first));
  }
  profiles::sqlite::Transaction transaction(registry.database());
  ASSERT_EQ(registry.put_pool("b", tiny_pool({tiny_block(1, 4)})).id, first);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { put(draft_of("ada", first)); }, "longer");
  ProfileDraft shorter = draft_of("ada", first);
  shorter.mask.down = BitMask(4);
  put(shorter);
  EXPECT_EQ(registry.find_profile("ada")->mask.size(), 4);
}

TEST_F(ScaleTest, ASettingGoesWithItsLastProfile) {
  const auto settings = [&] {
    return tables_of(tiny.path)->integer("SELECT count(*) FROM setting");
  };
  store.put_profile(draft_of("ada", pool));
  store.put_profile(draft_of("bob", pool));
  EXPECT_EQ(settings(), 1);
  store.put_profile(draft_of("bob", pool, {docs}), OnExisting::kReplace);
  EXPECT_EQ(settings(), 2);
  store.remove_profile("bob");
  EXPECT_EQ(settings(), 1);
  store.remove_profile("ada");
  EXPECT_EQ(settings(), 0);
}

TEST(ProfileRowTest, DamagedRowsAreRefusedOrOtherRows) {
  profiles::Setting shared;
  shared.id = 1;
  shared.pool = PoolId{3};
  shared.segments = {SegmentId{4}};
  shared.mask = {.soft = false, .up_side = true, .size = 12};
  profiles::Setting bare;
  bare.bare = true;
  for (const profiles::Setting& setting : {shared, bare}) {
    ProfileMask mask;
    mask.down = BitMask::from_indices(12, std::vector<std::int64_t>{0, 11});
    mask.up = BitMask::from_indices(12, std::vector<std::int64_t>{7});
    const std::vector<SegmentId> beside{{2}, {300}};
    std::vector<std::byte> good;
    profiles::encode_row(good, setting, LambdaSchedule{}, mask, beside);
    const auto check = [&](const std::vector<std::byte>& bytes) {
      ProfileRecord record;
      const std::optional<Error> error =
          error_of([&] { profiles::decode_row(bytes, setting, "test", record); });
      if (error) {
        EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
        return;
      }
      std::vector<SegmentId> others;
      for (const SegmentId id : record.segments) {
        if (setting.bare || id != SegmentId{4}) others.push_back(id);
      }
      std::vector<std::byte> again;
      profiles::encode_row(again, setting, record.schedule, record.mask, others);
      EXPECT_EQ(again, bytes);
    };
    check(good);
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (int value = 0; value < 256; ++value) {
        std::vector<std::byte> bad = good;
        bad[i] = static_cast<std::byte>(value);
        check(bad);
      }
      std::vector<std::byte> shorter = good;
      shorter.resize(i);
      check(shorter);
    }
  }
}

}  // namespace
}  // namespace pema::test
