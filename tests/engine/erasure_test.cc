// What is left of a person's memory after it was erased: nothing in the store's files, nothing that
// the process has mapped or on its heap. Another process makes the person, so that this one only
// ever sees the keys as serving does.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "pema/memory_manager.h"
#include "src/core/object_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Sought bytes are only kept masked, so that the search does not find itself.
constexpr unsigned char kMask = 0x5A;
using Masked = std::array<unsigned char, 64>;

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
    Masked masked;
    std::memcpy(masked.data(), bytes, masked.size());
    for (unsigned char& byte : masked) byte ^= kMask;
    std::ofstream(folder + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(masked.data()), masked.size());
  };
  write("/masked", own->keys().row(0));
  const RecallIndexRecord index =
      store.build_index({.name = "all", .scope = IndexScope::kEverybody}, {.threads = 1}).record;
  const core::MappedObject file = core::open_object(store.object_path(index.digest),
                                                    core::ObjectKind::kSegmentIndex, index.digest);
  // Not the first ones: a freed block begins with the allocator's pointers.
  write("/masked-codes", file.parts.sections[2].data() + 256);
}

Masked read_masked(const std::string& path) {
  Masked masked;
  std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(masked.data()), masked.size());
  return masked;
}

bool is_there(const unsigned char* begin, const unsigned char* end, const Masked& masked) {
  const unsigned char first = masked[0] ^ kMask;
  while (end - begin >= std::ssize(masked)) {
    begin = static_cast<const unsigned char*>(
        std::memchr(begin, first, static_cast<std::size_t>(end - begin) - masked.size() + 1));
    if (begin == nullptr) return false;
    std::size_t same = 1;
    while (same < masked.size() && (begin[same] ^ kMask) == masked[same]) ++same;
    if (same == masked.size()) return true;
    ++begin;
  }
  return false;
}

/// Where in this process's readable memory the bytes are; nothing when nowhere.
std::optional<std::string> found_in_memory(const Masked& masked) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long begin = 0;
    unsigned long end = 0;
    char readable = '-';
    if (std::sscanf(line.c_str(), "%lx-%lx %c", &begin, &end, &readable) != 3) continue;
    const bool kernels_own = line.find("[v") != std::string::npos;
    if (readable != 'r' || kernels_own) continue;
    if (is_there(reinterpret_cast<const unsigned char*>(begin),
                 reinterpret_cast<const unsigned char*>(end), masked)) {
      return line;
    }
  }
  return std::nullopt;
}

std::optional<std::string> found_in_files(const std::string& folder, const Masked& masked) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    // Mapped, not read: a copy on the heap would be found there later.
    const auto file = core::MappedFile::open(entry.path().string());
    const auto* const begin = reinterpret_cast<const unsigned char*>(file->bytes().data());
    const bool found = is_there(begin, begin + file->bytes().size(), masked);
    if (found) return entry.path().string();
  }
  return std::nullopt;
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
  const Masked masked = read_masked(root + "/masked");
  const Masked codes = read_masked(root + "/masked-codes");

  const TinyModel model;
  Store store = Store::open(root + "/store", OpenMode::kReadWrite);
  MemoryOptions options;
  options.budget_bytes = std::int64_t{1} << 24;
  const auto memory = std::make_shared<MemoryManager>(options);
  MemoryErasure receipt;
  store.on_erasure([&](std::span<const Digest> gone) { receipt = memory->erase(gone); });
  LeaseBook book(store, model.info, memory, {.use = IndexChoice::Use::kNamed, .name = "all"});
  auto lease = book.acquire("ann");
  ASSERT_NE(lease->index.index, nullptr);
  {
    Engine engine(model.info, model.head, {.threads = 1});
    (void)run_step(engine, TinyBatch(model, {lease.get()}).view());
  }
  EXPECT_TRUE(found_in_files(root + "/store", masked).has_value());
  EXPECT_TRUE(found_in_memory(masked).has_value()) << "the lease has the keys mapped";
  EXPECT_TRUE(found_in_files(root + "/store", codes).has_value());
  EXPECT_TRUE(found_in_memory(codes).has_value()) << "the lease has an index of them";
  EXPECT_TRUE(store.remove_profile("ann"));
  EXPECT_EQ(receipt.items, 2) << "segment and index, without anybody's help";
  EXPECT_GT(receipt.leased_bytes, 0) << "a lease may still speak";
  lease.reset();
  EXPECT_EQ(found_in_files(root + "/store", masked), std::nullopt);
  EXPECT_EQ(found_in_memory(masked), std::nullopt);
  EXPECT_EQ(found_in_files(root + "/store", codes), std::nullopt);
  EXPECT_EQ(found_in_memory(codes), std::nullopt);
}

}  // namespace
}  // namespace pema::test
