// Indexes that a store keeps, in leases: chosen by what they hold, kept in the memory manager's
// budget, and never needed: without room, damaged or erased, the bits stay the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "pema/memory_manager.h"
#include "pema/memory_plan.h"
#include "pema/planner.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

using ::testing::HasSubstr;

/// ann reads "books" and "news", bob "news", cem only his own; ann's and cem's own segments are
/// small.
class IndexLeases : public testing::Test {
 protected:
  IndexLeases() : store(Store::open(folder.file("store"), OpenMode::kCreate)) {
    store.put_model(model.info, "tiny.gguf");
    books = share("books", 3000);
    news = share("news", 2000);
    enrol("ann", {books.id, news.id}, 30);
    enrol("bob", {news.id}, 0);
    enrol("cem", {}, 30);
  }
  SegmentRecord share(const std::string& name, std::int64_t entries) {
    return store.put_segment(*random_segment(random, model, entries), SegmentKind::kShared, name);
  }
  void enrol(const std::string& name, std::vector<SegmentId> segments, std::int64_t own) {
    ProfileDraft draft;
    draft.name = name;
    draft.schedule = {.lambda_own = 0.3, .lambda_shared = 0.4};
    draft.segments = std::move(segments);
    if (own > 0) draft.own_segments = {random_segment(random, model, own)};
    store.put_profile(draft);
  }
  RecallIndexRecord build(const std::string& name, std::vector<SegmentId> segments) {
    return store.build_index({.name = name, .segments = std::move(segments)}).record;
  }
  [[nodiscard]] std::shared_ptr<const Lease> lease(const std::string& name,
                                                   IndexChoice choice = {}) const {
    return LeaseBook(store, model.info, nullptr, std::move(choice)).acquire(name);
  }
  /// The rows of these leases as an engine gives them.
  [[nodiscard]] Matrix<float> run(const std::vector<std::shared_ptr<const Lease>>& leases) const {
    std::vector<const Lease*> rows;
    for (const auto& one : leases) rows.push_back(one.get());
    Engine engine(model.info, model.head, {.threads = 2});
    return run_step(engine, TinyBatch(model, rows, 9).view());
  }
  void expect_same(const Matrix<float>& a, const Matrix<float>& b) const {
    EXPECT_TRUE(std::equal(a.data(), a.data() + a.rows() * kVocab, b.data()));
  }

  const IndexChoice off{.use = IndexChoice::Use::kOff};
  TinyModel model;
  std::mt19937 random{43};
  TemporaryFolder folder;
  Store store;
  SegmentRecord books;
  SegmentRecord news;
};

TEST_F(IndexLeases, TheOneThatHoldsMostKeysIsTakenAndChangesNoBit) {
  build("small", {news.id});
  EXPECT_EQ(lease("ann")->index.name, "small");
  build("large", {books.id, news.id});
  const std::vector all{lease("ann"), lease("bob"), lease("cem"), lease("ann", off)};
  EXPECT_EQ(all[0]->index.name, "large");
  EXPECT_EQ(all[1]->index.name, "small") << "as many keys of bob's, fewer bytes";
  EXPECT_EQ(all[2]->index.index, nullptr);
  EXPECT_EQ(all[3]->index.index, nullptr);
  for (const auto& one : all) EXPECT_EQ(one->index.trouble, "");
  const std::vector<RecallPlan> plans = explain_recall({}, *all[0]);
  ASSERT_EQ(plans.size(), 2U);
  EXPECT_TRUE(plans[0].own);
  EXPECT_FALSE(plans[0].through_index);
  EXPECT_EQ(plans[1].keys, 5000);
  EXPECT_EQ(plans[1].indexed, 5000);
  EXPECT_TRUE(plans[1].through_index) << plans[1].index_cost << " " << plans[1].scan_cost;
  EXPECT_FALSE(explain_recall({}, *all[3])[1].through_index);
  const Matrix<float> plain =
      run({lease("ann", off), lease("bob", off), lease("cem", off), lease("ann", off)});
  expect_same(run(all), plain);
}

TEST_F(IndexLeases, SegmentsBesideTheIndexAreScannedAndMerged) {
  build("books", {books.id});
  const auto ann = lease("ann");
  EXPECT_EQ(explain_recall({}, *ann)[1].indexed, 3000);
  EXPECT_TRUE(explain_recall({}, *ann)[1].through_index);
  expect_same(run({ann}), run({lease("ann", off)}));
}

TEST_F(IndexLeases, OneMayBeNamed) {
  build("small", {news.id});
  build("large", {books.id, news.id});
  const auto named = [](const std::string& name) {
    return IndexChoice{.use = IndexChoice::Use::kNamed, .name = name};
  };
  EXPECT_EQ(lease("ann", named("small"))->index.name, "small");
  const auto cem = lease("cem", named("small"));
  EXPECT_EQ(cem->index.index, nullptr);
  EXPECT_THAT(cem->index.trouble, HasSubstr("holds no segment of profile 'cem'"));
  expect_error(
      ErrorCode::kNotFound, [&] { (void)lease("ann", named("none")); }, "pema memory index ls");
}

TEST_F(IndexLeases, TheWantedRecallIsThatOfTheIndexOrTheChoice) {
  (void)store.build_index({.name = "loose", .segments = {books.id}, .wanted_recall = 0.9});
  EXPECT_EQ(lease("ann")->index.wanted_recall, 0.9);
  EXPECT_EQ(lease("ann", {.wanted_recall = 0.5})->index.wanted_recall, 0.5);
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)lease("ann", {.wanted_recall = 1.5}); });
}

TEST_F(IndexLeases, ADamagedOrMissingOneIsSaidAndDoneWithout) {
  const RecallIndexRecord index = build("large", {books.id, news.id});
  const std::string path = store.object_path(index.digest);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const auto damaged = lease("ann");
  EXPECT_EQ(damaged->index.index, nullptr);
  EXPECT_THAT(damaged->index.trouble, HasSubstr("index 'large' is not used"));
  EXPECT_EQ(damaged->index.cause, ErrorCode::kCorrupt);
  expect_same(run({damaged}), run({lease("ann", off)}));
  std::filesystem::remove(path);
  EXPECT_EQ(lease("ann")->index.cause, ErrorCode::kNotFound);
  (void)store.build_index(store.draft_of(index));
  EXPECT_NE(lease("ann")->index.index, nullptr);
}

TEST_F(IndexLeases, TheMemoryManagerHoldsThem) {
  const RecallIndexRecord index = build("large", {books.id, news.id});
  const auto memory =
      std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = std::int64_t{1} << 24});
  LeaseBook book(store, model.info, memory);
  auto ann = book.acquire("ann");
  auto bob = book.acquire("bob");
  EXPECT_EQ(ann->index.index, bob->index.index);
  EXPECT_EQ(memory->stats().of(MemoryKind::kIndex).loads, 1);
  EXPECT_EQ(memory->stats().of(MemoryKind::kIndex).items, 1);
  EXPECT_EQ(
      memory->stats().of(MemoryKind::kIndex).bytes[static_cast<std::size_t>(MemoryTier::kRam)],
      index.memory_bytes);
  memory->trim(0);
  EXPECT_TRUE(memory->holds({MemoryKind::kIndex, index.digest})) << "two leases hold it";
  ann.reset();
  bob.reset();
  memory->trim(0);
  EXPECT_FALSE(memory->holds({MemoryKind::kIndex, index.digest}));
  EXPECT_EQ(book.prefetch(std::vector<std::string>{"bob"}), 2);
  EXPECT_TRUE(memory->holds({MemoryKind::kIndex, index.digest}));
  EXPECT_NE(to_prometheus(memory->stats()).find("pema_memory_items{kind=\"index\"} 1\n"),
            std::string::npos);
}

TEST_F(IndexLeases, WithoutRoomALeaseComesWithoutItsIndex) {
  build("large", {books.id, news.id});
  const auto plain = std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = 1 << 24});
  const auto bare = LeaseBook(store, model.info, plain, off).acquire("ann");
  const std::int64_t needed = plain->stats().host_held;
  const auto tight = std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = needed});
  const auto lease = LeaseBook(store, model.info, tight).acquire("ann");
  EXPECT_EQ(lease->index.index, nullptr);
  EXPECT_THAT(lease->index.trouble, HasSubstr("the index "));
  EXPECT_EQ(lease->index.cause, ErrorCode::kBusy);
  EXPECT_EQ(tight->stats().of(MemoryKind::kIndex).refused, 1);
  expect_same(run({lease}), run({bare}));
}

TEST_F(IndexLeases, WhatTheStoreErasesTheManagerErases) {
  const auto memory = std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = 1 << 24});
  MemoryErasure receipt;
  store.on_erasure([&](std::span<const Digest> gone) { receipt = memory->erase(gone); });
  const Digest index =
      store.build_index({.name = "all", .scope = IndexScope::kEverybody}).record.digest;
  LeaseBook book(store, model.info, memory);
  auto ann = book.acquire("ann");
  const Digest own = ann->own[0]->digest();
  EXPECT_EQ(ann->index.name, "all");
  EXPECT_TRUE(store.remove_profile("ann"));
  EXPECT_FALSE(memory->holds({MemoryKind::kSegment, own}));
  EXPECT_FALSE(memory->holds({MemoryKind::kIndex, index}));
  EXPECT_EQ(receipt.items, 2);
  EXPECT_GT(receipt.leased_bytes, 0);
  EXPECT_GT(memory->stats().erased_leased, 0);
  ann.reset();
  EXPECT_EQ(memory->stats().erased_leased, 0);
  EXPECT_EQ(book.acquire("bob")->index.index, nullptr);
  EXPECT_EQ(book.acquire("bob")->index.trouble, "");
}

TEST_F(IndexLeases, ThePlanCountsThem) {
  const auto index_of = [](const MemoryPlan& plan) {
    const auto found =
        std::find_if(plan.items.begin(), plan.items.end(),
                     [](const PlannedMemory& item) { return item.kind == MemoryKind::kIndex; });
    return found == plan.items.end() ? PlannedMemory{} : *found;
  };
  const RecallIndexRecord index = build("large", {books.id, news.id});
  const MemoryPlan plan = plan_memory(store, {}, {.budget_bytes = 1 << 24});
  EXPECT_EQ(index_of(plan).name, "large");
  EXPECT_EQ(index_of(plan).readers, 2);
  EXPECT_EQ(index_of(plan).bytes, index.memory_bytes);
  EXPECT_TRUE(index_of(plan).fits);
  const auto memory = std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = 1 << 24});
  LeaseBook book(store, model.info, memory);
  const std::vector all{book.acquire("ann"), book.acquire("bob"), book.acquire("cem")};
  EXPECT_EQ(memory->stats().host_held, plan.bytes);
  EXPECT_FALSE(index_of(plan_memory(store, {}, {.budget_bytes = plan.bytes - 1})).fits)
      << "what a lease can do without comes after what it needs";
  EXPECT_EQ(index_of(plan_memory(store, {}, {.budget_bytes = 1, .indexes = off})).bytes, 0);
  const std::vector<std::string> cem{"cem"};
  EXPECT_EQ(index_of(plan_memory(store, cem, {.budget_bytes = 1})).bytes, 0);
}

}  // namespace
}  // namespace pema::test
