// Receipts that name the backups in which somebody who was erased still is, or may be.
#include <sys/stat.h>

#include <functional>
#include <utility>

#include "pema/operating.h"
#include "profiles/migrations.h"
#include "tests/profiles/backup_search_fixture.h"

namespace pema::test {
namespace {

struct BackupSearchTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  std::string backups = tiny.folder.file("backups");
  PoolId pool = tiny.put_pool().id;

  BackupSearchTest() {
    store.put_profile(draft_of("ada", pool));
    store.put_profile(draft_of("bob", pool));
  }
  BackupPlaces erase(const std::string& name, const std::vector<std::string>& named = {}) {
    return backup_places(store.erase_profile(name, {.backups = named}));
  }
};

TEST_F(BackupSearchTest, BackupsThatTheStoreKnowsAreLookedThrough) {
  const BackupRecord with = store.backup(backups, {});
  static_cast<void>(store.erase_profile("ada", {}));
  const BackupRecord without = store.backup(backups, {});
  store.put_profile(draft_of("cyd", pool));
  const std::string other = tiny.folder.file("other");
  const BackupRecord third = store.backup(other, {});
  EXPECT_EQ(states(erase("ada")), (BackupStates{{with.path, ErasureState::kKept},
                                                {without.path, ErasureState::kNothing},
                                                {third.path, ErasureState::kNothing}}));
  const ErasureReceipt receipt = store.erase_profile("cyd", {});
  EXPECT_FALSE(receipt.complete());
  EXPECT_EQ(states(backup_places(receipt)), (BackupStates{{with.path, ErasureState::kNothing},
                                                          {without.path, ErasureState::kNothing},
                                                          {third.path, ErasureState::kKept}}));
  for (const ErasedPlace& place : receipt.places) {
    EXPECT_EQ(place.note.find("cyd"), std::string::npos) << place.note;
  }
}

TEST_F(BackupSearchTest, OneThatIsNamedTooIsLookedThroughOnce) {
  const BackupRecord first = store.backup(backups, {});
  const BackupRecord second = store.backup(backups, {});
  const std::string link = tiny.folder.file("link");
  std::filesystem::create_directory_symlink(backups, link);
  EXPECT_EQ(states(erase("ada", {link, std::filesystem::relative(backups).string() + "/"})),
            (BackupStates{{link + "/" + first.time, ErasureState::kKept},
                          {link + "/" + second.time, ErasureState::kKept}}));
  EXPECT_EQ(states(erase("ada", {second.path})),
            (BackupStates{{second.path, ErasureState::kKept}, {first.path, ErasureState::kKept}}));
}

TEST_F(BackupSearchTest, AFolderThatIsNotKnownIsLookedThroughWhenItIsNamed) {
  const BackupRecord backup = store.backup(backups, {});
  ASSERT_TRUE(store.forget_backup_folder(backups));
  EXPECT_TRUE(erase("cyd").empty());
  EXPECT_EQ(states(erase("ada", {backups})), (BackupStates{{backup.path, ErasureState::kKept}}));
  EXPECT_EQ(states(erase("bob", {tiny.path})), (BackupStates{{tiny.path, ErasureState::kNothing}}))
      << "the store itself";
}

TEST_F(BackupSearchTest, AFolderThatIsGoneIsUnreachableUntilItIsForgotten) {
  const BackupRecord backup = store.backup(backups, {});
  std::filesystem::rename(backups, backups + " away");
  const BackupPlaces places = erase("ada");
  ASSERT_EQ(states(places), (BackupStates{{backups, ErasureState::kUnreachable}}));
  EXPECT_NE(places[0].note.find(backup.time), std::string::npos) << places[0].note;
  EXPECT_NE(places[0].note.find("--forget"), std::string::npos) << places[0].note;
  EXPECT_FALSE(is_reachable(store.backup_folders()[0]));
  EXPECT_FALSE(store.erase_profile("ada", {}).complete());
  EXPECT_TRUE(store.forget_backup_folder(backups));
  EXPECT_TRUE(store.erase_profile("ada", {}).complete());
}

TEST_F(BackupSearchTest, AnEmptyFolderInThePlaceOfADiskIsUnreachable) {
  store.backup(backups, {});
  std::filesystem::rename(backups, backups + " away");
  std::filesystem::create_directory(backups);
  EXPECT_EQ(states(erase("ada")), (BackupStates{{backups, ErasureState::kUnreachable}}));
  EXPECT_FALSE(is_reachable(store.backup_folders()[0]));
}

TEST_F(BackupSearchTest, ANamedFolderWithoutBackupsIsInTheReceiptOfWhoIsErased) {
  const std::string none = tiny.folder.file("none");
  const std::string empty = tiny.folder.file("empty");
  std::filesystem::create_directory(empty);
  EXPECT_EQ(
      states(erase("ada", {none, empty})),
      (BackupStates{{none, ErasureState::kUnreachable}, {empty, ErasureState::kUnreachable}}));
  EXPECT_FALSE(store.find_profile("ada").has_value());
}

TEST_F(BackupSearchTest, WhatNobodyMayReadIsUnreachable) {
  const BackupRecord first = store.backup(backups, {});
  const BackupRecord second = store.backup(backups, {});
  const std::string closed = tiny.folder.file("closed");
  store.backup(closed, {});
  ::chmod(tiny.folder.path().c_str(), 0755);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tiny.path)) {
    ::chmod(entry.path().c_str(), entry.is_directory() ? 0777 : 0666);
  }
  ::chmod(tiny.path.c_str(), 0777);
  ::chmod(closed.c_str(), 0);
  ::chmod(first.path.c_str(), 0);
  const int status = status_of(in_child([&] {
    if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 99;
    Store mine = Store::open(tiny.path, OpenMode::kReadWrite);
    const BackupStates expected{{first.path, ErasureState::kUnreachable},
                                {second.path, ErasureState::kKept},
                                {closed, ErasureState::kUnreachable}};
    return states(backup_places(mine.erase_profile("ada", {}))) == expected ? 0 : 1;
  }));
  ::chmod(closed.c_str(), 0755);
  ::chmod(first.path.c_str(), 0755);
  EXPECT_EQ(status, 0);
}

TEST_F(BackupSearchTest, ADamagedBackupStaysInTheReceiptAndTheOthersAreLookedThrough) {
  const BackupRecord first = store.backup(backups, {});
  const BackupRecord second = store.backup(backups, {});
  const BackupRecord third = store.backup(backups, {});
  std::vector<std::byte> bytes = read_bytes(first.path + "/registry.db");
  for (std::size_t at = 200; at < bytes.size(); at += 512) bytes[at] ^= std::byte{1};
  write_bytes(first.path + "/registry.db", bytes);
  write_bytes(second.path + "/registry.db", bytes_of("this is no registry"));
  const BackupPlaces places = erase("ada");
  EXPECT_EQ(states(places), (BackupStates{{first.path, ErasureState::kKept},
                                          {second.path, ErasureState::kKept},
                                          {third.path, ErasureState::kKept}}));
  EXPECT_NE(places[0].note.find("cannot be looked through"), std::string::npos);
  EXPECT_NE(places[1].note.find("cannot be looked through"), std::string::npos);
  EXPECT_EQ(places[2].items, 1);
}

TEST_F(BackupSearchTest, WhatIsNotCompleteMayHoldHer) {
  const BackupRecord first = store.backup(backups, {});
  Store other = Store::open(tiny.path, OpenMode::kReadWrite);
  BackupPlaces meanwhile;
  struct Watch final : Progress {
    std::function<void()> act;
    void report(std::string_view, std::int64_t, std::int64_t, std::string_view) override {
      if (act) std::exchange(act, {})();
    }
    [[nodiscard]] bool stop_requested() const override { return false; }
  } watch;
  watch.act = [&] { meanwhile = backup_places(other.erase_profile("ada", {})); };
  BackupOptions options;
  options.progress = &watch;
  const BackupRecord second = store.backup(backups, options);
  EXPECT_EQ(states(meanwhile), (BackupStates{{first.path, ErasureState::kKept},
                                             {backups + "/unfinished", ErasureState::kPending}}));
  EXPECT_EQ(states(erase("ada")),
            (BackupStates{{first.path, ErasureState::kKept}, {second.path, ErasureState::kKept}}));
  std::filesystem::remove(first.path + "/registry.db");
  EXPECT_EQ(states(erase("ada")), (BackupStates{{first.path, ErasureState::kPending},
                                                {second.path, ErasureState::kKept}}))
      << "objects of a deletion that was cut short";
}

TEST_F(BackupSearchTest, AHashOfARemovedNameIsToldToo) {
  store.remove_profile("ada");
  const BackupRecord backup = store.backup(backups, {});
  const BackupPlaces places = erase("ada");
  EXPECT_EQ(states(places), (BackupStates{{backup.path, ErasureState::kKept}}));
  EXPECT_NE(places[0].note.find("hash"), std::string::npos);
  store.backup(backups, {});
  EXPECT_EQ(erase("ada").back().state, ErasureState::kNothing) << "her hash went with the erasure";
}

TEST_F(BackupSearchTest, BackupsOfOlderSchemasAreReadAsTheyAre) {
  const BackupRecord eight = store.backup(backups, {});
  change_tables(eight.path, "DROP TABLE backup_folder; PRAGMA user_version=8");
  const BackupRecord newer = store.backup(backups, {});
  change_tables(newer.path, "PRAGMA user_version=99");
  const std::string four = backups + "/2024-02-29T12-00-00.000Z";
  std::filesystem::create_directories(four);
  {
    profiles::sqlite::Database database(four + "/registry.db", OpenMode::kCreate);
    profiles::create_schema(database, profiles::migrations().first(4));
    database.execute(
        "INSERT INTO profile (name, generation, schedule, segments, mask) "
        "VALUES ('ada', 1, x'', x'', x'')");
  }
  const BackupPlaces places = erase("ada");
  EXPECT_EQ(states(places), (BackupStates{{four, ErasureState::kKept},
                                          {eight.path, ErasureState::kKept},
                                          {newer.path, ErasureState::kKept}}));
  EXPECT_EQ(places[0].items, 1);
  EXPECT_EQ(places[1].items, 1);
  EXPECT_NE(places[2].note.find("newer pema"), std::string::npos);
  EXPECT_EQ(erase("bob")[0].state, ErasureState::kNothing);
  profiles::sqlite::Database database(four + "/registry.db", OpenMode::kReadOnly);
  EXPECT_EQ(database.integer("PRAGMA user_version"), 4) << "backups are only read";
}

TEST_F(BackupSearchTest, WhoseTimeIsOverIsLookedForToo) {
  store.backup(backups, {});
  store.set_expiry("ada", 1000);
  const ExpiryReport report = store.expire({});
  ASSERT_EQ(report.receipts.size(), 1U);
  EXPECT_EQ(backup_places(report.receipts[0])[0].state, ErasureState::kKept);
}

TEST_F(BackupSearchTest, ARestoredStoreLooksThroughTheBackupsOfTheOneItWas) {
  const BackupRecord backup = store.backup(backups, {});
  const std::string restored = tiny.folder.file("restored");
  restore_backup(backup.path, restored);
  Store opened = Store::open(restored, OpenMode::kReadWrite);
  EXPECT_EQ(states(backup_places(opened.erase_profile("ada", {}))),
            (BackupStates{{backup.path, ErasureState::kKept}}));
  EXPECT_TRUE(store.find_profile("ada").has_value());
}

}  // namespace
}  // namespace pema::test
