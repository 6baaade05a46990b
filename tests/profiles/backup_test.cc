#include "pema/backup.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>

#include "profiles/object_folder.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

/// Calls back at every report, and may ask to stop.
class Watch : public Progress {
 public:
  explicit Watch(std::function<bool(std::string_view)> act) : act_(std::move(act)) {}
  void report(std::string_view stage, std::int64_t /*done*/, std::int64_t /*total*/,
              std::string_view /*unit*/) override {
    stop_ = stop_ || act_(stage);
  }
  [[nodiscard]] bool stop_requested() const override { return stop_; }

 private:
  std::function<bool(std::string_view)> act_;
  bool stop_ = false;
};

struct BackupTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  std::string backups = tiny.folder.file("backups");
  PoolId pool = tiny.put_pool().id;

  SegmentId enrol(const std::string& name, std::uint64_t seed) {
    const SegmentId own = store.put_segment(*tiny_segment(seed), SegmentKind::kOwn).id;
    store.put_profile(draft_of(name, pool, {own}));
    return own;
  }
  static std::vector<std::string> names(const std::string& folder) {
    const Store opened = Store::open(folder, OpenMode::kReadOnly);
    EXPECT_TRUE(opened.verify().empty());
    std::vector<std::string> found;
    for (const ProfileRecord& profile : opened.profiles()) found.push_back(profile.name);
    return found;
  }
  [[nodiscard]] static ino_t inode(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
  }
};

TEST_F(BackupTest, EachIsACompleteStoreOfItsMoment) {
  enrol("ada", 1);
  const BackupRecord first = store.backup(backups, {});
  EXPECT_EQ(first.objects, 3);  // two adapter blocks and a segment
  EXPECT_EQ(first.new_objects, 3);
  enrol("bob", 2);
  store.remove_profile("ada");
  const BackupRecord second = store.backup(backups, {});
  EXPECT_LT(first.time, second.time);
  EXPECT_EQ(second.objects, 3);
  EXPECT_EQ(second.new_objects, 1) << "the pool is there already";
  EXPECT_EQ(names(first.path), std::vector<std::string>{"ada"});
  EXPECT_EQ(names(second.path), std::vector<std::string>{"bob"});
  const Digest block = store.pools()[0].block_objects[0];
  const Store a = Store::open(first.path, OpenMode::kReadOnly);
  const Store b = Store::open(second.path, OpenMode::kReadOnly);
  EXPECT_EQ(inode(a.object_path(block)), inode(b.object_path(block)));
  EXPECT_NE(inode(a.object_path(block)), inode(store.object_path(block)));
}

TEST_F(BackupTest, LinkedObjectsAreTheStoresOwnFiles) {
  BackupOptions options;
  options.link_objects = true;
  const BackupRecord backup = store.backup(backups, options);
  const Digest block = store.pools()[0].block_objects[0];
  const Store copy = Store::open(backup.path, OpenMode::kReadOnly);
  EXPECT_EQ(inode(copy.object_path(block)), inode(store.object_path(block)));
}

TEST_F(BackupTest, OneThatIsStoppedIsNoBackupAndTheNextGoesOn) {
  enrol("ada", 1);
  int objects = 0;
  Watch stop([&](std::string_view stage) { return stage == "copying objects" && ++objects > 2; });
  BackupOptions options;
  options.progress = &stop;
  expect_error(ErrorCode::kInterrupted, [&] { store.backup(backups, options); });
  EXPECT_TRUE(list_backups(backups).empty());
  expect_error(ErrorCode::kNotFound, [&] { static_cast<void>(find_backup(backups)); });
  expect_error(
      ErrorCode::kNotFound,
      [&] { static_cast<void>(Store::open(backups + "/unfinished", OpenMode::kReadOnly)); },
      "unfinished");
  store.remove_profile("ada");  // copied or not, she must not be in the next one
  const BackupRecord backup = store.backup(backups, {});
  EXPECT_EQ(backup.objects, 2);
  EXPECT_LT(backup.new_objects, 2);
  EXPECT_TRUE(names(backup.path).empty());
  EXPECT_EQ(profiles::ObjectFolder(backup.path + "/objects").all().size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(backups + "/unfinished"));
}

TEST_F(BackupTest, WhoLeavesMeanwhileIsInItWholeAndLosesTheFileAfterwards) {
  const Digest segment = store.find_segment(enrol("ada", 1))->digest;
  Store other = Store::open(tiny.path, OpenMode::kReadWrite);
  bool removed = false;
  Watch remove([&](std::string_view stage) {
    if (stage == "copying objects" && !removed) removed = other.remove_profile("ada");
    return false;
  });
  BackupOptions options;
  options.progress = &remove;
  const BackupRecord backup = store.backup(backups, options);
  EXPECT_TRUE(removed);
  EXPECT_EQ(names(backup.path), std::vector<std::string>{"ada"});
  EXPECT_TRUE(std::filesystem::exists(store.object_path(segment)));
  EXPECT_TRUE(other.verify().empty());
  other.put_profile(draft_of("bob", pool));  // any writing call sweeps
  EXPECT_FALSE(std::filesystem::exists(store.object_path(segment)));
}

TEST_F(BackupTest, TwoAtOnceInOneFolderAreRefused) {
  std::optional<Error> error;
  const Store other = Store::open(tiny.path, OpenMode::kReadOnly);
  Watch again([&](std::string_view) {
    if (!error) error = error_of([&] { other.backup(backups, {}); });
    return false;
  });
  BackupOptions options;
  options.progress = &again;
  store.backup(backups, options);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kBusy);
  EXPECT_EQ(list_backups(backups).size(), 1U);
}

TEST_F(BackupTest, ADamagedObjectIsToldAndNotBackedUp) {
  const std::string path = store.object_path(store.pools()[0].block_objects[0]);
  std::vector<std::byte> bytes = read_bytes(path);
  bytes[bytes.size() / 2] ^= std::byte{1};
  write_bytes(path, bytes);
  expect_error(
      ErrorCode::kCorrupt, [&] { store.backup(backups, {}); }, path);
  EXPECT_TRUE(list_backups(backups).empty());
}

TEST_F(BackupTest, OldOnesAreDeletedBeyondTheNumberToKeep) {
  BackupOptions options;
  options.keep = 2;
  std::vector<std::string> times;
  for (int i = 0; i < 4; ++i) times.push_back(store.backup(backups, options).time);
  const std::vector<BackupRecord> left = list_backups(backups);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].time, times[2]);
  EXPECT_EQ(left[1].time, times[3]);
  // What a deletion leaves that was cut short is no backup, and goes with the next one.
  std::filesystem::remove(left[0].path + "/registry.db");
  EXPECT_EQ(list_backups(backups).size(), 1U);
  store.backup(backups, options);
  EXPECT_FALSE(std::filesystem::exists(left[0].path));
}

TEST_F(BackupTest, APointInTimeIsTheNewestBackupBeforeIt) {
  for (const char* time : {"2026-11-26T23-00-00.000Z", "2026-11-27T03-15-22.123Z",
                           "2026-11-27T03-15-40.000Z", "2026-11-28T01-00-00.000Z"}) {
    const std::string folder = backups + "/" + time;
    std::filesystem::create_directories(folder);
    write_bytes(folder + "/registry.db", bytes_of("x"));
  }
  EXPECT_EQ(find_backup(backups).time, "2026-11-28T01-00-00.000Z");
  EXPECT_EQ(find_backup(backups, "2026-11-27").time, "2026-11-27T03-15-40.000Z");
  EXPECT_EQ(find_backup(backups, "2026-11-27T03:15").time, "2026-11-27T03-15-40.000Z");
  EXPECT_EQ(find_backup(backups, "2026-11-27T03:15:30").time, "2026-11-27T03-15-22.123Z");
  EXPECT_EQ(find_backup(backups, "2026-11-27T03:14").time, "2026-11-26T23-00-00.000Z");
  expect_error(
      ErrorCode::kNotFound, [&] { static_cast<void>(find_backup(backups, "2026-11-25")); },
      "2026-11-26T23-00-00.000Z");
}

TEST_F(BackupTest, ARestoredStoreIsTheOldOneAndGoesOn) {
  enrol("ada", 1);
  const BackupRecord backup = store.backup(backups, {});
  store.remove_profile("ada");
  const std::string restored = tiny.folder.file("restored");
  int objects = 0;
  Watch stop([&](std::string_view stage) { return stage == "copying objects" && ++objects > 1; });
  BackupOptions options;
  options.progress = &stop;
  expect_error(ErrorCode::kInterrupted, [&] { restore_backup(backup.path, restored, options); });
  expect_error(ErrorCode::kNotFound,
               [&] { static_cast<void>(Store::open(restored, OpenMode::kReadOnly)); });
  restore_backup(backup.path, restored);
  EXPECT_EQ(names(restored), std::vector<std::string>{"ada"});
  expect_error(ErrorCode::kAlreadyExists, [&] { restore_backup(backup.path, restored); });
  Store opened = Store::open(restored, OpenMode::kReadWrite);
  EXPECT_EQ(opened.put_profile(draft_of("bob", opened.pools()[0].id)).generation, 1);
  EXPECT_EQ(names(backup.path), std::vector<std::string>{"ada"});
}

TEST_F(BackupTest, AStoreThatOthersWriteIsCopiedInOneState) {
  for (int i = 0; i < 60; ++i)
    enrol("person " + std::to_string(i), 1 + static_cast<std::uint64_t>(i));
  Store writer = Store::open(tiny.path, OpenMode::kReadWrite);
  int i = 0;
  Watch write([&](std::string_view) {
    writer.put_profile(draft_of("late " + std::to_string(i++), pool));
    return false;
  });
  BackupOptions options;
  options.progress = &write;
  EXPECT_EQ(names(store.backup(backups, options).path).size(), 60U);
  EXPECT_GT(i, 10);
}

}  // namespace
}  // namespace pema::test
