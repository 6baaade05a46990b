// Tenants' limits hold whoever writes and however; people go when their time is over.
#include <gtest/gtest.h>

#include <algorithm>

#include "pema/audit.h"
#include "pema/bulk_enrolment.h"
#include "pema/master_key.h"
#include "pema/operating.h"
#include "profiles/sqlite/database.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct TenantsTest : ::testing::Test {
  TinyStore tiny;
  std::int64_t clock = 1'000'000;
  Store store = Store::open(tiny.path, OpenMode::kReadWrite, {.clock = [this] { return clock; }});
  PoolId pool = tiny.put_pool().id;

  ProfileDraft with_segment(const std::string& name, std::uint64_t seed) {
    ProfileDraft draft = draft_of(name, pool);
    draft.own_segments = {tiny_segment(seed)};
    return draft;
  }
  TenantRecord tenant(const std::string& name) {
    for (const TenantRecord& record : store.tenants()) {
      if (record.name == name) return record;
    }
    return {};
  }
  static std::int64_t segment_bytes() { return std::ssize(tiny_segment(1)->serialise()); }
};

TEST_F(TenantsTest, TheLimitOfProfilesHoldsForEveryWay) {
  store.put_profile(draft_of("acme/ada", pool));
  EXPECT_EQ(store.set_tenant("acme", {.profiles = 2}).profiles, 1);
  store.put_profile(draft_of("acme/bob", pool));
  store.put_profile(draft_of("acmeother", pool));
  store.put_profile(draft_of("acme2/ada", pool));
  const std::string bundle = tiny.folder.file("one.pema");
  const std::string selection = tiny.folder.file("many.pema");
  store.export_profile("acmeother", bundle);
  const auto full = [&](const auto& write) {
    expect_error(ErrorCode::kQuota, write, "tenant 'acme' would have");
    EXPECT_EQ(tenant("acme").profiles, 2);
    EXPECT_FALSE(store.find_profile("acme/cyd").has_value());
    EXPECT_FALSE(store.find_profile("zoe").has_value()) << "nothing of the call is written";
  };
  full([&] { store.put_profile(draft_of("acme/cyd", pool)); });
  full([&] { store.put_profiles(std::vector{draft_of("acme/cyd", pool), draft_of("zoe", pool)}); });
  full([&] {
    BulkEnrolment bulk(store);
    bulk.add(draft_of("acme/cyd", pool));
    bulk.add(draft_of("zoe", pool));
    bulk.commit();
  });
  full([&] { store.import_profile(bundle, "acme/cyd"); });
  {
    TinyStore other;
    other.store.put_profile(draft_of("acme/cyd", other.put_pool().id));
    other.store.export_profiles({.prefix = "acme/"}, selection);
  }
  full([&] { store.import_profiles(selection); });

  EXPECT_EQ(store.put_profile(draft_of("acme/ada", pool), OnExisting::kReplace).generation, 2);
  store.remove_profile("acme/ada");
  EXPECT_EQ(tenant("acme").profiles, 1);
  store.put_profile(draft_of("acme/cyd", pool));
  EXPECT_EQ(store.erase_profile("acme/cyd", {}).complete(), !on_postgres());
  EXPECT_EQ(tenant("acme").profiles, 1);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(TenantsTest, BytesOfOwnSegmentsCountForEachReader) {
  const SegmentRecord docs = store.put_segment(*tiny_segment(9), SegmentKind::kShared, "docs");
  store.put_profile(with_segment("acme/ada", 1));
  EXPECT_EQ(store.set_tenant("acme", {.bytes = 2 * segment_bytes()}).bytes, segment_bytes());
  ProfileDraft bob = with_segment("acme/bob", 1);
  bob.segments = {docs.id};
  store.put_profile(bob);
  EXPECT_EQ(tenant("acme").bytes, 2 * segment_bytes()) << "once for each, shared ones not";
  expect_error(
      ErrorCode::kQuota, [&] { store.put_profile(with_segment("acme/cyd", 2)); }, "bytes");
  EXPECT_EQ(store.segments(SegmentKind::kOwn).size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(store.object_path(tiny_segment(2)->digest())));
  store.put_profile(draft_of("acme/cyd", pool));
  // A replacement counts what goes and what comes.
  store.put_profile(with_segment("acme/bob", 3), OnExisting::kReplace);
  EXPECT_EQ(tenant("acme").bytes, 2 * segment_bytes());
  store.put_profile(draft_of("acme/ada", pool), OnExisting::kReplace);
  EXPECT_EQ(tenant("acme").bytes, segment_bytes());
  store.remove_profile("acme/bob");
  EXPECT_EQ(tenant("acme").bytes, 0);
  EXPECT_EQ(tenant("acme").profiles, 2);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(TenantsTest, ALowerLimitStopsGrowthAlone) {
  for (const char* name : {"acme/a", "acme/b", "acme/c"}) {
    store.put_profile(draft_of(name, pool));
  }
  EXPECT_EQ(store.set_tenant("acme", {.profiles = 1}).profiles, 3);
  store.put_profile(draft_of("acme/a", pool), OnExisting::kReplace);
  store.remove_profile("acme/b");
  expect_error(ErrorCode::kQuota, [&] { store.put_profile(draft_of("acme/b", pool)); });
  store.set_tenant("acme", {});
  EXPECT_TRUE(store.tenants().empty());
  store.put_profile(draft_of("acme/b", pool));
  EXPECT_EQ(store.audit().back().kind, AuditKind::kEnrolled);
}

TEST_F(TenantsTest, ImpossibleLimitsAndWhoMaySetThem) {
  expect_error(ErrorCode::kInvalidArgument, [&] { store.set_tenant("", {.profiles = 1}); });
  expect_error(
      ErrorCode::kInvalidArgument, [&] { store.set_tenant("a/b", {.profiles = 1}); }, "slash");
  expect_error(ErrorCode::kInvalidArgument, [&] { store.set_tenant("a", {.profiles = -1}); });
  expect_error(ErrorCode::kInvalidArgument, [&] { store.set_tenant("a", {.bytes = -1}); });
  expect_error(ErrorCode::kInvalidArgument,
               [&] { store.set_tenant("a", {.retention_seconds = 0}); });
  Store enrolling = Store::open(tiny.path, OpenMode::kReadWrite, {.role = Role::kEnrol});
  expect_error(ErrorCode::kPermission, [&] { enrolling.set_tenant("a", {.profiles = 1}); });
  EXPECT_TRUE(store.tenants().empty());
}

TEST_F(TenantsTest, WritersInSeveralProcessesNeverExceedIt) {
  store.set_tenant("acme", {.profiles = 25});
  std::vector<pid_t> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.push_back(in_child([&, writer] {
      Store mine = Store::open(tiny.path, OpenMode::kReadWrite, {.durability = Durability::kFast});
      int written = 0;
      for (int i = 0; i < 20; ++i) {
        const auto error =
            error_of([&] { mine.put_profile(draft_of(message("acme/", writer, "-", i), pool)); });
        if (!error) ++written;
        if (error && error->code() != ErrorCode::kQuota) return 99;
      }
      return written;
    }));
  }
  int written = 0;
  for (const pid_t writer : writers) {
    const int status = status_of(writer);
    ASSERT_GE(status, 0);
    ASSERT_LT(status, 99);
    written += status;
  }
  EXPECT_EQ(written, 25);
  EXPECT_EQ(tenant("acme").profiles, 25);
  EXPECT_EQ(store.profile_count(), 25);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(TenantsTest, WrongCountsAreToldAndCountedAnew) {
  store.put_profile(draft_of("acme/ada", pool));
  store.set_tenant("acme", {.profiles = 9});
  tables_of(tiny.path)->execute(
      "UPDATE tenant SET profiles = 4; INSERT INTO expiry VALUES (77, 1)");
  const std::vector<Damage> damage = store.verify();
  ASSERT_EQ(damage.size(), 2U);
  EXPECT_EQ(damage[0].what, "profile 77");
  EXPECT_EQ(damage[1].what, "tenant 'acme'");
  EXPECT_EQ(store.set_tenant("acme", {.profiles = 9}).profiles, 1);
  EXPECT_TRUE(store.expire({}).receipts.empty());
  EXPECT_TRUE(store.verify().empty()) << "the date of nobody went";
}

TEST_F(TenantsTest, PeopleGoWhenTheirTimeIsOver) {
  store.put_profile(with_segment("ada", 1));
  store.put_profile(draft_of("bob", pool));
  store.put_profile(draft_of("cyd", pool));
  store.set_expiry("ada", clock + 10);
  store.set_expiry("bob", clock + 20);
  EXPECT_EQ(store.expiry(store.find_profile("ada")->id), clock + 10);
  EXPECT_EQ(store.expiry(store.find_profile("cyd")->id), std::nullopt);
  EXPECT_EQ(store.expire({}).due, 0);
  clock += 10;
  const ExpiryReport dry = store.expire({.dry_run = true});
  EXPECT_EQ(dry.due, 1);
  EXPECT_EQ(dry.names, std::vector<std::string>{"ada"});
  EXPECT_EQ(store.profile_count(), 3);
  const ExpiryReport report = store.expire({});
  EXPECT_EQ(report.due, 1);
  EXPECT_TRUE(report.names.empty());
  ASSERT_EQ(report.receipts.size(), 1U);
  EXPECT_EQ(report.receipts[0].complete(), !on_postgres()) << "a server keeps its log";
  EXPECT_EQ(store.audit().back().kind, AuditKind::kErased);
  EXPECT_FALSE(store.find_profile("ada").has_value());
  EXPECT_FALSE(std::filesystem::exists(store.object_path(tiny_segment(1)->digest())));
  clock += 100;
  store.set_expiry("bob", std::nullopt);
  EXPECT_EQ(store.expire({}).due, 0);
  EXPECT_EQ(store.profile_count(), 2);
  expect_error(ErrorCode::kNotFound, [&] { store.set_expiry("ada", 1); });
  expect_error(ErrorCode::kInvalidArgument, [&] { store.set_expiry("bob", -1); });
  expect_error(ErrorCode::kInvalidArgument, [&] { store.expire({.limit = 0}); });
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(TenantsTest, TheOldestDatesGoFirstUpToTheLimit) {
  for (const char* name : {"a", "b", "c"}) store.put_profile(draft_of(name, pool));
  store.set_expiry("a", 30);
  store.set_expiry("b", 10);
  store.set_expiry("c", 20);
  const ExpiryReport report = store.expire({.limit = 2});
  EXPECT_EQ(report.due, 3);
  EXPECT_EQ(report.receipts.size(), 2U);
  EXPECT_TRUE(store.find_profile("a").has_value());
  EXPECT_EQ(store.profile_count(), 1);
}

TEST_F(TenantsTest, ATenantsRetentionDatesNewProfilesAndNeverProlongs) {
  store.put_profile(draft_of("acme/old", pool));
  store.set_tenant("acme", {.retention_seconds = 100});
  const ProfileRecord ada = store.put_profile(draft_of("acme/ada", pool));
  store.put_profile(draft_of("ada", pool));
  EXPECT_EQ(store.expiry(ada.id), clock + 100);
  EXPECT_EQ(store.expiry(store.find_profile("acme/old")->id), std::nullopt);
  EXPECT_EQ(store.expiry(store.find_profile("ada")->id), std::nullopt);
  clock += 50;
  store.put_profile(draft_of("acme/ada", pool), OnExisting::kReplace);
  EXPECT_EQ(store.expiry(ada.id), clock + 50);
  clock += 50;
  EXPECT_EQ(store.expire({}).receipts.size(), 1U);
  // Whoever gets the name is another person with a time of her own.
  EXPECT_EQ(store.expiry(store.put_profile(draft_of("acme/ada", pool)).id), clock + 100);
  EXPECT_EQ(store.expire({}).due, 0);
  store.remove_profile("acme/ada");
  clock += 1000;
  EXPECT_EQ(store.expire({}).due, 0) << "the date went with her";
}

TEST_F(TenantsTest, AnEncryptedStoreCountsAndForgetsToo) {
  const auto key = MasterKey::from_callback(
      [](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{7}); });
  const std::string path = tiny.folder.file("sealed");
  Store sealed =
      Store::open(path, OpenMode::kCreate, {.key = key, .clock = [this] { return clock; }});
  sealed.encrypt();
  sealed.put_model(tiny_model(), "");
  pool = sealed.put_pool("main", tiny_pool({tiny_block(1)})).id;
  sealed.put_profile(with_segment("acme/ada", 1));
  sealed.put_profile(draft_of("other/eve", pool));
  const TenantRecord before = sealed.set_tenant("acme", {.profiles = 2, .retention_seconds = 5});
  EXPECT_EQ(before.profiles, 1);
  EXPECT_GT(before.bytes, 0);
  sealed.put_profile(draft_of("acme/bob", pool));
  expect_error(ErrorCode::kQuota, [&] { sealed.put_profile(draft_of("acme/cyd", pool)); });
  clock += 5;
  EXPECT_EQ(sealed.expire({.dry_run = true}).names, std::vector<std::string>{"acme/bob"});
  EXPECT_EQ(sealed.expire({}).receipts.size(), 1U);
  sealed.remove_profile("acme/ada");
  EXPECT_EQ(sealed.tenants()[0].profiles, 0);
  EXPECT_EQ(sealed.tenants()[0].bytes, 0);
  EXPECT_TRUE(sealed.verify().empty());
}

}  // namespace
}  // namespace pema::test
