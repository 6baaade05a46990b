#include <gtest/gtest.h>

#include "pema/backup.h"
#include "src/core/atomic_file.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct ScrubTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;

  ScrubTest() {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      const SegmentId own = store.put_segment(*tiny_segment(seed), SegmentKind::kOwn).id;
      store.put_profile(draft_of("person " + std::to_string(seed), pool, {own}));
    }
  }
  static void flip(const std::string& path) {
    std::vector<std::byte> bytes = read_bytes(path);
    bytes.back() ^= std::byte{1};
    write_bytes(path, bytes);
  }
  [[nodiscard]] Digest an_object() const { return store.segments()[3].digest; }
};

TEST_F(ScrubTest, ReadsEveryObjectOnce) {
  const ScrubReport report = store.scrub({});
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.objects, 10);
  EXPECT_TRUE(report.damages.empty());
  EXPECT_FALSE(std::filesystem::exists(tiny.path + "/scrub"));
}

TEST_F(ScrubTest, GoesOnWhereItStoppedAlsoInAnotherProcess) {
  flip(store.object_path(an_object()));
  std::int64_t objects = 0;
  std::int64_t damages = 0;
  std::int64_t calls = 0;
  ScrubOptions options;
  options.bytes = 1;
  for (bool complete = false; !complete; ++calls) {
    Store opened = Store::open(tiny.path, OpenMode::kReadWrite);
    const ScrubReport report = opened.scrub(options);
    objects += report.objects;
    damages += static_cast<std::int64_t>(report.damages.size());
    complete = report.complete;
    ASSERT_LE(report.objects, 1);
    ASSERT_LT(calls, 20);
  }
  EXPECT_EQ(objects, 10);
  EXPECT_EQ(damages, 1);
}

TEST_F(ScrubTest, ANoteThatIsDamagedBeginsANewRound) {
  write_bytes(tiny.path + "/scrub", bytes_of("nonsense"));
  EXPECT_EQ(store.scrub({}).objects, 10);
}

TEST_F(ScrubTest, FilesThatNobodyNamesGo) {
  const auto orphan = tiny_segment(77);
  const std::string path = store.object_path(orphan->digest());
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_bytes(path, orphan->serialise());
  const ScrubReport report = store.scrub({});
  EXPECT_EQ(report.unnamed, 1);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(ScrubTest, ReadOnlyStoresAreNotScrubbed) {
  Store reading = Store::open(tiny.path, OpenMode::kReadOnly);
  expect_error(ErrorCode::kIo, [&] { static_cast<void>(reading.scrub({})); });
}

TEST_F(ScrubTest, QuickVerifySeesSizesAndFullVerifySeesBytes) {
  const std::string path = store.object_path(an_object());
  flip(path);
  EXPECT_TRUE(store.verify(VerifyDepth::kQuick).empty());
  EXPECT_EQ(store.verify().size(), 1U);
  std::vector<std::byte> bytes = read_bytes(path);
  bytes.pop_back();
  write_bytes(path, bytes);
  ASSERT_EQ(store.verify(VerifyDepth::kQuick).size(), 1U);
  const std::string block = store.object_path(store.pools()[0].block_objects[0]);
  bytes = read_bytes(block);
  bytes.resize(bytes.size() + 64);
  write_bytes(block, bytes);
  EXPECT_EQ(store.verify(VerifyDepth::kQuick).size(), 2U);
  std::filesystem::remove(block);
  EXPECT_EQ(store.verify(VerifyDepth::kQuick).size(), 2U);
}

TEST_F(ScrubTest, OpeningForWritingDeletesWhatADeadWriterLeftAndNothingElse) {
  const std::string incoming = tiny.path + "/objects/incoming";
  const pid_t child = in_child([&] {
    auto* file = new core::AtomicFile(tiny.path + "/objects/x", incoming);
    file->write("half of a text");
    return 0;  // never committed
  });
  ASSERT_EQ(status_of(child), 0);
  core::AtomicFile alive(tiny.folder.file("done"), incoming);
  alive.write("whole");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(incoming), {}), 2);
  static_cast<void>(Store::open(tiny.path, OpenMode::kReadOnly));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(incoming), {}), 2);
  static_cast<void>(Store::open(tiny.path, OpenMode::kReadWrite));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(incoming), {}), 1);
  alive.commit();
  EXPECT_EQ(read_bytes(tiny.folder.file("done")).size(), 5U);
}

}  // namespace
}  // namespace pema::test
