// Backups of encrypted stores in receipts: what they hold of somebody goes with her key.
#include <algorithm>

#include "pema/master_key.h"
#include "profiles/sqlite/transaction.h"
#include "tests/profiles/backup_search_fixture.h"

namespace pema::test {
namespace {

std::shared_ptr<const MasterKey> key_of(int number) {
  return MasterKey::from_callback([&](std::span<std::byte> key) {
    std::fill(key.begin(), key.end(), static_cast<std::byte>(number));
  });
}

struct EncryptedSearchTest : ::testing::Test {
  TemporaryFolder folder;
  std::string path = folder.file("store");
  std::string backups = folder.file("backups");
  Store store = make(path, 1);
  PoolId pool = store.pools()[0].id;

  EncryptedSearchTest() { store.put_profile(draft_of("ada", pool)); }

  static Store make(const std::string& where, int key) {
    Store made = Store::open(where, OpenMode::kCreate, {.key = key_of(key)});
    made.put_model(tiny_model(), "");
    made.put_pool("main", tiny_pool({tiny_block(1)}));
    made.encrypt();
    return made;
  }
};

TEST_F(EncryptedSearchTest, BackupsThatAreThereOrAwayAreCoveredByHerKey) {
  const BackupRecord backup = store.backup(backups, {});
  const std::string away = folder.file("away");
  store.backup(away, {});
  std::filesystem::remove_all(away);
  std::filesystem::create_directories(backups + "/unfinished");
  const ErasureReceipt receipt = store.erase_profile("ada", {});
  EXPECT_TRUE(receipt.complete());
  const BackupPlaces places = backup_places(receipt);
  EXPECT_EQ(states(places), (BackupStates{{away, ErasureState::kErased},
                                          {backup.path, ErasureState::kErased},
                                          {backups + "/unfinished", ErasureState::kErased}}));
  EXPECT_EQ(places[1].items, 1);
  for (const ErasedPlace& place : places) {
    EXPECT_NE(place.note.find("sealed with the key that was erased"), std::string::npos);
  }
  EXPECT_NE(places[0].note.find("not looked through"), std::string::npos);
}

TEST_F(EncryptedSearchTest, TheyWaitWhileHerKeyIsThere) {
  const BackupRecord backup = store.backup(backups, {});
  {
    profiles::sqlite::Database reader(path + "/keys.db", OpenMode::kReadOnly);
    const profiles::sqlite::Transaction snapshot(reader, profiles::sqlite::TransactionKind::kRead);
    ASSERT_GT(reader.integer("SELECT count(*) FROM data_key"), 0);
    EXPECT_EQ(states(backup_places(store.erase_profile("ada", {}))),
              (BackupStates{{backup.path, ErasureState::kPending}}));
  }
  EXPECT_TRUE(store.finish_erasures());
  EXPECT_EQ(states(backup_places(store.erase_profile("ada", {}))),
            (BackupStates{{backup.path, ErasureState::kErased}}));
}

TEST_F(EncryptedSearchTest, AFolderThatIsNamedAloneMayBeAnybodys) {
  const std::string none = folder.file("none");
  EXPECT_EQ(states(backup_places(store.erase_profile("ada", {.backups = {none}}))),
            (BackupStates{{none, ErasureState::kUnreachable}}));
}

TEST_F(EncryptedSearchTest, ABackupOfAnotherEncryptedStoreHasNobodyOfThisOne) {
  Store other = make(folder.file("other"), 2);
  other.put_profile(draft_of("ada", other.pools()[0].id));
  const BackupRecord backup = other.backup(backups, {});
  const BackupPlaces places = backup_places(store.erase_profile("ada", {.backups = {backups}}));
  EXPECT_EQ(states(places), (BackupStates{{backup.path, ErasureState::kNothing}}));
  EXPECT_NE(places[0].note.find("another store"), std::string::npos);
}

TEST_F(EncryptedSearchTest, BackupsOfTheTimeBeforeItWasEncryptedArePlain) {
  const std::string before = folder.file("before");
  Store made = Store::open(before, OpenMode::kCreate, {.key = key_of(1)});
  made.put_model(tiny_model(), "");
  const PoolId first = made.put_pool("main", tiny_pool({tiny_block(1)})).id;
  made.put_profile(draft_of("ada", first));
  const BackupRecord plain = made.backup(backups, {});
  made.remove_profile("ada");
  made.encrypt();
  made.put_profile(draft_of("ada", first));
  const BackupRecord sealed = made.backup(backups, {});
  EXPECT_EQ(
      states(backup_places(made.erase_profile("ada", {}))),
      (BackupStates{{plain.path, ErasureState::kKept}, {sealed.path, ErasureState::kErased}}));
  std::filesystem::remove_all(backups);
  EXPECT_EQ(states(backup_places(made.erase_profile("ada", {}))),
            (BackupStates{{backups, ErasureState::kUnreachable}}));
}

}  // namespace
}  // namespace pema::test
