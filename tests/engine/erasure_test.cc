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
#include "tests/support/memory_search.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

constexpr std::size_t kSought = 64;

/// Runs in the other process: the person, and the masked first bytes of her first key.
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
  const MaskedBytes key = masked(own->keys().row(0), kSought);
  std::ofstream(folder + "/masked", std::ios::binary)
      .write(reinterpret_cast<const char*>(key.data()), kSought);
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
  MaskedBytes key(kSought);
  std::ifstream(root + "/masked", std::ios::binary)
      .read(reinterpret_cast<char*>(key.data()), kSought);

  const TinyModel model;
  Store store = Store::open(root + "/store", OpenMode::kReadWrite);
  MemoryOptions options;
  options.budget_bytes = std::int64_t{1} << 24;
  const auto memory = std::make_shared<MemoryManager>(options);
  LeaseBook book(store, model.info, memory);
  auto lease = book.acquire("ann");
  const Digest segment = lease->own[0]->digest();
  {
    Engine engine(model.info, model.head, {.threads = 1});
    (void)run_step(engine, TinyBatch(model, {lease.get()}).view());
  }
  EXPECT_TRUE(found_in_files(root + "/store", key).has_value());
  EXPECT_TRUE(found_in_memory(key).has_value()) << "the lease has the keys mapped";
  ErasureReceipt receipt = store.erase_profile("ann", {});
  EXPECT_TRUE(receipt.complete());
  ASSERT_FALSE(receipt.in_memory.empty());
  EXPECT_EQ(receipt.in_memory.back(), segment);
  erase_from_memory(*memory, receipt);
  EXPECT_FALSE(receipt.complete()) << "a lease may still speak";
  EXPECT_EQ(receipt.places.back().place, ErasurePlace::kServingMemory);
  lease.reset();
  EXPECT_EQ(found_in_files(root + "/store", key), std::nullopt);
  EXPECT_EQ(found_in_memory(key), std::nullopt);
}

}  // namespace
}  // namespace pema::test
