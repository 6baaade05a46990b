// Profiles go to another version of their pool, all of them or not at all per transaction, and
// nothing else of them changes.
#include <gtest/gtest.h>

#include <algorithm>

#include "pema/audit.h"
#include "pema/bulk_enrolment.h"
#include "pema/master_key.h"
#include "pema/operating.h"
#include "pema/profile_reader.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

Pool gated_pool(std::vector<std::shared_ptr<const AdapterBlock>> blocks, float weight) {
  const Pool plain = tiny_pool(blocks);
  MixtureGate::Weights weights{};
  weights[0][0][0] = weight;
  return Pool(plain.info(), plain.shared_block(), std::move(blocks),
              std::make_shared<const MixtureGate>(weights, GateRecall{}));
}

struct RebaseTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolRecord first = tiny.put_pool();
  PoolRecord grown = store.put_pool("main", tiny_pool({tiny_block(1), tiny_block(2, 3)}));
  SegmentRecord docs = store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs");

  RebaseReport rebase(const std::vector<std::string>& names, RebaseOptions options = {}) {
    return store.rebase_profiles(grown.id, names, options);
  }
};

TEST_F(RebaseTest, MasksGetTheNewWidthAndNothingElseChanges) {
  ProfileDraft ada = draft_of("ada", first.id, {docs.id});
  ada.own_segments = {tiny_segment(2)};
  const ProfileRecord before = store.put_profile(ada);
  ProfileDraft soft = draft_of("bob", first.id);
  soft.mask = {};
  soft.mask.down_weights = {1, 0, 2, 0, 0, 0, 0, 0.5F};
  store.put_profile(soft);
  ProfileDraft bare = draft_of("cyd", first.id);
  bare.mask = {};
  store.put_profile(bare);
  store.put_profile(draft_of("dan", grown.id));
  ProfileDraft none = draft_of("eve", {});
  none.mask = {};
  store.put_profile(none);

  const RebaseReport report = rebase({});
  EXPECT_EQ(report.rebased, 3);
  EXPECT_TRUE(report.refused.empty());
  const ProfileRecord after = *store.find_profile("ada");
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.generation, 2);
  EXPECT_EQ(after.pool, grown.id);
  EXPECT_EQ(after.mask.size(), 11);
  EXPECT_EQ(after.mask.down.indices(), before.mask.down.indices());
  EXPECT_EQ(after.schedule, before.schedule);
  EXPECT_EQ(after.segments, before.segments);
  const std::vector<float> wide = {1, 0, 2, 0, 0, 0, 0, 0.5F, 0, 0, 0};
  EXPECT_EQ(store.find_profile("bob")->mask.down_weights, wide);
  EXPECT_EQ(store.find_profile("cyd")->mask.size(), 0);
  EXPECT_EQ(store.find_profile("cyd")->pool, grown.id);
  EXPECT_EQ(store.find_profile("dan")->generation, 1);
  EXPECT_EQ(store.find_profile("eve")->generation, 1);
  EXPECT_EQ(store.pool_users(first.id).profiles, 0);
  EXPECT_EQ(store.pool_users(grown.id).profiles, 4);
  EXPECT_EQ(store.audit().back().kind, AuditKind::kRebased);
  EXPECT_EQ(store.audit().back().count, 3);
  EXPECT_TRUE(store.verify().empty());
  EXPECT_EQ(store.collect_pools(false).versions.size(), 1U);
  EXPECT_EQ(store.put_profile(draft_of("ada", grown.id), OnExisting::kReplace).generation, 3);
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(RebaseTest, OnlyTheNamedOnes) {
  for (const char* name : {"ada", "bob", "cyd"}) store.put_profile(draft_of(name, first.id));
  EXPECT_EQ(rebase({"bob", "ada", "bob"}).rebased, 2);
  const RebaseReport again = rebase({"ada", "bob"});
  EXPECT_EQ(again.rebased, 0);
  EXPECT_EQ(again.already, 2);
  EXPECT_EQ(store.find_profile("cyd")->pool, first.id);
  expect_error(
      ErrorCode::kNotFound,
      [&] {
        rebase({"cyd", "nobody"});
      },
      "nobody");
  EXPECT_EQ(store.find_profile("cyd")->pool, first.id) << "all or none for a mistyped name";
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(RebaseTest, AVersionWithOtherAdaptersIsRefusedByName) {
  store.put_profile(draft_of("ada", first.id));
  const auto refused = [&](const Pool& pool, const std::string& words) {
    const PoolRecord to = store.put_pool("main", pool);
    expect_error(
        ErrorCode::kMismatch, [&] { store.rebase_profiles(to.id, {}, {}); }, words);
    expect_error(ErrorCode::kMismatch,
                 [&] { store.rebase_profiles(to.id, std::vector<std::string>{"ada"}, {}); });
  };
  refused(tiny_pool({tiny_block(7), tiny_block(1)}), "adapter 0 differs");
  refused(tiny_pool({tiny_block(1, 4)}), "there are fewer");
  const Pool plain = tiny_pool({tiny_block(1), tiny_block(2)});
  refused(Pool(plain.info(), tiny_block(98, 2), {tiny_block(1), tiny_block(2)}),
          "the shared adapter");
  refused(tiny_pool({tiny_block(1), tiny_block(2)}, Algebra::kSeparate), "the algebra");
  PoolInfo scaled = plain.info();
  scaled.mask_scale = 0.2;
  refused(Pool(scaled, plain.shared_block(), {tiny_block(1), tiny_block(2)}), "the mask scale");
  EXPECT_EQ(store.find_profile("ada")->generation, 1);
  expect_error(ErrorCode::kNotFound, [&] { store.rebase_profiles(PoolId{77}, {}, {}); });
  expect_error(ErrorCode::kInvalidArgument, [&] { rebase({}, {.rows_per_commit = 0}); });
}

TEST_F(RebaseTest, TheSameAdaptersInOtherBlocksAreTheSame) {
  store.put_profile(draft_of("ada", first.id));
  const auto owner = tiny_block(1);
  const AdapterBlockView& all = owner->view();
  const auto part = [&](std::int64_t at, std::int64_t count) {
    return AdapterBlock::make(
        count, 1, {all.down.row(at), count, 4}, {all.up.row(at), count, 4},
        all.scale.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count)));
  };
  const PoolRecord to = store.put_pool("main", tiny_pool({part(0, 5), part(5, 3), tiny_block(2)}));
  EXPECT_EQ(store.rebase_profiles(to.id, {}, {}).rebased, 1);
  EXPECT_EQ(store.find_profile("ada")->mask.size(), 16);
}

TEST_F(RebaseTest, WhoIsWeighedByAnotherGateStaysAndIsNamed) {
  const PoolRecord old = store.put_pool("gated", gated_pool({tiny_block(1)}, 0.5F));
  const PoolRecord to = store.put_pool("gated", gated_pool({tiny_block(1), tiny_block(2)}, 0.25F));
  ProfileDraft ada = draft_of("ada", old.id, {docs.id});
  ada.schedule.gate = true;
  store.put_profile(ada);
  store.put_profile(draft_of("bob", old.id));
  const RebaseReport report = store.rebase_profiles(to.id, {}, {});
  EXPECT_EQ(report.rebased, 1);
  ASSERT_EQ(report.refused.size(), 1U);
  EXPECT_EQ(report.refused[0].name, "ada");
  EXPECT_THAT(report.refused[0].why, ::testing::HasSubstr("--no-gate"));
  EXPECT_EQ(store.find_profile("ada")->pool, old.id);
  const RebaseReport named = store.rebase_profiles(to.id, std::vector<std::string>{"ada"}, {});
  ASSERT_EQ(named.refused.size(), 1U);
  EXPECT_EQ(named.refused[0].name, "ada");
  const PoolRecord same = store.put_pool("gated", gated_pool({tiny_block(1), tiny_block(2)}, 0.5F));
  EXPECT_EQ(store.rebase_profiles(same.id, {}, {}).rebased, 2);
  EXPECT_TRUE(store.verify().empty());
}

/// Asks to stop after so many commits.
struct StopAfter : Progress {
  explicit StopAfter(int commits) : left(commits) {}
  void report(std::string_view, std::int64_t, std::int64_t, std::string_view) override { --left; }
  bool stop_requested() const override { return left < 0; }
  int left;
};

TEST_F(RebaseTest, AnInterruptedOneGoesOnWhereItWas) {
  BulkEnrolment bulk(store);
  for (int i = 0; i < 1000; ++i) {
    ProfileDraft draft = draft_of(message("p", i), first.id);
    draft.mask.down = BitMask::from_indices(8, std::vector<std::int64_t>{i % 8});
    draft.schedule.length = i % 7;
    if (i % 2 == 0) draft.segments = {docs.id};
    bulk.add(draft);
  }
  bulk.commit();
  ProfileReader reader = ProfileReader::open(tiny.path);
  EXPECT_EQ(reader.preload(), 1000);
  StopAfter stop(4);
  expect_error(ErrorCode::kInterrupted,
               [&] { rebase({}, {.rows_per_commit = 100, .progress = &stop}); });
  EXPECT_EQ(store.pool_users(grown.id).profiles, 400);
  EXPECT_EQ(store.pool_users(first.id).profiles, 600);
  EXPECT_TRUE(store.verify().empty());
  EXPECT_EQ(rebase({}, {.rows_per_commit = 100}).rebased, 600);
  EXPECT_EQ(store.find_segment("docs")->id, docs.id);
  reader.refresh();
  ProfileRecord record;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(reader.find(message("p", i), record));
    EXPECT_EQ(record.pool, grown.id);
    EXPECT_EQ(record.generation, 2);
    EXPECT_EQ(record.mask.down.indices(), std::vector<std::int64_t>{i % 8});
    EXPECT_EQ(record.schedule.length, i % 7);
    EXPECT_EQ(record.segments.size(), i % 2 == 0 ? 1U : 0U);
  }
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(RebaseTest, AnEncryptedStoreToo) {
  const auto key = MasterKey::from_callback(
      [](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{7}); });
  const std::string path = tiny.folder.file("sealed");
  Store sealed = Store::open(path, OpenMode::kCreate, {.key = key});
  sealed.encrypt();
  sealed.put_model(tiny_model(), "");
  const PoolId before = sealed.put_pool("main", tiny_pool({tiny_block(1)})).id;
  const PoolId after = sealed.put_pool("main", tiny_pool({tiny_block(1), tiny_block(2)})).id;
  ProfileDraft ada = draft_of("ada", before);
  ada.own_segments = {tiny_segment(2)};
  sealed.put_profile(ada);
  sealed.put_profile(draft_of("bob", before));
  EXPECT_EQ(sealed.rebase_profiles(after, std::vector<std::string>{"bob"}, {}).rebased, 1);
  EXPECT_EQ(sealed.rebase_profiles(after, {}, {}).rebased, 1);
  Store again = Store::open(path, OpenMode::kReadWrite, {.key = key});
  EXPECT_EQ(again.find_profile("ada")->mask.size(), 16);
  EXPECT_EQ(again.find_profile("ada")->mask.down.indices(), ada.mask.down.indices());
  EXPECT_EQ(again.find_profile("ada")->segments.size(), 1U);
  EXPECT_EQ(again.find_profile("bob")->generation, 2);
  EXPECT_TRUE(again.verify().empty());
}

}  // namespace
}  // namespace pema::test
