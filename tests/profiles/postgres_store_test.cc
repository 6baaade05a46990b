// What a store has of its own when its tables are in PostgreSQL.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "pema/audit.h"
#include "pema/backup.h"
#include "pema/erasure.h"
#include "pema/master_key.h"
#include "pema/profile_reader.h"
#include "profiles/registry_address.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

using profiles::address_file;
using profiles::read_address;

struct PostgresStoreTest : ::testing::Test {
  TinyStore tiny;
  Store& store = tiny.store;
  std::string url = read_address(address_file(tiny.path)).url;
};

TEST_F(PostgresStoreTest, TheFolderHoldsObjectsAndAnAddress) {
  EXPECT_TRUE(Store::exists(tiny.path));
  EXPECT_FALSE(std::filesystem::exists(tiny.registry()));
  expect_error(ErrorCode::kAlreadyExists,
               [&] { static_cast<void>(Store::open(tiny.path, OpenMode::kCreate, new_store())); });
  expect_error(ErrorCode::kAlreadyExists,
               [&] { static_cast<void>(Store::open(tiny.path, OpenMode::kCreate)); });
  EXPECT_GT(store.registry_bytes(), 0);
}

TEST_F(PostgresStoreTest, APasswordIsNotWrittenDown) {
  const std::string path = tiny.folder.file("other");
  for (const char* address :
       {"postgresql://ada:hunter2@localhost/x", "postgresql://ada@localhost/x?password=hunter2"}) {
    const auto error = error_of(
        [&] { static_cast<void>(Store::open(path, OpenMode::kCreate, {.registry = address})); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(std::string(error->what()).find("hunter2"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(path));
  }
}

TEST_F(PostgresStoreTest, ACreationThatWasCutShortIsTakenUp) {
  // The database has its tables, and the folder does not know of them yet.
  std::filesystem::rename(address_file(tiny.path), address_file(tiny.path) + ".unfinished");
  EXPECT_FALSE(Store::exists(tiny.path));
  expect_error(
      ErrorCode::kNotFound,
      [&] { static_cast<void>(Store::open(tiny.path, OpenMode::kReadWrite)); }, "run it again");
  const Store again = Store::open(tiny.path, OpenMode::kCreate, {.registry = url});
  EXPECT_EQ(again.models().size(), 1U);
}

TEST_F(PostgresStoreTest, AFolderFindsItsOwnTablesOnly) {
  TinyStore other;
  const std::string theirs = read_address(address_file(other.path)).url;
  expect_error(
      ErrorCode::kMismatch,
      [&] { static_cast<void>(Store::open(tiny.path, OpenMode::kReadOnly, {.registry = theirs})); },
      "another store");
  const Store same = Store::open(tiny.path, OpenMode::kReadOnly,
                                 {.registry = url + "&application_name=elsewhere"});
  EXPECT_EQ(same.models().size(), 1U);
  expect_error(ErrorCode::kAlreadyExists, [&] {
    static_cast<void>(Store::open(tiny.folder.file("third"), OpenMode::kCreate, {.registry = url}));
  });
}

TEST_F(PostgresStoreTest, TwoRegistriesInOneFolderAreRefused) {
  write_bytes(tiny.registry(), bytes_of("x"));
  expect_error(
      ErrorCode::kCorrupt, [&] { static_cast<void>(Store::open(tiny.path, OpenMode::kReadOnly)); },
      "both");
}

TEST_F(PostgresStoreTest, WhatItDoesNotOfferIsTold) {
  expect_error(
      ErrorCode::kUnsupported,
      [&] { static_cast<void>(store.backup(tiny.folder.file("backups"), {})); }, "pg_dump");
  Store keyed =
      Store::open(tiny.path, OpenMode::kReadWrite,
                  {.key = MasterKey::from_bytes(std::vector<std::byte>(32, std::byte{7}))});
  expect_error(ErrorCode::kUnsupported, [&] { keyed.encrypt(); });
}

TEST_F(PostgresStoreTest, AReceiptSaysWhatTheServerKeeps) {
  store.put_profile(draft_of("ada", tiny.put_pool().id));
  const ErasureReceipt receipt = store.erase_profile("ada", {});
  EXPECT_TRUE(receipt.found);
  EXPECT_FALSE(receipt.complete());
  for (const ErasedPlace& place : receipt.places) {
    const bool of_the_server =
        place.place == ErasurePlace::kLog || place.place == ErasurePlace::kFreeSpace;
    if (of_the_server) {
      EXPECT_EQ(place.state, ErasureState::kKept);
    }
  }
  EXPECT_TRUE(store.finish_erasures());
  EXPECT_FALSE(store.find_profile("ada").has_value());
}

TEST_F(PostgresStoreTest, ACutAuditLogIsSeen) {
  const PoolId pool = tiny.put_pool().id;
  store.put_profile(draft_of("ada", pool));
  EXPECT_TRUE(store.verify_audit({}).damages.empty());
  change_tables(tiny.path, "DELETE FROM audit WHERE sequence = 2");
  ASSERT_EQ(store.verify_audit({}).damages.size(), 1U);
  EXPECT_NE(store.verify_audit({}).damages[0].why.find("2 were written"), std::string::npos);
}

TEST_F(PostgresStoreTest, AReaderThatNeedNotAskAnswersFromMemory) {
  const PoolId pool = tiny.put_pool().id;
  store.put_profile(draft_of("ada", pool));
  ProfileReader lazy = ProfileReader::open(tiny.path, {.fresh_milliseconds = 3'600'000});
  ProfileReader eager = ProfileReader::open(tiny.path);
  ProfileRecord record;
  for (ProfileReader* reader : {&lazy, &eager}) {
    EXPECT_TRUE(reader->find("ada", record));
    reader->release();
  }
  store.put_profile(draft_of("ada", pool), OnExisting::kReplace);
  EXPECT_FALSE(lazy.stale());
  EXPECT_TRUE(lazy.find("ada", record));
  EXPECT_EQ(record.generation, 1);
  EXPECT_TRUE(eager.find("ada", record));
  EXPECT_EQ(record.generation, 2);
}

}  // namespace
}  // namespace pema::test
