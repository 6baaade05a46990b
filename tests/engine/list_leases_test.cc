// Leases on shared segments that grow, merge and lose entries: each keeps what it has, the next one
// reads what is there.
#include <gtest/gtest.h>

#include "pema/memory_manager.h"
#include "pema/memory_plan.h"
#include "pema/segment_list.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

/// ann reads "one", which grows, and "two".
struct ListLeases : testing::Test {
  TinyModel model;
  std::mt19937 random{43};
  TemporaryFolder folder;
  Store store = Store::open(folder.file("store"), OpenMode::kCreate);
  std::shared_ptr<MemoryManager> memory =
      std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = std::int64_t{1} << 20});
  SegmentId one;
  SegmentId two;

  ListLeases() {
    store.put_model(model.info, "tiny.gguf");
    one = store.put_segment(*random_segment(random, model, 30), SegmentKind::kShared, "one").id;
    two = store.put_segment(*random_segment(random, model, 20), SegmentKind::kShared, "two").id;
    ProfileDraft draft;
    draft.name = "ann";
    draft.schedule = {.lambda_own = 0.2, .lambda_shared = 0.5};
    draft.segments = {one, two};
    draft.own_segments = {random_segment(random, model, 10)};
    store.put_profile(draft);
    store.on_erasure([this](std::span<const Digest> gone) { memory->erase(gone); });
  }
  void append(SegmentId id, std::int64_t entries) {
    store.append_segment(id, *random_segment(random, model, entries));
  }
  [[nodiscard]] Matrix<float> speak(const Lease& lease) const {
    Engine engine(model.info, model.head, {.threads = 1});
    return run_step(engine, TinyBatch(model, {&lease, &lease, &lease}).view());
  }
  static void expect_equal(const Matrix<float>& a, const Matrix<float>& b) {
    ASSERT_EQ(a.rows(), b.rows());
    for (std::int64_t i = 0; i < a.rows() * a.cols(); ++i) EXPECT_EQ(a.data()[i], b.data()[i]);
  }
};

TEST_F(ListLeases, TheNextLeaseReadsWhatWasAppended) {
  LeaseBook book(store, model.info, memory);
  const auto before = book.acquire("ann");
  ASSERT_EQ(before->lists.size(), 2U);
  EXPECT_EQ(before->lists[0].segment, one);
  EXPECT_EQ(before->lists[0].version, 1);
  const Matrix<float> said = speak(*before);
  append(one, 7);
  append(two, 8);
  append(one, 9);
  const auto after = book.acquire("ann");
  EXPECT_EQ(after->generation, before->generation);
  EXPECT_EQ(after->own.size(), 1U);
  ASSERT_EQ(after->shared.size(), 5U);
  const std::vector<std::int64_t> sizes{30, 7, 9, 20, 8};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(after->shared[i]->info().entries, sizes[i]);
  EXPECT_EQ(after->lists[0].version, 3);
  EXPECT_EQ(after->lists[0].contents, 3);
  EXPECT_EQ(after->lists[1].contents, 2);
  EXPECT_EQ(after->shared[0], before->shared[0]) << "mapped once";
  expect_equal(speak(*before), said);
}

TEST_F(ListLeases, MergingChangesNoBit) {
  for (const std::int64_t entries : {7, 33, 1, 64}) append(one, entries);
  append(two, 5);
  LeaseBook book(store, model.info, memory);
  const auto before = book.acquire("ann");
  const Matrix<float> said = speak(*before);
  store.merge_segment(one, {});
  store.merge_segment(two, {});
  const auto after = book.acquire("ann");
  ASSERT_EQ(after->shared.size(), 2U);
  EXPECT_EQ(after->shared[0]->info().entries, 135);
  expect_equal(speak(*after), said);
  expect_equal(speak(*before), said);
  for (const auto& old : before->shared) {
    EXPECT_FALSE(memory->holds({MemoryKind::kSegment, old->digest()}));
  }
}

TEST_F(ListLeases, WhatIsForgottenIsOutOfTheNextLease) {
  append(one, 7);
  LeaseBook book(store, model.info, memory);
  const auto before = book.acquire("ann");
  const Matrix<float> said = speak(*before);
  const Digest old = before->shared[1]->digest();
  store.forget_entries(one, {.entries = {{30, 33}}});
  expect_equal(speak(*before), said);
  EXPECT_FALSE(memory->holds({MemoryKind::kSegment, old}));
  const auto after = book.acquire("ann");
  EXPECT_EQ(after->shared[1]->info().entries, 3);
  EXPECT_EQ(after->shared[0], before->shared[0]) << "what was not touched stays mapped";
  store.forget_entries(one, {.contents = {after->shared[0]->digest()}});
  EXPECT_EQ(book.acquire("ann")->shared[0]->info().entries, 0);
  (void)speak(*book.acquire("ann"));
}

TEST_F(ListLeases, AnIndexOverTheFirstPartServesBesideTheOthers) {
  store.build_index({.name = "one", .segments = {one}}, {.lists = 1, .threads = 1});
  append(one, 12);
  LeaseBook plain(store, model.info, nullptr, {.use = IndexChoice::Use::kOff});
  LeaseBook indexed(store, model.info, nullptr, {.use = IndexChoice::Use::kNamed, .name = "one"});
  const auto scanned = plain.acquire("ann");
  const auto through = indexed.acquire("ann");
  ASSERT_NE(through->index.index, nullptr);
  EXPECT_EQ(through->shared.size(), 3U);
  expect_equal(speak(*through), speak(*scanned));
}

TEST_F(ListLeases, ThePlanCountsEveryPart) {
  append(one, 12);
  const MemoryPlan plan = plan_memory(store, {}, {.budget_bytes = 1 << 20});
  std::vector<std::string> names;
  for (const PlannedMemory& item : plan.items) names.push_back(item.name);
  EXPECT_THAT(names, testing::IsSupersetOf({"one", "one, part 2", "two"}));
  LeaseBook book(store, model.info, memory);
  const auto lease = book.acquire("ann");
  EXPECT_EQ(memory->stats().host_held, plan.largest_lease);
}

TEST_F(ListLeases, AMissingPartFailsClosed) {
  append(one, 12);
  const Digest part = store.segment_list(one)[1].digest;
  std::filesystem::remove(store.object_path(part));
  LeaseBook book(store, model.info);
  expect_error(
      ErrorCode::kNotFound, [&] { static_cast<void>(book.acquire("ann")); }, part.hex());
}

}  // namespace
}  // namespace pema::test
