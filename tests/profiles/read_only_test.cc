#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct ReadOnlyTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("store");
  PoolId pool;

  ReadOnlyTest() {
    Store store = Store::open(path, OpenMode::kCreate);
    store.put_model(tiny_model(), "");
    pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
    store.put_profile(draft_of("ada", pool));
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      names.push_back(entry.path());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  /// Runs `action` in a child that may read the store and not write to it, whoever runs the test.
  template <typename Action>
  int as_reader(Action action) {
    ::chmod(folder.path().c_str(), 0755);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      ::chmod(entry.path().c_str(), entry.is_directory() ? 0555 : 0444);
    }
    ::chmod(path.c_str(), 0555);
    const int status = status_of(in_child([&] {
      if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 99;
      return action();
    }));
    ::chmod(path.c_str(), 0755);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      ::chmod(entry.path().c_str(), entry.is_directory() ? 0755 : 0644);
    }
    return status;
  }
};

TEST_F(ReadOnlyTest, NothingIsWrittenAndNothingIsLeftBehind) {
  const std::vector<std::string> before = files();
  const std::vector<std::byte> bytes = read_bytes(path + "/registry.db");
  {
    const Store store = Store::open(path, OpenMode::kReadOnly);
    EXPECT_TRUE(store.find_profile("ada").has_value());
    EXPECT_TRUE(store.verify().empty());
  }
  EXPECT_EQ(files(), before);
  EXPECT_EQ(read_bytes(path + "/registry.db"), bytes);
}

TEST_F(ReadOnlyTest, EveryWritingCallIsRefused) {
  const std::string bundle = folder.file("ada.pema");
  Store store = Store::open(path, OpenMode::kReadOnly);
  store.export_profile("ada", bundle);
  const std::vector<std::string> before = files();
  expect_error(
      ErrorCode::kIo, [&] { store.put_model(tiny_model(2), ""); }, "read-only");
  expect_error(ErrorCode::kIo, [&] { store.put_pool("b", tiny_pool({tiny_block(2)})); });
  expect_error(ErrorCode::kIo, [&] { store.put_segment(*tiny_segment(1), SegmentKind::kOwn); });
  expect_error(ErrorCode::kIo, [&] { store.put_profile(draft_of("bob", pool)); });
  expect_error(ErrorCode::kIo, [&] { store.remove_profile("ada"); });
  expect_error(ErrorCode::kIo, [&] { store.import_profile(bundle, "bob"); });
  EXPECT_GT(store.registry_bytes(), 0);
  EXPECT_EQ(files(), before);
  EXPECT_EQ(store.profile_count(), 1);
}

TEST_F(ReadOnlyTest, AFolderThatCannotBeWrittenIsRead) {
  const std::vector<std::string> before = files();
  EXPECT_EQ(as_reader([&] {
              const Store store = Store::open(path, OpenMode::kReadOnly);
              if (!store.verify().empty()) return 1;
              if (store.load_pool(store.pools()[0].id)->info().adapters != 8) return 2;
              return store.find_profile("ada").has_value() ? 0 : 3;
            }),
            0);
  EXPECT_EQ(files(), before);
}

TEST_F(ReadOnlyTest, AFolderThatCannotBeWrittenIsNotOpenedForWriting) {
  EXPECT_EQ(as_reader([&] {
              static_cast<void>(Store::open(path, OpenMode::kReadWrite));
              return 0;
            }),
            failed(ErrorCode::kIo));
}

TEST_F(ReadOnlyTest, AReaderWithoutLocksNoticesAWriter) {
  int to_child[2];
  int to_parent[2];
  ASSERT_EQ(::pipe(to_child), 0);
  ASSERT_EQ(::pipe(to_parent), 0);
  ::chmod(folder.path().c_str(), 0755);
  ::chmod(path.c_str(), 0555);
  ::chmod((path + "/registry.db").c_str(), 0444);
  const pid_t child = in_child([&] {
    if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 99;
    const Store store = Store::open(path, OpenMode::kReadOnly);
    char signal = store.profile_count() == 1 ? 'y' : 'n';
    if (::write(to_parent[1], &signal, 1) != 1 || ::read(to_child[0], &signal, 1) != 1) return 98;
    return static_cast<int>(store.profile_count());
  });
  char signal = 0;
  ASSERT_EQ(::read(to_parent[0], &signal, 1), 1);
  EXPECT_EQ(signal, 'y');
  ::chmod(path.c_str(), 0755);
  ::chmod((path + "/registry.db").c_str(), 0644);
  Store::open(path, OpenMode::kReadWrite).put_profile(draft_of("bob", pool));
  ASSERT_EQ(::write(to_child[1], &signal, 1), 1);
  EXPECT_EQ(status_of(child), failed(ErrorCode::kBusy));
}

}  // namespace
}  // namespace pema::test
