// An encrypted store: nothing of a person is readable in its files, only the right key opens it, an
// erased person cannot be read from old backups, and changed bytes are refused where they are.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "pema/audit.h"
#include "pema/backup.h"
#include "pema/erasure.h"
#include "pema/master_key.h"
#include "profiles/seal.h"
#include "profiles/sqlite/database.h"
#include "src/core/object_file.h"
#include "tests/profiles/store_fixture.h"
#include "tests/support/memory_search.h"

namespace pema::test {
namespace {

std::shared_ptr<const MasterKey> key_of(int number) {
  return MasterKey::from_callback([&](std::span<std::byte> key) {
    std::fill(key.begin(), key.end(), static_cast<std::byte>(number));
  });
}

struct EncryptionTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("store");
  Store store = make();
  PoolId pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;

  Store make() {
    Store made = Store::open(path, OpenMode::kCreate, {.key = key_of(1)});
    made.encrypt();
    made.put_model(tiny_model(), "/models/tiny.gguf");
    return made;
  }
  Store open(std::shared_ptr<const MasterKey> key, const std::string& where = {}) {
    return Store::open(where.empty() ? path : where, OpenMode::kReadWrite, {.key = std::move(key)});
  }
  ProfileDraft draft(const std::string& name, std::uint64_t seed) {
    ProfileDraft made = draft_of(name, pool);
    made.mask = {};
    made.mask.down_weights.assign(8, 0.125F * static_cast<float>(seed));
    made.own_segments = {tiny_segment(seed, 3000)};
    return made;
  }
  const ErasedPlace& place(const ErasureReceipt& receipt, ErasurePlace wanted) {
    return *std::find_if(receipt.places.begin(), receipt.places.end(),
                         [&](const ErasedPlace& entry) { return entry.place == wanted; });
  }
};

TEST_F(EncryptionTest, WhatIsWrittenIsReadAndNothingOfItIsInAnyFile) {
  const ProfileDraft ada = draft("ada-with-a-long-name", 5);
  store.put_profile(ada);
  store.put_profile(draft("bob-with-a-long-name", 6));
  store.put_profile(ada, OnExisting::kReplace);
  Store again = open(key_of(1));
  EXPECT_TRUE(again.encrypted());
  const ProfileRecord record = *again.find_profile("ada-with-a-long-name");
  EXPECT_EQ(record.name, "ada-with-a-long-name");
  EXPECT_EQ(record.generation, 2);
  EXPECT_EQ(record.mask, ada.mask);
  EXPECT_EQ(record.schedule, ada.schedule.quantised());
  ASSERT_EQ(record.segments.size(), 1U);
  const auto segment = again.load_segment(record.segments[0]);
  EXPECT_EQ(segment->serialise(), tiny_segment(5, 3000)->serialise());
  EXPECT_EQ(again.profiles().size(), 2U);
  EXPECT_EQ(again.profiles({}, 1).size(), 1U);
  EXPECT_EQ(again.profiles(again.profiles({}, 1)[0].name).size(), 1U);
  EXPECT_EQ(again.find_profile("cyd"), std::nullopt);
  EXPECT_TRUE(again.verify().empty());
  const std::vector<std::byte> plain = tiny_segment(5, 3000)->serialise();
  const MaskedBytes name = masked("ada-with-a-long-name", 20);
  EXPECT_EQ(found_in_files(path, name), std::nullopt);
  EXPECT_EQ(found_in_files(path, masked(ada.mask.down_weights.data(), 32)), std::nullopt);
  // Of a segment: its head with the sizes, and its tokens.
  EXPECT_EQ(found_in_files(path, masked(segment->tokens().data(), 400)), std::nullopt);
  EXPECT_EQ(found_in_files(path, masked(sha256(plain).bytes.data(), 32)), std::nullopt)
      << "a digest of the plain bytes would let somebody test for known content";
}

TEST_F(EncryptionTest, OnlyTheRightKeyOpensIt) {
  store.put_profile(draft("ada", 5));
  expect_error(
      ErrorCode::kLocked, [&] { static_cast<void>(open(key_of(2))); }, "right one");
  Store locked = open(nullptr);
  EXPECT_EQ(locked.pools().size(), 1U);
  EXPECT_EQ(locked.profile_count(), 1);
  expect_error(
      ErrorCode::kLocked, [&] { static_cast<void>(locked.find_profile("ada")); }, "--key-file");
  expect_error(ErrorCode::kLocked, [&] { static_cast<void>(locked.profiles()); });
  expect_error(ErrorCode::kLocked, [&] { locked.put_profile(draft("bob", 6)); });
  expect_error(ErrorCode::kLocked, [&] { static_cast<void>(locked.remove_profile("ada")); });
  expect_error(ErrorCode::kLocked, [&] { static_cast<void>(locked.load_segment(SegmentId{1})); });
  EXPECT_TRUE(locked.verify().empty());
  std::filesystem::rename(path + "/keys.db", path + "/away");
  Store without = open(key_of(1));
  expect_error(
      ErrorCode::kLocked, [&] { static_cast<void>(without.find_profile("ada")); },
      "keys.db is missing");
}

TEST_F(EncryptionTest, KeysOfAnotherStoreAreRefused) {
  const std::string other = folder.file("other");
  {
    Store made = Store::open(other, OpenMode::kCreate, {.key = key_of(1)});
    made.encrypt();
  }
  std::filesystem::copy_file(other + "/keys.db", path + "/keys.db",
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(path + "/keys.db-wal");
  std::filesystem::remove(path + "/keys.db-shm");
  expect_error(
      ErrorCode::kMismatch, [&] { static_cast<void>(open(key_of(1))); }, "another store");
}

TEST_F(EncryptionTest, AnOldBackupShowsEverybodyButTheErased) {
  store.put_profile(draft("ada", 5));
  store.put_profile(draft("bob", 6));
  const std::string backups = folder.file("backups");
  const BackupRecord backup = store.backup(backups, {});
  EXPECT_FALSE(std::filesystem::exists(backup.path + "/keys.db"));
  const SegmentId of_ada = store.find_profile("ada")->segments[0];
  const ErasureReceipt receipt = store.erase_profile("ada", {.backups = {backups}});
  EXPECT_TRUE(receipt.complete());
  EXPECT_EQ(place(receipt, ErasurePlace::kKeys).state, ErasureState::kErased);
  EXPECT_EQ(place(receipt, ErasurePlace::kKeys).items, 2) << "hers and her segment's";
  EXPECT_EQ(place(receipt, ErasurePlace::kBackup).items, 1);
  EXPECT_EQ(place(receipt, ErasurePlace::kBackup).state, ErasureState::kErased);
  const std::string restored = folder.file("restored");
  restore_backup(backup.path, restored);
  {
    profiles::sqlite::Database keys(path + "/keys.db", OpenMode::kReadWrite);
    ASSERT_TRUE(keys.checkpoint());
  }
  std::filesystem::copy_file(path + "/keys.db", restored + "/keys.db");
  Store old = open(key_of(1), restored);
  EXPECT_EQ(old.find_profile("ada"), std::nullopt);
  EXPECT_EQ(old.profiles().size(), 1U);
  const ProfileRecord bob = *old.find_profile("bob");
  EXPECT_EQ(old.load_segment(bob.segments[0])->serialise(), tiny_segment(6, 3000)->serialise());
  expect_error(
      ErrorCode::kNotFound, [&] { static_cast<void>(old.load_segment(of_ada)); }, "was erased");
  EXPECT_TRUE(old.verify().empty());
  EXPECT_EQ(old.put_profile(draft("ada", 7), OnExisting::kReplace).generation, 2)
      << "a person of that name may come anew";
}

TEST_F(EncryptionTest, ARotationMakesTheOldKeyUseless) {
  store.put_profile(draft("ada", 5));
  store.put_profile(draft("bob", 6));
  EXPECT_EQ(store.rotate_master_key(key_of(9)), 4);
  EXPECT_TRUE(store.find_profile("ada").has_value());
  expect_error(ErrorCode::kLocked, [&] { static_cast<void>(open(key_of(1))); });
  Store again = open(key_of(9));
  const ProfileRecord bob = *again.find_profile("bob");
  EXPECT_EQ(again.load_segment(bob.segments[0])->serialise(), tiny_segment(6, 3000)->serialise());
  EXPECT_EQ(again.audit().back().kind, AuditKind::kRotated);
  EXPECT_TRUE(again.verify().empty());
}

TEST_F(EncryptionTest, ARotationThatFailsChangesNothing) {
  store.put_profile(draft("ada", 5));
  store.put_profile(draft("bob", 6));
  {
    profiles::sqlite::Database keys(path + "/keys.db", OpenMode::kReadWrite);
    keys.execute("UPDATE data_key SET wrapped = zeroblob(72) WHERE id = 4");
  }
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(store.rotate_master_key(key_of(9))); }, "key 4");
  Store again = open(key_of(1));
  EXPECT_TRUE(again.find_profile("ada").has_value());
}

TEST_F(EncryptionTest, RowsCannotBeExchanged) {
  store.put_profile(draft("ada", 5));
  store.put_profile(draft("bob", 6));
  {
    profiles::sqlite::Database database(path + "/registry.db", OpenMode::kReadWrite);
    database.execute(
        "UPDATE profile SET data = (SELECT data FROM profile WHERE id = 2) "
        "WHERE id = 1");
  }
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(store.find_profile("ada")); },
      "sealed with its key");
  EXPECT_TRUE(store.find_profile("bob").has_value());
  EXPECT_FALSE(store.verify().empty());
}

TEST_F(EncryptionTest, AFailedEnrolmentLeavesNoFileAndAStoreWithPeopleIsNotEncrypted) {
  store.put_profile(draft("ada", 5));
  const auto files = [&] {
    return std::distance(std::filesystem::recursive_directory_iterator(path + "/objects"), {});
  };
  const auto before = files();
  expect_error(ErrorCode::kAlreadyExists, [&] { store.put_profile(draft("ada", 6)); });
  EXPECT_LE(files() - before, 1) << "a folder may be new, no file";
  EXPECT_TRUE(store.verify().empty());
  expect_error(ErrorCode::kAlreadyExists, [&] { store.encrypt(); });
  TinyStore plain;
  plain.store.put_profile(draft_of("ada", plain.put_pool().id));
  Store with_key = open(key_of(1), plain.path);
  expect_error(
      ErrorCode::kUnsupported, [&] { with_key.encrypt(); }, "export");
  EXPECT_FALSE(with_key.encrypted());
  expect_error(ErrorCode::kInvalidArgument, [&] { plain.store.encrypt(); });
}

TEST_F(EncryptionTest, ABundleFromAnEncryptedStoreIsPlainAndGoesIntoAnother) {
  store.put_profile(draft("ada", 5));
  const std::string bundle = folder.file("ada.pema");
  store.export_profile("ada", bundle);
  EXPECT_TRUE(store.remove_profile("ada"));
  store.import_profile(bundle);
  const ProfileRecord ada = *store.find_profile("ada");
  EXPECT_EQ(ada.generation, 2);
  EXPECT_EQ(store.load_segment(ada.segments[0])->serialise(), tiny_segment(5, 3000)->serialise());
  EXPECT_TRUE(store.verify().empty());
}

TEST(SealedObjects, DamageIsPlaced) {
  std::vector<std::byte> plain(3 * 65536 + 100);
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<std::byte>(i * 7);
  const profiles::DataKey key = profiles::DataKey::random();
  const std::vector<std::byte> file = profiles::seal_object(plain, key);
  const auto opened = profiles::open_sealed_object(file, key, "x");
  EXPECT_TRUE(std::ranges::equal(opened.bytes, plain));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(opened.bytes.data()) % 64, 0U);
  const auto expect_damage = [&](std::vector<std::byte> changed, const std::string& words) {
    expect_error(
        ErrorCode::kCorrupt,
        [&] { static_cast<void>(profiles::open_sealed_object(changed, key, "x")); }, words);
  };
  const std::size_t body = file.size() - (plain.size() + 4 * 17 + 63) / 64 * 64;
  for (std::size_t chunk = 0; chunk < 4; ++chunk) {
    std::vector<std::byte> changed = file;
    changed[body + chunk * (65536 + 17) + 50] ^= std::byte{1};
    expect_damage(changed, "chunk " + std::to_string(chunk + 1) + " of 4");
  }
  std::vector<std::byte> exchanged = file;
  const auto first = exchanged.begin() + static_cast<std::ptrdiff_t>(body);
  std::swap_ranges(first, first + 65536 + 17, first + 65536 + 17);
  expect_damage(exchanged, "chunk 1 of 4");
  expect_damage({file.begin(), file.end() - 64}, "");
  expect_error(ErrorCode::kCorrupt, [&] {
    static_cast<void>(profiles::open_sealed_object(file, profiles::DataKey::random(), "x"));
  });
  const auto empty = profiles::seal_object({}, key);
  EXPECT_TRUE(profiles::open_sealed_object(empty, key, "x").bytes.empty());
}

TEST(Seals, AreBoundToKeyAndContext) {
  const profiles::DataKey key = profiles::DataKey::random();
  const std::vector<std::byte> plain(bytes_of("words").begin(), bytes_of("words").end());
  std::vector<std::byte> sealed = profiles::seal(plain, key.bytes(), "row 1");
  EXPECT_EQ(profiles::unseal(sealed, key.bytes(), "row 1"), plain);
  EXPECT_EQ(profiles::unseal(sealed, key.bytes(), "row 2"), std::nullopt);
  EXPECT_EQ(profiles::unseal(sealed, profiles::DataKey::random().bytes(), "row 1"), std::nullopt);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    sealed[i] ^= std::byte{0x10};
    EXPECT_EQ(profiles::unseal(sealed, key.bytes(), "row 1"), std::nullopt) << i;
    sealed[i] ^= std::byte{0x10};
  }
  EXPECT_EQ(profiles::unseal(std::span(sealed).first(39), key.bytes(), "row 1"), std::nullopt);
  EXPECT_NE(profiles::seal(plain, key.bytes(), "row 1"), sealed) << "a new nonce each time";
}

TEST(MasterKeys, ComeFromFileEnvironmentAndCallback) {
  const TemporaryFolder folder;
  const std::string path = folder.file("key");
  MasterKey::create_file(path);
  const auto key = MasterKey::from_file(path);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  expect_error(ErrorCode::kAlreadyExists, [&] { MasterKey::create_file(path); });
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  expect_error(
      ErrorCode::kPermission, [&] { static_cast<void>(MasterKey::from_file(path)); }, "chmod 600");
  expect_error(ErrorCode::kNotFound,
               [&] { static_cast<void>(MasterKey::from_file(folder.file("none"))); });
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  const std::vector<std::byte> text = read_bytes(path);
  const std::string hex(reinterpret_cast<const char*>(text.data()), 64);
  ASSERT_EQ(::setenv("PEMA_TEST_KEY", hex.c_str(), 1), 0);
  EXPECT_TRUE(
      std::ranges::equal(MasterKey::from_environment("PEMA_TEST_KEY")->bytes(), key->bytes()));
  for (const std::string& wrong : {std::string(), hex.substr(1), hex + "0", "x" + hex.substr(1)}) {
    ASSERT_EQ(::setenv("PEMA_TEST_KEY", wrong.c_str(), 1), 0);
    expect_error(ErrorCode::kInvalidArgument,
                 [&] { static_cast<void>(MasterKey::from_environment("PEMA_TEST_KEY")); });
  }
  ::unsetenv("PEMA_TEST_KEY");
  expect_error(ErrorCode::kNotFound,
               [&] { static_cast<void>(MasterKey::from_environment("PEMA_TEST_KEY")); });
  expect_error(ErrorCode::kInvalidArgument,
               [&] { static_cast<void>(MasterKey::from_callback([](std::span<std::byte>) {})); });
}

}  // namespace
}  // namespace pema::test
