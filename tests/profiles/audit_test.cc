// The audit log: what is written, that every change of it is found and placed, that it names
// nobody; and the roles that it records.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "pema/audit.h"
#include "pema/erasure.h"
#include "profiles/audit_log.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct AuditTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;  // event 1

  /// Events 2 to 5.
  void live() {
    const std::vector<ProfileDraft> drafts = {draft_of("ada", pool), draft_of("bob", pool)};
    store.put_profiles(drafts);
    store.put_profile(draft_of("ada", pool), OnExisting::kReplace);
    ASSERT_TRUE(store.remove_profile("bob"));
    ASSERT_TRUE(store.erase_profile("ada", {}).found);
  }
  void change(const std::string& sql) { change_tables(tiny.path, sql); }
  std::vector<std::string> damaged(const AuditHead& noted = {}) {
    std::vector<std::string> places;
    for (const Damage& damage : store.verify_audit(noted).damages) places.push_back(damage.what);
    return places;
  }
};

TEST_F(AuditTest, EveryWriteIsThereAndNobodyIsNamed) {
  live();
  const std::vector<AuditEvent> events = store.audit();
  ASSERT_EQ(events.size(), 5U);
  const auto expect = [&](std::size_t i, AuditKind kind, std::int64_t count) {
    EXPECT_EQ(events[i].sequence, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(events[i].kind, kind) << i;
    EXPECT_EQ(events[i].count, count) << i;
    EXPECT_EQ(events[i].role, Role::kAdmin);
  };
  expect(0, AuditKind::kPool, 1);
  expect(1, AuditKind::kEnrolled, 2);
  expect(2, AuditKind::kEnrolled, 1);
  expect(3, AuditKind::kRemoved, 1);
  expect(4, AuditKind::kErased, 1);
  EXPECT_EQ(store.audit(2, 2).size(), 2U);
  EXPECT_EQ(damaged(), std::vector<std::string>{});
  const AuditHead head = store.verify_audit({}).head;
  EXPECT_EQ(head.sequence, 5);
  EXPECT_EQ(head.hash, events[4].hash);
}

TEST_F(AuditTest, AFailedWriteLeavesNoEvent) {
  store.put_profile(draft_of("ada", pool));
  expect_error(ErrorCode::kAlreadyExists, [&] { store.put_profile(draft_of("ada", pool)); });
  EXPECT_FALSE(store.remove_profile("nobody"));
  EXPECT_EQ(store.audit().size(), 2U);
}

TEST_F(AuditTest, TheReceiptNamesItsEvent) {
  live();
  store.put_profile(draft_of("cyd", pool));
  const ErasureReceipt receipt = store.erase_profile("cyd", {});
  EXPECT_EQ(receipt.event.sequence, 7);
  store.put_profile(draft_of("cyd", pool));
  EXPECT_EQ(damaged(receipt.event), std::vector<std::string>{});
}

TEST_F(AuditTest, ChangesAreFoundAndPlaced) {
  PEMA_REGISTRY_DB_ONLY("the words that change it");
  live();
  const AuditHead noted = store.verify_audit({}).head;
  using Places = std::vector<std::string>;
  const std::vector<std::pair<std::string, Places>> cases = {
      {"UPDATE audit SET event = X'0103800109' WHERE sequence = 3", {"audit event 3"}},
      {"UPDATE audit SET event = X'FF' WHERE sequence = 2", {"audit event 2", "audit event 2"}},
      {"UPDATE audit SET hash = zeroblob(32) WHERE sequence = 4",
       {"audit event 4", "audit event 5"}},
      {"DELETE FROM audit WHERE sequence = 2", {"audit event 2"}},
      {"DELETE FROM audit WHERE sequence = 5", {"audit log", "audit log"}},
      {"DELETE FROM audit", {"audit log", "audit log"}},
      {"DELETE FROM audit WHERE sequence = 5; UPDATE sqlite_sequence SET seq = 4 WHERE name = "
       "'audit'",
       {"audit log"}}};
  for (const auto& [sql, places] : cases) {
    change("BEGIN; CREATE TABLE kept AS SELECT * FROM audit; COMMIT");
    change(sql);
    EXPECT_EQ(damaged(noted), places) << sql;
    change(
        "BEGIN; DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DROP TABLE kept; "
        "UPDATE sqlite_sequence SET seq = 5 WHERE name = 'audit'; COMMIT");
    ASSERT_EQ(damaged(noted), Places{});
  }
}

TEST_F(AuditTest, OnlyANotedEventShowsALogThatWasWrittenAnew) {
  PEMA_REGISTRY_DB_ONLY("where its last number is kept");
  live();
  const AuditHead noted = store.verify_audit({}).head;
  change("DELETE FROM audit; DELETE FROM sqlite_sequence WHERE name = 'audit'");
  for (int i = 0; i < 5; ++i) store.put_profile(draft_of("bob", pool), OnExisting::kReplace);
  EXPECT_EQ(damaged(), std::vector<std::string>{});
  EXPECT_EQ(damaged(noted), std::vector<std::string>{"audit event 5"});
}

TEST_F(AuditTest, ARoleRefusesWhatItDoesNotInclude) {
  store.put_profile(draft_of("ada", pool));
  {
    Store reader = Store::open(tiny.path, OpenMode::kReadWrite, {.role = Role::kRead});
    EXPECT_TRUE(reader.find_profile("ada").has_value());
    expect_error(
        ErrorCode::kPermission, [&] { reader.put_profile(draft_of("bob", pool)); }, "role enrol");
    expect_error(ErrorCode::kPermission, [&] { static_cast<void>(reader.remove_profile("ada")); });
  }
  Store enroller = Store::open(tiny.path, OpenMode::kReadWrite, {.role = Role::kEnrol});
  enroller.put_profile(draft_of("bob", pool));
  EXPECT_EQ(enroller.audit().back().role, Role::kEnrol);
  const std::vector<std::function<void()>> refused = {
      [&] { static_cast<void>(enroller.remove_profile("ada")); },
      [&] { static_cast<void>(enroller.erase_profile("ada", {})); },
      [&] { static_cast<void>(enroller.finish_erasures()); },
      [&] { enroller.put_model(tiny_model(2), "x.gguf"); },
      [&] { enroller.put_pool("more", tiny_pool({tiny_block(3)})); },
      [&] { static_cast<void>(enroller.remove_codebook("x")); }};
  for (const auto& call : refused) expect_error(ErrorCode::kPermission, call, "role admin");
  EXPECT_EQ(enroller.profile_count(), 2);
}

TEST(AuditEvents, HaveOneEncoding) {
  AuditEvent event;
  event.kind = AuditKind::kRotated;
  event.role = Role::kEnrol;
  event.milliseconds = 1'795'750'000'123;
  event.count = 300;
  const std::vector<std::byte> bytes = profiles::encode_event(event);
  AuditEvent again;
  profiles::decode_event(bytes, "event", again);
  EXPECT_EQ(again.milliseconds, event.milliseconds);
  EXPECT_EQ(again.count, 300);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    expect_error(ErrorCode::kCorrupt,
                 [&] { profiles::decode_event(std::span(bytes).first(cut), "event", again); });
  }
}

}  // namespace
}  // namespace pema::test
