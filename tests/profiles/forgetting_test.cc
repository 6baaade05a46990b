// Entries that leave a shared segment: which ones, from which files, and who is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "pema/master_key.h"
#include "pema/segment_list.h"
#include "profiles/object_folder.h"
#include "tests/profiles/index_fixture.h"

namespace pema::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A segment of width 4 with `tokens`; key i is (cos, sin) of an angle that its token decides.
std::shared_ptr<const Segment> words(const std::vector<std::int32_t>& tokens) {
  Matrix<float> keys(std::ssize(tokens), 4);
  for (std::int64_t i = 0; i < keys.rows(); ++i) {
    const float angle = 0.1F * static_cast<float>(tokens[static_cast<std::size_t>(i)]);
    keys.row(i)[0] = std::cos(angle);
    keys.row(i)[1] = std::sin(angle);
  }
  const Matrix<float>& view = keys;
  return Segment::make(tiny_segment(1)->info(), view.view(), tokens);
}

/// A list of three, read by ada.
struct Forgetting : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  SegmentId list = store.put_segment(*words({1, 2, 3, 4}), SegmentKind::kShared, "list").id;
  std::vector<Digest> gone;

  Forgetting() {
    store.append_segment(list, *words({10, 11, 12}));
    store.append_segment(list, *words({20, 2, 21}));
    ProfileDraft draft;
    draft.name = "ada";
    draft.segments = {list};
    store.put_profile(draft);
    store.on_erasure([this](std::span<const Digest> more) {
      gone.insert(gone.end(), more.begin(), more.end());
    });
  }
  [[nodiscard]] std::vector<std::int32_t> tokens(SegmentId id) const {
    std::vector<std::int32_t> all;
    for (const auto& content : store.load_list(id)) {
      all.insert(all.end(), content->tokens().begin(), content->tokens().end());
    }
    return all;
  }
  [[nodiscard]] bool has_file(const std::vector<std::int32_t>& content) const {
    return std::filesystem::exists(store.object_path(words(content)->digest()));
  }
};

TEST_F(Forgetting, EntriesByNumber) {
  const ForgottenEntries done =
      store.forget_entries(list, {.entries = {{3, 4}, {9, 9}, {4, 4}}, .version = 3});
  EXPECT_EQ(done.entries, 3);
  EXPECT_EQ(done.record.version, 4);
  EXPECT_EQ(done.record.list_entries, 7);
  EXPECT_FALSE(done.pending);
  EXPECT_TRUE(done.also_in.empty());
  EXPECT_THAT(tokens(list), ElementsAre(1, 2, 3, 11, 12, 20, 2));
  EXPECT_EQ(gone.size(), 3U);
  EXPECT_FALSE(has_file({1, 2, 3, 4}));
  EXPECT_FALSE(has_file({10, 11, 12}));
  EXPECT_TRUE(has_file({1, 2, 3}));
  EXPECT_EQ(store.find_profile("ada")->segments, std::vector<SegmentId>{list});
  EXPECT_EQ(store.find_profile("ada")->generation, 1);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Forgetting, APartAsAWholeAndTheFirstOne) {
  const Digest second = words({10, 11, 12})->digest();
  EXPECT_EQ(store.forget_entries(list, {.contents = {second}}).entries, 3);
  EXPECT_EQ(store.find_segment("list")->contents, 2);
  EXPECT_THAT(tokens(list), ElementsAre(1, 2, 3, 4, 20, 2, 21));
  const Digest first = store.find_segment("list")->digest;
  EXPECT_EQ(store.forget_entries(list, {.contents = {first}}).entries, 4);
  EXPECT_THAT(tokens(list), ElementsAre(20, 2, 21));
  EXPECT_EQ(store.find_segment("list")->info.entries, 0) << "what profiles name stays, empty";
  expect_error(
      ErrorCode::kNotFound, [&] { store.forget_entries(list, {.contents = {second}}); }, "content");
  store.merge_segment(list, {});
  EXPECT_THAT(tokens(list), ElementsAre(20, 2, 21));
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Forgetting, EveryEntryThatATextMakes) {
  const ForgottenEntries done = store.forget_entries(list, {.like = {words({2, 12, 47})}});
  EXPECT_EQ(done.entries, 3);
  EXPECT_THAT(tokens(list), ElementsAre(1, 3, 4, 10, 11, 20, 21));
  EXPECT_EQ(store.forget_entries(list, {.like = {words({2, 12, 47})}}).entries, 0);
  EXPECT_EQ(store.find_segment("list")->version, 4) << "nothing to do is no change";
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Forgetting, IndexesOverOldContentsGoAndOthersStay) {
  const SegmentRecord other = store.put_segment(*words({30, 31}), SegmentKind::kShared, "other");
  store.build_index({.name = "both", .segments = {list, other.id}});
  store.build_index({.name = "other", .segments = {other.id}});
  const Digest index = store.find_index("both")->digest;
  store.forget_entries(list, {.entries = {{0, 0}}});
  EXPECT_FALSE(store.find_index("both").has_value());
  EXPECT_FALSE(std::filesystem::exists(store.object_path(index)));
  EXPECT_TRUE(store.find_index("other").has_value());
  EXPECT_THAT(gone, ::testing::UnorderedElementsAre(words({1, 2, 3, 4})->digest(), index));
}

TEST_F(Forgetting, ContentThatOthersHaveIsSaid) {
  const SegmentRecord twin = store.put_segment(*words({10, 11, 12}), SegmentKind::kShared, "twin");
  ProfileDraft draft;
  draft.name = "bob";
  draft.own_segments = {words({10, 11, 12})};
  store.put_profile(draft);
  const ForgottenEntries done = store.forget_entries(list, {.entries = {{4, 6}}});
  EXPECT_THAT(done.also_in, ElementsAre("", "twin"));
  EXPECT_FALSE(done.pending);
  EXPECT_TRUE(has_file({10, 11, 12}));
  EXPECT_THAT(tokens(twin.id), ElementsAre(10, 11, 12));
  EXPECT_THAT(tokens(list), ElementsAre(1, 2, 3, 4, 20, 2, 21));
}

TEST_F(Forgetting, TwoListsMayComeToHaveOneContent) {
  const SegmentId other = store.put_segment(*words({1, 2, 9}), SegmentKind::kShared, "other").id;
  store.forget_entries(other, {.entries = {{2, 2}}});
  store.forget_entries(list, {.entries = {{2, 3}}});
  EXPECT_EQ(store.find_segment("list")->digest, store.find_segment("other")->digest);
  store.forget_entries(other, {.entries = {{0, 0}}});
  EXPECT_THAT(tokens(list), ElementsAre(1, 2, 10, 11, 12, 20, 2, 21));
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(Forgetting, RefusalsChangeNothing) {
  const auto refuse = [&](ErrorCode code, const ForgetDraft& draft, const std::string& words) {
    expect_error(
        code, [&] { store.forget_entries(list, draft); }, words);
  };
  refuse(ErrorCode::kInvalidArgument, {}, "nothing");
  refuse(ErrorCode::kInvalidArgument, {.entries = {{9, 10}}}, "10 entries");
  refuse(ErrorCode::kInvalidArgument, {.entries = {{-1, 2}}}, "-1");
  refuse(ErrorCode::kInvalidArgument, {.entries = {{2, 1}}}, "2 to 1");
  refuse(ErrorCode::kInvalidArgument, {.like = {nullptr}}, "null");
  refuse(ErrorCode::kMismatch, {.like = {tiny_segment(1, 5, 2)}}, "list");
  refuse(ErrorCode::kMismatch, {.entries = {{0, 0}}, .version = 2}, "version 3");
  const SegmentRecord own = store.put_segment(*words({5}), SegmentKind::kOwn);
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        store.forget_entries(own.id, {.entries = {{0, 0}}});
      },
      "own");
  expect_error(ErrorCode::kNotFound, [&] {
    store.forget_entries(SegmentId{99}, {.entries = {{0, 0}}});
  });
  Store enroller = Store::open(tiny.path, OpenMode::kReadWrite, {.role = Role::kEnrol});
  expect_error(ErrorCode::kPermission, [&] {
    enroller.forget_entries(list, {.entries = {{0, 0}}});
  });
  EXPECT_EQ(store.find_segment("list")->version, 3);
  EXPECT_EQ(tokens(list).size(), 10U);
  EXPECT_TRUE(gone.empty());
}

TEST_F(Forgetting, ABackupThatRunsIsSaid) {
  {
    const profiles::DeletionLock backup(tiny.path + "/objects",
                                        profiles::DeletionLock::Kind::kHold);
    EXPECT_TRUE(store.forget_entries(list, {.entries = {{0, 0}}}).pending);
    EXPECT_TRUE(has_file({1, 2, 3, 4}));
  }
  store.finish_erasures();
  EXPECT_FALSE(has_file({1, 2, 3, 4}));
}

TEST_F(Forgetting, InAnEncryptedStoreToo) {
  const TemporaryFolder folder;
  const auto key = MasterKey::from_callback(
      [](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{7}); });
  Store sealed = Store::open(folder.file("store"), OpenMode::kCreate, {.key = key});
  sealed.put_model(tiny_model(), "");
  sealed.encrypt();
  const SegmentId id = sealed.put_segment(*words({1, 2}), SegmentKind::kShared, "list").id;
  sealed.append_segment(id, *words({3, 4}));
  EXPECT_EQ(sealed.forget_entries(id, {.entries = {{1, 2}}}).entries, 2);
  EXPECT_EQ(sealed.merge_segment(id, {}).merged, 2);
  EXPECT_EQ(sealed.load_list(id)[0]->tokens()[1], 4);
  EXPECT_TRUE(sealed.verify().empty());
}

}  // namespace
}  // namespace pema::test
