// What a store knows of its backups: folders noted before and after each of them.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <utility>

#include "pema/audit.h"
#include "pema/backup.h"
#include "profiles/backup_folder.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct BackupNoteTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  std::string backups = tiny.folder.file("backups");
  PoolId pool = tiny.put_pool().id;

  BackupNoteTest() { store.put_profile(draft_of("ada", pool)); }

  static BackupFolder only(const Store& store) {
    const std::vector<BackupFolder> folders = store.backup_folders();
    EXPECT_EQ(folders.size(), 1U);
    return folders.empty() ? BackupFolder{} : folders[0];
  }
};

TEST_F(BackupNoteTest, EveryFolderHasItsNewestBackupAndTheirNumber) {
  EXPECT_TRUE(store.backup_folders().empty());
  const std::string other = tiny.folder.file("a disk");
  store.backup(backups, {});
  const BackupRecord second = store.backup(backups, {});
  const BackupRecord third = store.backup(other + "/", {});
  EXPECT_EQ(second.unnoted, "");
  std::vector<BackupFolder> folders = store.backup_folders();
  ASSERT_EQ(folders.size(), 2U);
  EXPECT_EQ(folders[0].path, other);
  EXPECT_EQ(folders[0].newest, third.time);
  EXPECT_EQ(folders[0].backups, 1);
  EXPECT_EQ(folders[1].path, backups);
  EXPECT_EQ(folders[1].newest, second.time);
  EXPECT_EQ(folders[1].backups, 2);
  EXPECT_TRUE(is_reachable(folders[0]));
  BackupOptions keep;
  keep.keep = 2;
  const BackupRecord last = store.backup(backups, keep);
  EXPECT_EQ(store.backup_folders()[1].newest, last.time);
  EXPECT_EQ(store.backup_folders()[1].backups, 2) << "one was deleted";
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(BackupNoteTest, ARelativePathIsMadeAbsoluteAndALinkIsNotFollowed) {
  const std::string relative = std::filesystem::relative(backups).string();
  store.backup(relative + "/.", {});
  EXPECT_EQ(only(store).path, backups);
  const std::string link = tiny.folder.file("link");
  std::filesystem::create_directory_symlink(backups, link);
  EXPECT_EQ(profiles::absolute_folder(link), link);
  // Through a link, ".." is not where the text says.
  const std::string deep = tiny.folder.file("one/two");
  std::filesystem::create_directories(deep);
  std::filesystem::create_directory_symlink(deep, tiny.folder.file("two"));
  const std::string winding = tiny.folder.file("two/../three");
  std::filesystem::create_directories(tiny.folder.file("one/three"));
  EXPECT_EQ(profiles::absolute_folder(winding), winding);
  EXPECT_EQ(profiles::absolute_folder(tiny.folder.file("one/../one/two/")), deep);
}

TEST_F(BackupNoteTest, AStoreThatIsReadOnlyNotesItAllTheSame) {
  {
    const Store reader = Store::open(tiny.path, OpenMode::kReadOnly);
    const BackupRecord backup = reader.backup(backups, {});
    EXPECT_EQ(backup.unnoted, "");
    EXPECT_EQ(only(reader).newest, backup.time);
    EXPECT_EQ(reader.profile_count(), 1);
  }
  EXPECT_EQ(only(store).path, backups);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(BackupNoteTest, NothingButTheRowChangesInAStoreThatIsReadOnly) {
  const std::string path = tiny.folder.file("another");
  { Store::open(path, OpenMode::kCreate).put_model(tiny_model(), ""); }
  static_cast<void>(Store::open(path, OpenMode::kReadOnly).backup(backups, {}));
  EXPECT_FALSE(std::filesystem::exists(path + "/registry.db-wal"));
  EXPECT_FALSE(std::filesystem::exists(path + "/registry.db-shm"));
  EXPECT_EQ(only(Store::open(path, OpenMode::kReadOnly)).path, backups);
}

/// Sets the modes of all that is in `path`.
void set_modes(const std::string& path, mode_t folders, mode_t files) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    ::chmod(entry.path().c_str(), entry.is_directory() ? folders : files);
  }
  ::chmod(path.c_str(), folders);
}

TEST_F(BackupNoteTest, AStoreThatNobodyMayWriteIsBackedUpAndTheBackupSaysSo) {
  const std::string path = tiny.folder.file("another");
  { Store::open(path, OpenMode::kCreate).put_model(tiny_model(), ""); }
  std::filesystem::create_directories(backups);
  ::chmod(tiny.folder.path().c_str(), 0755);
  ::chmod(backups.c_str(), 0777);
  set_modes(path, 0555, 0444);
  const int status = status_of(in_child([&] {
    if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 99;
    const Store reader = Store::open(path, OpenMode::kReadOnly);
    const BackupRecord backup = reader.backup(backups, {});
    if (backup.unnoted.find("--backups") == std::string::npos) return 1;
    if (backup.unnoted.find(backups) == std::string::npos) return 2;
    return reader.backup_folders().empty() ? 0 : 3;
  }));
  set_modes(path, 0755, 0644);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(list_backups(backups).size(), 1U);
  // The next backup that can makes up for it.
  EXPECT_EQ(Store::open(path, OpenMode::kReadWrite).backup(backups, {}).unnoted, "");
  EXPECT_EQ(only(Store::open(path, OpenMode::kReadOnly)).backups, 2);
}

TEST_F(BackupNoteTest, WhatKeepsTheStoreFromNotingKeepsNobodyFromTheBackup) {
  const std::string sql =
      "CREATE TABLE backup_folder (path TEXT PRIMARY KEY, newest TEXT, "
      "backups INTEGER NOT NULL) WITHOUT ROWID, STRICT";
  change_tables(tiny.path, "DROP TABLE backup_folder");
  const BackupRecord first = store.backup(backups, {});
  EXPECT_NE(first.unnoted.find(backups), std::string::npos) << first.unnoted;
  EXPECT_EQ(list_backups(backups).size(), 1U);
  // Where the second note can be written it makes up for the first.
  struct Mend final : Progress {
    std::function<void()> act;
    void report(std::string_view, std::int64_t, std::int64_t, std::string_view) override {
      if (act) std::exchange(act, {})();
    }
    [[nodiscard]] bool stop_requested() const override { return false; }
  } mend;
  mend.act = [&] { change_tables(tiny.path, sql); };
  BackupOptions options;
  options.progress = &mend;
  EXPECT_EQ(store.backup(backups, options).unnoted, "");
  EXPECT_EQ(only(store).backups, 2);
}

TEST_F(BackupNoteTest, ABackupThatWasCutShortLeavesAFolderThatIsKnown) {
  struct Stop final : Progress {
    void report(std::string_view, std::int64_t, std::int64_t, std::string_view) override {}
    [[nodiscard]] bool stop_requested() const override { return true; }
  } stop;
  BackupOptions options;
  options.progress = &stop;
  expect_error(ErrorCode::kInterrupted, [&] { store.backup(backups, options); });
  EXPECT_EQ(only(store).path, backups);
  EXPECT_EQ(only(store).newest, "");
  EXPECT_EQ(only(store).backups, 0);
  EXPECT_TRUE(is_reachable(only(store)));
}

TEST_F(BackupNoteTest, ARestoredStoreKnowsTheBackupsOfTheOneItWasTheFirstIncluded) {
  const BackupRecord backup = store.backup(backups, {});
  const std::string restored = tiny.folder.file("restored");
  restore_backup(backup.path, restored);
  EXPECT_EQ(only(Store::open(restored, OpenMode::kReadOnly)).path, backups);
}

TEST_F(BackupNoteTest, AFolderIsForgottenByTheAdministratorAlone) {
  store.backup(backups, {});
  Store enroller = Store::open(tiny.path, OpenMode::kReadWrite, {.role = Role::kEnrol});
  expect_error(ErrorCode::kPermission,
               [&] { static_cast<void>(enroller.forget_backup_folder(backups)); });
  EXPECT_FALSE(store.forget_backup_folder(tiny.folder.file("other")));
  const std::size_t events = store.audit().size();
  EXPECT_TRUE(store.forget_backup_folder(std::filesystem::relative(backups).string() + "/"));
  EXPECT_TRUE(store.backup_folders().empty());
  EXPECT_EQ(list_backups(backups).size(), 1U) << "no file is touched";
  ASSERT_EQ(store.audit().size(), events + 1);
  EXPECT_EQ(store.audit().back().kind, AuditKind::kForgotten);
  EXPECT_TRUE(store.verify_audit({}).damages.empty());
  EXPECT_FALSE(store.forget_backup_folder(backups));
  store.backup(backups, {});
  EXPECT_EQ(only(store).backups, 2);
}

TEST_F(BackupNoteTest, APathThatIsNoTextIsNotNoted) {
  const std::string odd = tiny.folder.file("odd\xff");
  const BackupRecord backup = store.backup(odd, {});
  EXPECT_NE(backup.unnoted, "");
  EXPECT_TRUE(store.backup_folders().empty());
  EXPECT_EQ(list_backups(odd).size(), 1U);
}

TEST_F(BackupNoteTest, AStoreOfSchema8KeepsEverybodyAndBeginsToKnow) {
  const std::string path = tiny.folder.file("older");
  PoolId older_pool;
  {
    Store older = Store::open(path, OpenMode::kCreate);
    older.put_model(tiny_model(), "");
    older_pool = older.put_pool("main", tiny_pool({tiny_block(1)})).id;
    older.put_profile(draft_of("ada", older_pool));
  }
  change_tables(path, "DROP TABLE backup_folder; PRAGMA user_version=8");
  expect_error(
      ErrorCode::kUnsupported, [&] { static_cast<void>(Store::open(path, OpenMode::kReadOnly)); },
      "older schema 8");
  Store now = Store::open(path, OpenMode::kReadWrite);
  EXPECT_TRUE(now.find_profile("ada").has_value());
  EXPECT_TRUE(now.backup_folders().empty());
  now.backup(backups, {});
  EXPECT_EQ(only(now).path, backups);
  EXPECT_TRUE(now.verify().empty());
}

}  // namespace
}  // namespace pema::test
