#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct ErasureTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;

  SegmentRecord own(std::uint64_t seed) {
    return store.put_segment(*tiny_segment(seed), SegmentKind::kOwn);
  }
  bool has_file(const SegmentRecord& segment) {
    return std::filesystem::exists(store.object_path(segment.digest));
  }
  /// True when any file of the store holds `words`.
  bool found_in_store(std::string_view words) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(tiny.path)) {
      if (!entry.is_regular_file()) continue;
      const std::vector<std::byte> bytes = read_bytes(entry.path());
      const auto needle = bytes_of(words);
      if (std::search(bytes.begin(), bytes.end(), needle.begin(), needle.end()) != bytes.end()) {
        return true;
      }
    }
    return false;
  }
};

TEST_F(ErasureTest, AnOwnSegmentGoesWithItsLastReader) {
  const SegmentRecord segment = own(1);
  store.put_profile(draft_of("ada", pool, {segment.id}));
  store.put_profile(draft_of("bob", pool, {segment.id}));
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_TRUE(store.find_segment(segment.id).has_value());
  EXPECT_TRUE(has_file(segment));
  EXPECT_TRUE(store.remove_profile("bob"));
  EXPECT_FALSE(store.find_segment(segment.id).has_value());
  EXPECT_FALSE(has_file(segment));
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(ErasureTest, SharedSegmentsAndEqualContentStay) {
  const SegmentRecord shared = store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs");
  const SegmentRecord same = own(1);
  store.put_profile(draft_of("ada", pool, {shared.id, same.id}));
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_FALSE(store.find_segment(same.id).has_value());
  EXPECT_TRUE(store.find_segment("docs").has_value());
  EXPECT_TRUE(has_file(shared)) << "the shared row still names the file";
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(ErasureTest, AReplacedOwnSegmentGoesAndASegmentNotYetReadStays) {
  const SegmentRecord old = own(1);
  const SegmentRecord next = own(2);
  const SegmentRecord waiting = own(3);
  store.put_profile(draft_of("ada", pool, {old.id}));
  store.put_profile(draft_of("ada", pool, {next.id}), OnExisting::kReplace);
  EXPECT_FALSE(has_file(old));
  EXPECT_TRUE(has_file(next));
  store.put_profile(draft_of("ada", pool, {next.id}), OnExisting::kReplace);
  EXPECT_TRUE(has_file(next));
  EXPECT_TRUE(has_file(waiting));
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(ErasureTest, AnOpenSegmentOutlivesItsFile) {
  const SegmentRecord segment = own(4);
  store.put_profile(draft_of("ada", pool, {segment.id}));
  const auto held = store.load_segment(segment.id);
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_EQ(held->serialise(), tiny_segment(4)->serialise());
}

TEST_F(ErasureTest, NameAndMaskAreGoneFromEveryFile) {
  PEMA_REGISTRY_DB_ONLY("bytes of its files");
  const std::string name = "somebody-with-a-long-name";
  ProfileDraft draft = draft_of(name, pool);
  draft.mask = {};
  draft.mask.down_weights.assign(8, 0.0F);
  std::memcpy(draft.mask.down_weights.data(), "these are soft mask weights", 28);
  store.put_profile(draft_of("ada", pool));
  store.put_profile(draft);
  store.put_profile(draft_of("zoe", pool));
  EXPECT_TRUE(found_in_store(name));
  EXPECT_TRUE(found_in_store("soft mask weights"));
  EXPECT_TRUE(store.remove_profile(name));
  EXPECT_FALSE(found_in_store(name));
  EXPECT_FALSE(found_in_store("soft mask weights"));
}

TEST_F(ErasureTest, ARemovalThatWasCutShortIsFinishedByTheNextOpening) {
  const SegmentRecord segment = own(5);
  store.put_profile(draft_of("ada", pool, {segment.id}));
  const std::vector<std::byte> bytes = read_bytes(store.object_path(segment.digest));
  EXPECT_TRUE(store.remove_profile("ada"));
  // The state after the commit and before the file is deleted.
  write_bytes(store.object_path(segment.digest), bytes);
  {
    const auto database = tables_of(tiny.path);
    profiles::sql::Query row = database->query("INSERT INTO doomed (object) VALUES (?1)");
    row->bind(1, segment.digest).run();
  }
  EXPECT_TRUE(store.verify().empty()) << "a file too many is no damage";
  static_cast<void>(Store::open(tiny.path, OpenMode::kReadOnly));
  EXPECT_TRUE(has_file(segment));
  static_cast<void>(Store::open(tiny.path, OpenMode::kReadWrite));
  EXPECT_FALSE(has_file(segment));
}

}  // namespace
}  // namespace pema::test
