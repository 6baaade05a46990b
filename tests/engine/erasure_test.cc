// What is left of a person's memory after it was erased: nothing in the store's files, nothing that
// the process has mapped or on its heap. Another process makes the person, so that this one only
// ever sees the keys as serving does.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "pema/erasure.h"
#include "pema/memory_manager.h"
#include "pema/segment_list.h"
#include "src/core/object_file.h"
#include "tests/support/memory_search.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

constexpr std::size_t kSought = 64;

/// Runs in the other process: the person, an index that holds her segment, and the masked first
/// bytes of her first key and of the index's codes.
void make_person(const std::string& folder) {
  const TinyModel model;
  std::mt19937 random(83);
  Store store = Store::open(folder + "/store", OpenMode::kCreate);
  store.put_model(model.info, "tiny.gguf");
  const auto own = random_segment(random, model, 40);
  ProfileDraft draft;
  draft.name = "ann";
  draft.schedule.lambda_own = 0.5;
  draft.own_segments = {own};
  store.put_profile(draft);
  const auto write = [&](const char* name, const void* bytes) {
    const MaskedBytes sought = masked(bytes, kSought);
    std::ofstream(folder + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(sought.data()), kSought);
  };
  write("/masked", own->keys().row(0));
  const RecallIndexRecord index =
      store.build_index({.name = "all", .scope = IndexScope::kEverybody}, {.threads = 1}).record;
  const core::MappedObject file = core::open_object(store.object_path(index.digest),
                                                    core::ObjectKind::kSegmentIndex, index.digest);
  // Not the first ones: a freed block begins with the allocator's pointers.
  write("/masked-codes", file.parts.sections[2].data() + 256);
}

/// Runs in the other process: a shared segment of two parts that bob reads, an index over it, and
/// the masked keys of one entry that will go and of one that stays, from the middle of the second.
void make_list(const std::string& folder) {
  const TinyModel model;
  std::mt19937 random(84);
  Store store = Store::open(folder + "/store", OpenMode::kCreate);
  store.put_model(model.info, "tiny.gguf");
  const SegmentId list =
      store.put_segment(*random_segment(random, model, 40), SegmentKind::kShared, "list").id;
  const auto part = random_segment(random, model, 50);
  store.append_segment(list, *part);
  ProfileDraft draft;
  draft.name = "bob";
  draft.schedule.lambda_shared = 0.5;
  draft.segments = {list};
  store.put_profile(draft);
  for (const auto& [name, entry] : {std::pair("/masked", 20), std::pair("/masked-kept", 30)}) {
    const MaskedBytes sought = masked(part->keys().row(entry), kSought);
    std::ofstream(folder + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(sought.data()), kSought);
  }
  static_cast<void>(
      store.build_index({.name = "all", .scope = IndexScope::kEverybody}, {.threads = 1}));
}

MaskedBytes read_masked(const std::string& path) {
  MaskedBytes sought(kSought);
  std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(sought.data()), kSought);
  return sought;
}

TEST(Erasure, NothingOfAPersonsKeysIsLeftInFilesOrMemory) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory, and maps more than can be read";
  const TemporaryFolder folder;
  const std::string root = std::filesystem::path(folder.file("store")).parent_path().string();
  const pid_t other = fork();
  if (other == 0) {
    make_person(root);
    _exit(0);
  }
  int status = 1;
  ASSERT_EQ(waitpid(other, &status, 0), other);
  ASSERT_EQ(status, 0);
  const MaskedBytes key = read_masked(root + "/masked");
  const MaskedBytes codes = read_masked(root + "/masked-codes");

  const TinyModel model;
  Store store = Store::open(root + "/store", OpenMode::kReadWrite);
  MemoryOptions options;
  options.budget_bytes = std::int64_t{1} << 24;
  const auto memory = std::make_shared<MemoryManager>(options);
  MemoryErasure told;
  store.on_erasure([&](std::span<const Digest> gone) { told = memory->erase(gone); });
  LeaseBook book(store, model.info, memory, {.use = IndexChoice::Use::kNamed, .name = "all"});
  auto lease = book.acquire("ann");
  ASSERT_NE(lease->index.index, nullptr);
  {
    Engine engine(model.info, model.head, {.threads = 1});
    (void)run_step(engine, TinyBatch(model, {lease.get()}).view());
  }
  EXPECT_TRUE(found_in_files(root + "/store", key).has_value());
  EXPECT_TRUE(found_in_memory(key).has_value()) << "the lease has the keys mapped";
  EXPECT_TRUE(found_in_files(root + "/store", codes).has_value());
  EXPECT_TRUE(found_in_memory(codes).has_value()) << "the lease has an index of them";
  ErasureReceipt receipt = store.erase_profile("ann", {});
  EXPECT_TRUE(receipt.complete());
  EXPECT_EQ(told.items, 2) << "segment and index, without anybody's help";
  EXPECT_GT(told.leased_bytes, 0) << "a lease may still speak";
  std::int64_t indexes = 0;
  for (const ErasedPlace& place : receipt.places) {
    if (place.place == ErasurePlace::kIndexes) indexes += place.items;
  }
  EXPECT_EQ(indexes, 1);
  EXPECT_EQ(receipt.in_memory.size(), 2U);
  erase_from_memory(*memory, receipt);
  EXPECT_FALSE(receipt.complete()) << "a lease may still speak";
  EXPECT_EQ(receipt.places.back().place, ErasurePlace::kServingMemory);
  lease.reset();
  EXPECT_EQ(found_in_files(root + "/store", key), std::nullopt);
  EXPECT_EQ(found_in_memory(key), std::nullopt);
  EXPECT_EQ(found_in_files(root + "/store", codes), std::nullopt);
  EXPECT_EQ(found_in_memory(codes), std::nullopt);
}

TEST(Erasure, NothingOfForgottenEntriesIsLeftInFilesOrMemory) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory, and maps more than can be read";
  const TemporaryFolder folder;
  const std::string root = std::filesystem::path(folder.file("store")).parent_path().string();
  const pid_t other = fork();
  if (other == 0) {
    make_list(root);
    _exit(0);
  }
  int status = 1;
  ASSERT_EQ(waitpid(other, &status, 0), other);
  ASSERT_EQ(status, 0);
  const MaskedBytes key = read_masked(root + "/masked");
  const MaskedBytes kept = read_masked(root + "/masked-kept");
  const TinyModel model;
  Store store = Store::open(root + "/store", OpenMode::kReadWrite);
  const auto memory =
      std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = std::int64_t{1} << 24});
  store.on_erasure([&](std::span<const Digest> gone) { memory->erase(gone); });
  LeaseBook book(store, model.info, memory, {.use = IndexChoice::Use::kNamed, .name = "all"});
  Engine engine(model.info, model.head, {.threads = 1});
  auto lease = book.acquire("bob");
  (void)run_step(engine, TinyBatch(model, {lease.get()}).view());
  EXPECT_TRUE(found_in_files(root + "/store", key).has_value());
  EXPECT_TRUE(found_in_memory(key).has_value());
  const SegmentId list = store.find_segment("list")->id;
  const ForgottenEntries done = store.forget_entries(list, {.entries = {{60, 62}}});
  EXPECT_EQ(done.entries, 3);
  EXPECT_FALSE(done.pending);
  EXPECT_TRUE(store.indexes().empty());
  EXPECT_EQ(found_in_files(root + "/store", key), std::nullopt) << "though a lease is out";
  EXPECT_TRUE(found_in_memory(key).has_value()) << "a lease keeps what it has";
  (void)run_step(engine, TinyBatch(model, {lease.get()}).view());
  lease.reset();
  EXPECT_EQ(found_in_memory(key), std::nullopt);
  EXPECT_TRUE(found_in_files(root + "/store", kept).has_value());
  LeaseBook later(store, model.info, memory);
  lease = later.acquire("bob");
  EXPECT_EQ(lease->shared[1]->info().entries, 47);
  (void)run_step(engine, TinyBatch(model, {lease.get()}).view());
  EXPECT_EQ(found_in_memory(key), std::nullopt);
  EXPECT_TRUE(found_in_memory(kept).has_value());
  store.merge_segment(list, {});
  lease.reset();
  EXPECT_EQ(found_in_files(root + "/store", key), std::nullopt);
  EXPECT_EQ(found_in_memory(key), std::nullopt);
}

}  // namespace
}  // namespace pema::test
