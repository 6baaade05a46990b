#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <map>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

/// Limits the size of every file that this process writes from now on.
void limit_files(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
}

struct DiskFullTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("store");
  PoolId pool;

  DiskFullTest() {
    Store store = Store::open(path, OpenMode::kCreate);
    store.put_model(tiny_model(), "");
    pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
    store.put_profile(draft_of("ada", pool));
  }
  /// Paths and contents of all files of the store.
  [[nodiscard]] std::map<std::string, std::vector<std::byte>> contents() const {
    std::map<std::string, std::vector<std::byte>> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files[entry.path()] = read_bytes(entry.path());
    }
    return files;
  }
};

TEST_F(DiskFullTest, AnObjectThatDoesNotFitLeavesTheStoreAsItWas) {
  const auto before = contents();
  const pid_t child = in_child([&] {
    Store store = Store::open(path, OpenMode::kReadWrite);
    limit_files(600'000);
    store.put_segment(*tiny_segment(1, 100'000), SegmentKind::kOwn);
    return 0;
  });
  EXPECT_EQ(status_of(child), failed(ErrorCode::kDiskFull));
  EXPECT_EQ(contents(), before);
}

TEST_F(DiskFullTest, APoolThatDoesNotFitLeavesTheStoreAsItWas) {
  const pid_t child = in_child([&] {
    Store store = Store::open(path, OpenMode::kReadWrite);
    limit_files(100'000);
    store.put_pool("main", tiny_pool({tiny_block(1), tiny_block(2, 100'000)}));
    return 0;
  });
  EXPECT_EQ(status_of(child), failed(ErrorCode::kDiskFull));
  const Store store = Store::open(path, OpenMode::kReadOnly);
  EXPECT_EQ(store.pools().size(), 1U);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(DiskFullTest, ARegistryThatDoesNotFitKeepsItsOldProfiles) {
  const pid_t child = in_child([&] {
    Store store = Store::open(path, OpenMode::kReadWrite);
    limit_files(300'000);
    std::vector<ProfileDraft> drafts;
    for (int i = 0; i < 20'000; ++i) drafts.push_back(draft_of(message("p", i), pool));
    store.put_profiles(drafts);
    return 0;
  });
  EXPECT_EQ(status_of(child), failed(ErrorCode::kDiskFull));
  Store store = Store::open(path, OpenMode::kReadWrite);
  EXPECT_EQ(store.profile_count(), 1);
  EXPECT_TRUE(store.verify().empty());
  store.put_profile(draft_of("bob", pool));
  EXPECT_EQ(store.profile_count(), 2);
}

TEST_F(DiskFullTest, AnExportThatDoesNotFitLeavesNoFile) {
  const std::string bundle = folder.file("ada.pema");
  const pid_t child = in_child([&] {
    const Store store = Store::open(path, OpenMode::kReadOnly);
    limit_files(500);
    store.export_profile("ada", bundle);
    return 0;
  });
  EXPECT_EQ(status_of(child), failed(ErrorCode::kDiskFull));
  EXPECT_EQ(folder.entries(), 1);
}

}  // namespace
}  // namespace pema::test
