// Stores that move between registry.db and PostgreSQL.
#include "pema/store_copy.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "pema/audit.h"
#include "pema/backup.h"
#include "pema/bulk_enrolment.h"
#include "pema/erasure.h"
#include "tests/profiles/index_fixture.h"

namespace pema::test {
namespace {

/// A store of a file, with something in every table.
struct StoreCopyTest : ::testing::Test {
  TemporaryFolder folder;
  std::string from = folder.file("from");
  std::string to = folder.file("to");
  std::string url = new_store().registry;
  PoolId pool;
  SegmentId docs;

  StoreCopyTest() {
    Store store = Store::open(from, OpenMode::kCreate);
    store.put_model(tiny_model(), "/models/tiny.gguf");
    store.put_pool("gone", tiny_pool({tiny_block(5)}));
    pool = store.put_pool("main", tiny_pool({tiny_block(1)})).id;
    docs = store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs").id;
    const SegmentId last = store.put_segment(*tiny_segment(2), SegmentKind::kShared, "last").id;
    store.remove_segment(last);  // its number is not to come again
    BulkEnrolment bulk(store);
    for (int i = 0; i < 5000; ++i) bulk.add(draft_of(message("p", i), pool, {docs}));
    bulk.commit();
    ProfileDraft own = draft_of("own", pool);
    own.own_segments.push_back(tiny_segment(7));
    store.put_profile(own);
    store.put_profile(own, OnExisting::kReplace);
    store.remove_profile("p7");
    (void)store.build_index({.name = "docs", .segments = {docs}});
    store.backup(folder.file("backups"), {});
  }
  static std::map<std::string, std::pair<std::int64_t, Digest>> tables(
      const StoreCopyReport& report) {
    std::map<std::string, std::pair<std::int64_t, Digest>> tables;
    for (const CopiedTable& table : report.tables) tables[table.name] = {table.rows, table.digest};
    return tables;
  }
  void expect_whole(const std::string& path) const {
    Store store = Store::open(path, OpenMode::kReadWrite);
    for (const Damage& damage : store.verify()) ADD_FAILURE() << damage.what << ": " << damage.why;
    EXPECT_TRUE(store.verify_audit({}).damages.empty());
    EXPECT_EQ(store.profile_count(), 5000);
    EXPECT_EQ(store.find_profile("own")->generation, 2);
    EXPECT_EQ(store.load_segment(store.find_profile("own")->segments.at(0))->info().entries, 5);
    EXPECT_EQ(store.indexes().size(), 1U);
    ASSERT_EQ(store.backup_folders().size(), 1U) << "they hold the same people";
    EXPECT_EQ(store.backup_folders()[0].path, folder.file("backups"));
    EXPECT_EQ(store.backup_folders()[0].backups, 1);
  }
};

TEST_F(StoreCopyTest, ThereAndBackNothingChanges) {
  const StoreCopyReport there = copy_store(from, to, {.registry = url});
  expect_whole(to);
  const std::string back = folder.file("back");
  const StoreCopyReport again = copy_store(to, back);
  EXPECT_EQ(tables(there), tables(again));
  EXPECT_EQ(tables(there).at("profile").first, 5000);
  EXPECT_EQ(there.objects, again.objects);
  expect_whole(back);
  // Numbers that were given are not given again, generations go on.
  for (const std::string& path : {from, to, back}) {
    Store store = Store::open(path, OpenMode::kReadWrite);
    EXPECT_EQ(store.put_segment(*tiny_segment(3), SegmentKind::kShared, "new").id.value, 4) << path;
    EXPECT_EQ(store.put_profile(draft_of("p7", pool)).generation, 2) << path;
    EXPECT_EQ(store.find_profile("p7")->id.value, 5002) << path;
  }
}

TEST_F(StoreCopyTest, ACopyInPostgresqlLooksThroughTheBackupsOfTheOriginal) {
  copy_store(from, to, {.registry = url});
  Store store = Store::open(to, OpenMode::kReadWrite);
  const ErasureReceipt receipt = store.erase_profile("own", {});
  ASSERT_EQ(receipt.places.back().place, ErasurePlace::kBackup);
  EXPECT_EQ(receipt.places.back().state, ErasureState::kKept);
  EXPECT_TRUE(store.forget_backup_folder(folder.file("backups")));
  EXPECT_TRUE(store.backup_folders().empty());
  EXPECT_TRUE(store.verify_audit({}).damages.empty());
}

TEST_F(StoreCopyTest, ATargetThatIsThereIsRefused) {
  copy_store(from, to, {.registry = url});
  expect_error(ErrorCode::kAlreadyExists, [&] { copy_store(from, to, {.registry = url}); });
  expect_error(ErrorCode::kAlreadyExists,
               [&] { copy_store(from, folder.file("other"), {.registry = url}); });
  EXPECT_FALSE(Store::exists(folder.file("other")));
  expect_error(ErrorCode::kAlreadyExists, [&] { copy_store(to, from); });
  expect_error(ErrorCode::kUnsupported, [&] { copy_store(from, folder.file("same")); });
  expect_error(ErrorCode::kUnsupported,
               [&] { copy_store(to, folder.file("same"), {.registry = new_store().registry}); });
}

/// Asks to stop at the n-th report.
class StopsAt final : public Progress {
 public:
  explicit StopsAt(int reports) : left_(reports) {}
  void report(std::string_view, std::int64_t, std::int64_t, std::string_view) override { --left_; }
  [[nodiscard]] bool stop_requested() const override { return left_ <= 0; }

 private:
  int left_;
};

TEST_F(StoreCopyTest, OneThatWasCutShortIsNoStoreAndIsMadeAnew) {
  const std::string back = folder.file("back");
  for (const int reports : {1, 8, 12, 20, 30}) {
    StopsAt stops(reports);
    const auto error =
        error_of([&] { copy_store(from, to, {.registry = url, .progress = &stops}); });
    ASSERT_TRUE(error.has_value()) << reports;
    EXPECT_EQ(error->code(), ErrorCode::kInterrupted);
    EXPECT_FALSE(Store::exists(to));
    expect_error(ErrorCode::kNotFound,
                 [&] { static_cast<void>(Store::open(to, OpenMode::kReadWrite)); });
  }
  copy_store(from, to, {.registry = url});
  expect_whole(to);
  for (const int reports : {1, 8, 12, 20, 30}) {
    StopsAt stops(reports);
    expect_error(ErrorCode::kInterrupted, [&] { copy_store(to, back, {.progress = &stops}); });
    EXPECT_FALSE(Store::exists(back));
  }
  copy_store(to, back);
  expect_whole(back);
}

TEST_F(StoreCopyTest, ADamagedObjectIsNotCopied) {
  std::string path;
  {
    const Store store = Store::open(from, OpenMode::kReadOnly);
    path = store.object_path(store.find_segment("docs")->digest);
  }
  std::vector<std::byte> bytes = read_bytes(path);
  bytes.back() ^= std::byte{1};
  write_bytes(path, bytes);
  expect_error(
      ErrorCode::kCorrupt, [&] { copy_store(from, to, {.registry = url}); }, "damaged");
  EXPECT_FALSE(Store::exists(to));
}

}  // namespace
}  // namespace pema::test
