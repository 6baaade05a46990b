// A pool's gate and the profiles that use it, in a store, in bundles and under checks.
#include <gtest/gtest.h>

#include <filesystem>

#include "profiles/bundle.h"
#include "profiles/migrations.h"
#include "profiles/profile_codec.h"
#include "profiles/sqlite/database.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

std::shared_ptr<const MixtureGate> tiny_gate(float first = 0.5F) {
  MixtureGate::Weights weights{};
  weights[0][1][8] = first;
  weights[3][2][0] = -2.0F;
  return std::make_shared<const MixtureGate>(weights,
                                             GateRecall{.neighbours = 5, .temperature = 0.25});
}

Pool gated_pool(std::shared_ptr<const MixtureGate> gate) {
  const Pool plain = tiny_pool({tiny_block(1)});
  return {plain.info(), plain.shared_block(), {tiny_block(1)}, std::move(gate)};
}

struct GateTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolRecord plain = tiny.put_pool();
  PoolRecord gated = store.put_pool("main", gated_pool(tiny_gate()));

  ProfileRecord put(const std::string& name, PoolId pool) {
    ProfileDraft draft = draft_of(name, pool);
    draft.schedule.gate = true;
    return store.put_profile(draft);
  }
};

TEST_F(GateTest, AGateIsPartOfThePoolAndItsAbsenceChangesNothing) {
  EXPECT_EQ(plain.version, 1);
  EXPECT_TRUE(plain.gate_object.is_zero());
  EXPECT_EQ(plain.digest, gated_pool(nullptr).digest());
  EXPECT_EQ(gated.version, 2);
  EXPECT_NE(gated.digest, plain.digest);
  EXPECT_NE(gated.digest, gated_pool(tiny_gate(0.25F)).digest());
  EXPECT_EQ(store.put_pool("main", gated_pool(tiny_gate())).id, gated.id);
  const Store reopened = Store::open(tiny.path, OpenMode::kReadOnly);
  EXPECT_EQ(*reopened.load_pool(gated.id)->gate(), *tiny_gate());
  EXPECT_EQ(reopened.load_pool(plain.id)->gate(), nullptr);
  EXPECT_EQ(reopened.find_pool("main")->gate_object, tiny_gate()->digest());
}

TEST_F(GateTest, AProfileSaysWhetherItIsWeighedByTheGate) {
  EXPECT_TRUE(put("ada", gated.id).schedule.gate);
  EXPECT_FALSE(store.put_profile(draft_of("bob", gated.id)).schedule.gate);
  EXPECT_TRUE(store.find_profile("ada")->schedule.gate);
  for (const PoolId pool : {plain.id, PoolId{}}) {
    ProfileDraft draft = draft_of("eve", pool);
    draft.schedule.gate = true;
    if (!pool) draft.mask = {};
    expect_error(
        ErrorCode::kInvalidArgument, [&] { store.put_profile(draft); }, "gate");
  }
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(GateTest, TheFlagTakesNoRoomAndLeavesOtherProfilesTheirBytes) {
  LambdaSchedule schedule;
  schedule.curve = LambdaCurve::kSquared;
  const auto without = profiles::encode_schedule(schedule);
  EXPECT_EQ(without[0], std::byte{2});
  schedule.gate = true;
  const auto with = profiles::encode_schedule(schedule);
  EXPECT_EQ(with.size(), without.size());
  EXPECT_EQ(with[0], std::byte{6});
  EXPECT_EQ(profiles::decode_schedule(with, "test"), schedule);
  for (const int first : {3, 7, 8, 10}) {
    auto bad = with;
    bad[0] = static_cast<std::byte>(first);
    expect_error(ErrorCode::kCorrupt,
                 [&] { static_cast<void>(profiles::decode_schedule(bad, "test")); });
  }
}

TEST_F(GateTest, ABundleCarriesIt) {
  put("ada", gated.id);
  const std::string bundle = tiny.folder.file("ada.pema");
  store.export_profile("ada", bundle);
  TinyStore other;
  const ProfileRecord copy = other.store.import_profile(bundle);
  EXPECT_TRUE(copy.schedule.gate);
  EXPECT_EQ(*other.store.load_pool(copy.pool)->gate(), *tiny_gate());
  EXPECT_EQ(other.store.find_pool(copy.pool)->digest, gated.digest);
  EXPECT_TRUE(other.store.verify().empty());
}

TEST_F(GateTest, ABundleWhoseGateIsMissingIsRefused) {
  profiles::Bundle bundle;
  bundle.model = tiny_model();
  bundle.profile = "ada";
  bundle.schedule.gate = true;
  bundle.pool_name = "main";
  bundle.pool = std::make_shared<const Pool>(gated_pool(nullptr));
  expect_error(
      ErrorCode::kCorrupt,
      [&] { static_cast<void>(profiles::decode_bundle(profiles::encode_bundle(bundle), "test")); },
      "gate");
}

TEST_F(GateTest, VerifyFindsADamagedGateAndAFlagWithoutOne) {
  put("ada", gated.id);
  const std::string path = store.object_path(tiny_gate()->digest());
  const std::vector<std::byte> bytes = read_bytes(path);
  std::vector<std::byte> damaged = bytes;
  damaged.back() ^= std::byte{1};
  write_bytes(path, damaged);
  ASSERT_EQ(store.verify().size(), 1U);
  EXPECT_NE(store.verify()[0].why.find("damaged"), std::string::npos);
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(store.load_pool(gated.id)); }, path);
  std::filesystem::remove(path);
  EXPECT_NE(store.verify().at(0).why.find("missing"), std::string::npos);
  store.put_pool("again", gated_pool(tiny_gate()));  // storing it again repairs it
  EXPECT_TRUE(store.verify().empty());
  change_tables(tiny.path, "UPDATE pool SET gate = NULL");
  bool found = false;
  for (const Damage& damage : store.verify()) {
    found =
        found || (damage.what == "profile 'ada'" && damage.why.find("gate") != std::string::npos);
  }
  EXPECT_TRUE(found);
}

TEST_F(GateTest, AStoreOfSchemaOneIsBroughtForwardAsItWas) {
  PEMA_REGISTRY_DB_ONLY("schema 1");
  store.put_profile(draft_of("bob", plain.id));
  const std::string old = tiny.folder.file("old");
  std::filesystem::create_directories(old);
  std::filesystem::copy(tiny.path + "/objects", old + "/objects",
                        std::filesystem::copy_options::recursive);
  {
    profiles::sqlite::Database database(old + "/registry.db", OpenMode::kCreate);
    profiles::create_schema(database, profiles::migrations().first(1));
    database.execute("ATTACH '" + tiny.registry() + "' AS new");
    database.execute(
        "INSERT INTO model SELECT * FROM new.model; INSERT INTO pool SELECT id, name, version, "
        "digest, model, hidden, site, form, algebra, norm, adapters, rank, mask_scale, recipe, "
        "shared FROM new.pool WHERE gate IS NULL; INSERT INTO pool_block SELECT * FROM "
        "new.pool_block WHERE pool IN (SELECT id FROM pool)");
    const ProfileRecord bob = *store.find_profile("bob");
    profiles::sqlite::Query row = database.query(
        "INSERT INTO profile (name, generation, pool, schedule, segments, mask) "
        "VALUES ('bob', 1, ?1, ?2, x'', ?3)");
    row->bind(1, bob.pool.value).bind(2, profiles::encode_schedule(bob.schedule));
    row->bind(3, profiles::encode_mask(bob.mask)).run();
  }
  expect_error(
      ErrorCode::kUnsupported, [&] { static_cast<void>(Store::open(old, OpenMode::kReadOnly)); },
      "for writing");
  Store brought = Store::open(old, OpenMode::kReadWrite);
  EXPECT_TRUE(brought.verify().empty());
  EXPECT_EQ(brought.find_pool("main")->digest, plain.digest);
  EXPECT_EQ(brought.load_pool(plain.id)->gate(), nullptr);
  EXPECT_EQ(brought.find_profile("bob")->schedule, store.find_profile("bob")->schedule);
  EXPECT_EQ(brought.put_pool("main", gated_pool(tiny_gate())).version, 2);
}

}  // namespace
}  // namespace pema::test
