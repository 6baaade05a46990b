// What is left of people who were erased: nothing in any file, whatever moved their rows about
// before, nothing in this process's memory; and receipts that say so, or say what is pending.
#include <gtest/gtest.h>
#include <string.h>  // explicit_bzero

#include <algorithm>
#include <cstring>
#include <random>

#include "pema/erasure.h"
#include "pema/profile_reader.h"
#include "profiles/object_folder.h"
#include "profiles/registry.h"
#include "profiles/sqlite/sealed_file.h"
#include "profiles/sqlite/transaction.h"
#include "tests/profiles/store_fixture.h"
#include "tests/support/memory_search.h"

namespace pema::test {
namespace {

struct LeavingTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  PoolId pool = tiny.put_pool().id;

  const ErasedPlace& place(const ErasureReceipt& receipt, ErasurePlace wanted) {
    const auto found =
        std::find_if(receipt.places.begin(), receipt.places.end(),
                     [&](const ErasedPlace& entry) { return entry.place == wanted; });
    EXPECT_NE(found, receipt.places.end()) << to_string(wanted);
    return *found;
  }
  ErasureState state(const ErasureReceipt& receipt, ErasurePlace wanted) {
    return place(receipt, wanted).state;
  }
  std::int64_t integer(const std::string& sql) {
    profiles::sqlite::Database database(tiny.registry(), OpenMode::kReadWrite);
    return database.integer(sql);
  }
};

/// A draft whose name and mask are made of `number` alone and nowhere else to be found.
ProfileDraft marked_draft(std::int64_t number, std::int64_t version, PoolId pool) {
  ProfileDraft draft;
  draft.name = sha256("name " + std::to_string(number)).hex().substr(0, 20);
  draft.pool = pool;
  std::mt19937_64 random(static_cast<std::uint64_t>(number * 16 + version));
  std::uniform_real_distribution<float> uniform(0.5F, 1.0F);
  draft.mask.down_weights.resize(static_cast<std::size_t>(5 + random() % 4));
  for (float& weight : draft.mask.down_weights) weight = uniform(random);
  return draft;
}
MaskedBytes name_bytes(const ProfileDraft& draft) {
  return masked(draft.name.data(), draft.name.size());
}
/// Five weights: 20 bytes that nobody else has.
MaskedBytes mask_bytes(const ProfileDraft& draft) {
  return masked(draft.mask.down_weights.data(), 20);
}

TEST_F(LeavingTest, TheReceiptNamesEveryPlaceAndHoldsNoName) {
  ProfileDraft draft = draft_of("somebody", pool);
  draft.own_segments = {tiny_segment(3)};
  store.put_profile(draft);
  store.put_profile(draft_of("bob", pool));
  const ErasureReceipt receipt = store.erase_profile("somebody", {});
  EXPECT_TRUE(receipt.found);
  EXPECT_TRUE(receipt.complete());
  EXPECT_EQ(state(receipt, ErasurePlace::kRows), ErasureState::kErased);
  EXPECT_EQ(state(receipt, ErasurePlace::kLog), ErasureState::kErased);
  EXPECT_EQ(state(receipt, ErasurePlace::kFreeSpace), ErasureState::kErased);
  EXPECT_EQ(place(receipt, ErasurePlace::kObjects).items, 1);
  EXPECT_GT(place(receipt, ErasurePlace::kObjects).bytes, 0);
  EXPECT_EQ(state(receipt, ErasurePlace::kObjects), ErasureState::kErased);
  EXPECT_EQ(state(receipt, ErasurePlace::kIndexes), ErasureState::kNothing);
  EXPECT_EQ(state(receipt, ErasurePlace::kStoreMemory), ErasureState::kErased);
  for (const ErasedPlace& entry : receipt.places) {
    EXPECT_EQ(entry.note.find("somebody"), std::string::npos) << entry.note;
  }
  const std::vector<Digest> in_memory = {draft.mask.digest(), tiny_segment(3)->digest()};
  EXPECT_EQ(receipt.in_memory, in_memory);
  EXPECT_TRUE(store.find_profile("bob").has_value());
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(LeavingTest, NobodyIsFoundInAnyFileWhateverMovedTheRows) {
  // Random order splits and merges pages, which leaves copies of rows where SQLite's own
  // overwriting does not reach (docs/decisions/0018-leaving.md).
  constexpr std::int64_t kPeople = 3000;
  std::mt19937_64 random(7);
  std::vector<ProfileDraft> drafts;
  for (std::int64_t i = 0; i < kPeople; ++i) drafts.push_back(marked_draft(i, 0, pool));
  std::shuffle(drafts.begin(), drafts.end(), random);
  Store fast = Store::open(tiny.path, OpenMode::kReadWrite, {.durability = Durability::kFast});
  for (std::size_t at = 0; at < drafts.size(); at += 100) {
    fast.put_profiles(std::span(drafts).subspan(at, 100));
  }
  for (std::int64_t i = 0; i < kPeople; i += 5) {
    fast.put_profile(marked_draft(i, 1, pool), OnExisting::kReplace);
  }
  std::vector<std::int64_t> leaving;
  for (std::int64_t i = 0; i < kPeople; ++i) {
    if (random() % 4 == 0) leaving.push_back(i);
  }
  // All but the last in one transaction, since the disk is not what is tested.
  {
    profiles::Registry registry(tiny.path, OpenMode::kReadWrite);
    profiles::sql::Transaction transaction(registry.database());
    for (const std::int64_t i : std::span(leaving).first(leaving.size() - 1)) {
      ASSERT_TRUE(registry.remove_profile(marked_draft(i, 0, pool).name));
    }
    transaction.commit();
  }
  ASSERT_TRUE(fast.erase_profile(marked_draft(leaving.back(), 0, pool).name, {}).complete());
  std::vector<std::byte> file = read_bytes(tiny.registry());
  const std::vector<std::byte> log = read_bytes(tiny.registry() + "-wal");
  file.insert(file.end(), log.begin(), log.end());
  const auto* const begin = reinterpret_cast<const unsigned char*>(file.data());
  const auto found = [&](const MaskedBytes& sought) {
    return is_there(begin, begin + file.size(), sought);
  };
  const std::vector<ProfileRecord> stayed = fast.profiles({}, 1);
  EXPECT_TRUE(found(masked(stayed[0].name.data(), stayed[0].name.size())));
  std::int64_t names = 0;
  std::int64_t masks = 0;
  for (const std::int64_t i : leaving) {
    names += found(name_bytes(marked_draft(i, 0, pool))) ? 1 : 0;
    masks += found(mask_bytes(marked_draft(i, 0, pool))) ? 1 : 0;
    masks += found(mask_bytes(marked_draft(i, 1, pool))) ? 1 : 0;
  }
  EXPECT_EQ(names, 0) << "of " << leaving.size();
  EXPECT_EQ(masks, 0) << "of " << leaving.size();
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(LeavingTest, AReaderKeepsTheLogAndTheReceiptSaysSo) {
  store.put_profile(draft_of("ada", pool));
  const std::string name = "somebody-with-a-long-name";
  store.put_profile(draft_of(name, pool));
  const MaskedBytes sought = masked(name.data(), name.size());
  {
    profiles::sqlite::Database reader(tiny.registry(), OpenMode::kReadOnly, 0);
    const profiles::sqlite::Transaction snapshot(reader, profiles::sqlite::TransactionKind::kRead);
    ASSERT_EQ(reader.integer("SELECT count(*) FROM profile"), 2);
    const ErasureReceipt receipt = store.erase_profile(name, {});
    EXPECT_EQ(state(receipt, ErasurePlace::kLog), ErasureState::kPending);
    EXPECT_FALSE(receipt.complete());
    EXPECT_TRUE(found_in_files(tiny.path, sought).has_value());
    EXPECT_FALSE(store.finish_erasures());
  }
  EXPECT_TRUE(store.finish_erasures());
  EXPECT_EQ(found_in_files(tiny.path, sought), std::nullopt);
}

TEST_F(LeavingTest, ABackupKeepsTheFilesUntilItEnds) {
  ProfileDraft draft = draft_of("ada", pool);
  draft.own_segments = {tiny_segment(3)};
  store.put_profile(draft);
  const std::string object = store.object_path(tiny_segment(3)->digest());
  {
    const profiles::DeletionLock backup(tiny.path + "/objects",
                                        profiles::DeletionLock::Kind::kHold);
    EXPECT_EQ(state(store.erase_profile("ada", {}), ErasurePlace::kObjects),
              ErasureState::kPending);
    EXPECT_FALSE(store.finish_erasures());
  }
  EXPECT_TRUE(std::filesystem::exists(object));
  EXPECT_TRUE(store.finish_erasures());
  EXPECT_FALSE(std::filesystem::exists(object));
}

TEST_F(LeavingTest, WhatKilledWritersLeftGoesToo) {
  store.put_profile(draft_of("ada", pool));
  const std::string words = "half of a segment of ada";
  for (const std::string left : {"/objects/incoming", "/staging/killed"}) {
    std::filesystem::create_directories(tiny.path + left);
    write_bytes(tiny.path + left + "/.pema-tmp-left", std::as_bytes(std::span(words)));
  }
  write_bytes(tiny.path + "/staging/killed/lock", {});
  EXPECT_TRUE(store.erase_profile("ada", {}).complete());
  EXPECT_EQ(found_in_files(tiny.path, masked(words.data(), words.size())), std::nullopt);
}

TEST_F(LeavingTest, ContentThatIsSharedStaysAndTheReceiptSaysSo) {
  store.put_segment(*tiny_segment(3), SegmentKind::kShared, "docs");
  ProfileDraft draft = draft_of("ada", pool);
  draft.own_segments = {tiny_segment(3)};
  store.put_profile(draft);
  const ErasureReceipt receipt = store.erase_profile("ada", {});
  EXPECT_EQ(state(receipt, ErasurePlace::kObjects), ErasureState::kKept);
  EXPECT_FALSE(receipt.complete());
  EXPECT_TRUE(store.verify().empty());
}

TEST_F(LeavingTest, AnErasedNameLeavesNoHashAndItsGenerationsAreNotUsedAgain) {
  store.put_profile(draft_of("ada", pool));
  store.put_profile(draft_of("ada", pool), OnExisting::kReplace);
  store.put_profile(draft_of("bob", pool));
  EXPECT_TRUE(store.remove_profile("ada"));
  EXPECT_EQ(integer("SELECT count(*) FROM removed"), 1);
  const ErasureReceipt receipt = store.erase_profile("ada", {});
  EXPECT_FALSE(receipt.found);
  EXPECT_EQ(state(receipt, ErasurePlace::kRows), ErasureState::kErased) << "the hash of her name";
  EXPECT_EQ(integer("SELECT count(*) FROM removed"), 0);
  EXPECT_EQ(state(store.erase_profile("ada", {}), ErasurePlace::kRows), ErasureState::kNothing);
  EXPECT_EQ(store.put_profile(draft_of("ada", pool)).generation, 3);
  EXPECT_EQ(store.put_profile(draft_of("bob", pool), OnExisting::kReplace).generation, 2);
}

/// Puts bytes into unused room of a page, as programs did before pages were cleaned.
void dirty_a_page(const std::string& path, std::string_view words) {
  std::vector<std::byte> file = read_bytes(path);
  for (std::size_t page = 4096; page < file.size(); page += 4096) {
    if (file[page] != std::byte{13}) continue;
    const std::size_t cells = std::to_integer<std::size_t>(file[page + 4]);
    const std::size_t first = std::to_integer<std::size_t>(file[page + 5]) * 256 +
                              std::to_integer<std::size_t>(file[page + 6]);
    const std::size_t begin = page + 8 + 2 * cells;
    if (first > 4096 || page + first < begin + words.size()) continue;
    std::memcpy(file.data() + begin, words.data(), words.size());
    const std::uint64_t seal = profiles::sqlite::page_seal(
        std::span(file).subspan(page, 4096), static_cast<std::int64_t>(page / 4096) + 1);
    std::memcpy(file.data() + page + 4096 - sizeof seal, &seal, sizeof seal);
    write_bytes(path, file);
    return;
  }
  FAIL() << "no page has room";
}

TEST_F(LeavingTest, TheFirstErasureCleansAFileOfAnOlderProgram) {
  store.put_profile(draft_of("ada", pool));
  store.put_profile(draft_of("bob", pool));
  {
    profiles::sqlite::Database database(tiny.registry(), OpenMode::kReadWrite);
    database.execute("UPDATE leaving SET value = 0 WHERE name = 'clean'");
    ASSERT_TRUE(database.checkpoint());
  }
  dirty_a_page(tiny.registry(), "an old row of ada");
  Store again = Store::open(tiny.path, OpenMode::kReadWrite);
  EXPECT_TRUE(again.erase_profile("ada", {}).complete());
  EXPECT_EQ(found_in_files(tiny.path, masked("an old row of ada", 17)), std::nullopt);
  EXPECT_EQ(integer("SELECT value FROM leaving WHERE name = 'clean'"), 1);
  EXPECT_TRUE(again.verify().empty());
}

/// Enrols, reads, lists and replaces a person whose bytes exist only while it runs.
void live(Store& store, PoolId pool) {
  ProfileDraft draft = marked_draft(1, 0, pool);
  store.put_profile(draft);
  static_cast<void>(store.find_profile(draft.name));
  static_cast<void>(store.profiles());
  store.put_profile(draft, OnExisting::kReplace);
}

TEST_F(LeavingTest, NothingOfNameAndMaskIsLeftInMemory) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory, and maps more than can be read";
  // Another process says what to look for, so that this one only has it as the store does.
  const auto note = [&](const std::string& file, const MaskedBytes& bytes) {
    write_bytes(tiny.folder.file(file), std::as_bytes(std::span(bytes)));
  };
  ASSERT_EQ(status_of(in_child([&] {
              note("name", name_bytes(marked_draft(1, 0, pool)));
              note("mask", mask_bytes(marked_draft(1, 0, pool)));
              return 0;
            })),
            0);
  const auto load = [&](const std::string& file) {
    const std::vector<std::byte> bytes = read_bytes(tiny.folder.file(file));
    const auto* const first = reinterpret_cast<const unsigned char*>(bytes.data());
    return MaskedBytes(first, first + bytes.size());
  };
  const MaskedBytes name = load("name");
  const MaskedBytes mask = load("mask");
  live(store, pool);
  ProfileReader reader = ProfileReader::open(tiny.path);
  ASSERT_EQ(reader.preload(), 1);
  reader.release();
  EXPECT_TRUE(found_in_memory(name).has_value()) << "the row is in a cached page";
  EXPECT_TRUE(found_in_memory(mask).has_value());
  {
    const std::string spoken = store.profiles().front().name;
    ASSERT_TRUE(store.erase_profile(spoken, {}).complete());
  }
  EXPECT_TRUE(found_in_memory(name).has_value()) << "a reader that was not asked since";
  reader.refresh();
  reader.release();
  EXPECT_EQ(found_in_memory(name), std::nullopt);
  EXPECT_EQ(found_in_memory(mask), std::nullopt);
}

}  // namespace
}  // namespace pema::test
