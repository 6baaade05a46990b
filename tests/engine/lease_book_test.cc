// Leases from a real store: shared mappings, refusals, and generations that stay what they were.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "pema/erasure.h"
#include "pema/master_key.h"
#include "profiles/sqlite/database.h"
#include "tests/support/expect_error.h"
#include "tests/support/reference.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

class Book : public testing::Test {
 protected:
  Book() : store(Store::open(folder.file("store"), OpenMode::kCreate)) {
    store.put_model(model.info, "tiny.gguf");
    pool = store.put_pool("main", *random_pool(model, {}));
    own = store.put_segment(*random_segment(random, model, 20), SegmentKind::kOwn);
    shared = store.put_segment(*random_segment(random, model, 30), SegmentKind::kShared, "all");
    enrol("ann", {own.id, shared.id});
  }
  void enrol(const std::string& name, std::vector<SegmentId> segments,
             OnExisting on_existing = OnExisting::kRefuse) {
    ProfileDraft draft;
    draft.name = name;
    draft.pool = pool.id;
    draft.mask = random_mask(random, Algebra::kMixture, false);
    draft.schedule = {.lambda_max = 0.8, .lambda_own = 0.2, .lambda_shared = 0.1};
    draft.segments = std::move(segments);
    store.put_profile(draft, on_existing);
  }

  TinyModel model;
  std::mt19937 random{41};
  TemporaryFolder folder;
  Store store;
  PoolRecord pool;
  SegmentRecord own;
  SegmentRecord shared;
};

TEST_F(Book, ALeaseHoldsWhatTheProfileSays) {
  LeaseBook book(store, model.info);
  const auto lease = book.acquire("ann");
  EXPECT_EQ(lease->name, "ann");
  EXPECT_EQ(lease->generation, 1);
  EXPECT_EQ(lease->pool->digest(), pool.digest);
  EXPECT_EQ(lease->mask_digest, lease->mask.digest());
  ASSERT_EQ(lease->own.size(), 1U);
  ASSERT_EQ(lease->shared.size(), 1U);
  EXPECT_EQ(lease->own[0]->digest(), own.digest);
  EXPECT_EQ(lease->shared[0]->digest(), shared.digest);
  EXPECT_EQ(lease->schedule.lambda_own, 0.2);
  EXPECT_FALSE(lease->inert());
}

TEST_F(Book, WhoIsEnrolledAfterTheBookWasMadeIsFound) {
  LeaseBook book(store, model.info);
  enrol("ben", {shared.id});
  EXPECT_EQ(book.acquire("ben")->generation, 1);
  enrol("ben", {shared.id}, OnExisting::kReplace);
  EXPECT_EQ(book.acquire("ben")->generation, 2);
}

TEST_F(Book, TheGateComesFromThePoolWhereTheProfileUsesIt) {
  const auto gate = std::make_shared<const MixtureGate>(random_gate(random));
  const auto plain = store.load_pool(pool.id);
  const PoolRecord gated =
      store.put_pool("main", Pool(plain->info(), plain->shared_block(),
                                  {plain->blocks().begin(), plain->blocks().end()}, gate));
  ProfileDraft draft;
  draft.pool = gated.id;
  draft.schedule = {.lambda_own = 0.2, .gate = true};
  draft.segments = {own.id, shared.id};
  for (const char* name : {"with", "without", "erased"}) {
    draft.name = name;
    draft.schedule.gate = draft.name != "without";
    if (draft.name == "erased") draft.segments.clear();
    store.put_profile(draft);
  }
  LeaseBook book(store, model.info);
  const auto with = book.acquire("with");
  EXPECT_EQ(*with->gate, *gate);
  EXPECT_EQ(with->gate, with->pool->gate());
  EXPECT_EQ(book.acquire("without")->gate, nullptr);
  EXPECT_EQ(book.acquire("ann")->gate, nullptr);
  // Without any memory left the gate still weighs model and adapters, as the reference does.
  const auto erased = book.acquire("erased");
  const TinyBatch batch(model, {erased.get(), with.get()}, 5);
  Engine engine(model.info, model.head, {.threads = 1});
  const Matrix<float> out = run_step(engine, batch.view());
  for (std::int64_t row = 0; row < 2; ++row) {
    const std::vector<double> expected = reference_row(model.head, batch.view(), row);
    for (std::int64_t v = 0; v < kVocab; ++v) {
      ASSERT_NEAR(static_cast<double>(out.row(row)[v]), expected[static_cast<std::size_t>(v)], 2e-4)
          << row << " " << v;
    }
  }
}

TEST_F(Book, AGateThatIsNotThereIsNoReasonToAnswerWithoutIt) {
  profiles::sqlite::Database database(folder.file("store") + "/registry.db", OpenMode::kReadWrite);
  database.execute("UPDATE setting SET schedule = CAST(x'04' || substr(schedule, 2) AS BLOB)");
  LeaseBook book(store, model.info);
  expect_error(
      ErrorCode::kCorrupt, [&] { (void)book.acquire("ann"); }, "--no-gate");
}

TEST_F(Book, PoolsAndSegmentsAreMappedOnceAndLetGo) {
  enrol("bob", {shared.id});
  LeaseBook book(store, model.info);
  auto ann = book.acquire("ann");
  auto bob = book.acquire("bob");
  EXPECT_EQ(ann->pool, bob->pool);
  EXPECT_EQ(ann->shared[0], bob->shared[0]);
  const std::weak_ptr<const Pool> mapped = ann->pool;
  ann.reset();
  EXPECT_FALSE(mapped.expired());
  bob.reset();
  EXPECT_TRUE(mapped.expired());
  EXPECT_NE(book.acquire("ann")->pool, nullptr);
}

TEST_F(Book, ReplacementAndRemovalLeaveOldLeasesAlone) {
  LeaseBook book(store, model.info);
  const auto old = book.acquire("ann");
  const TinyBatch batch(model, {old.get(), old.get()});
  Engine engine(model.info, model.head);
  const Matrix<float> before = run_step(engine, batch.view());
  enrol("ann", {shared.id}, OnExisting::kReplace);
  const auto fresh = book.acquire("ann");
  EXPECT_EQ(fresh->generation, 2);
  const TinyBatch mixed(model, {old.get(), fresh.get()});
  const Matrix<float> both = run_step(engine, mixed.view());
  EXPECT_TRUE(std::equal(before.row(0), before.row(0) + kVocab, both.row(0)));
  EXPECT_FALSE(std::equal(before.row(1), before.row(1) + kVocab, both.row(1)));
  EXPECT_TRUE(store.remove_profile("ann"));
  const Matrix<float> after = run_step(engine, batch.view());
  EXPECT_TRUE(std::equal(before.data(), before.data() + 2 * kVocab, after.data()));
  expect_error(
      ErrorCode::kNotFound, [&] { (void)book.acquire("ann"); }, "pema profile ls");
}

TEST_F(Book, UnknownProfilesAndForeignModelsAreRefused) {
  LeaseBook book(store, model.info);
  expect_error(
      ErrorCode::kNotFound, [&] { (void)book.acquire("eve"); }, "'eve'");
  const TinyModel other(2);
  LeaseBook foreign(store, other.info);
  expect_error(
      ErrorCode::kMismatch, [&] { (void)foreign.acquire("ann"); }, model.info.fingerprint.hex());
  expect_error(
      ErrorCode::kMismatch, [&] { (void)foreign.acquire("ann"); }, other.info.fingerprint.hex());
}

TEST_F(Book, ForeignSegmentsAreRefusedWithoutAPool) {
  ProfileDraft draft;
  draft.name = "reader";
  draft.schedule = {.lambda_shared = 0.3};
  draft.segments = {shared.id};
  store.put_profile(draft);
  LeaseBook book(store, model.info);
  EXPECT_EQ(book.acquire("reader")->pool, nullptr);
  const TinyModel other(2);
  LeaseBook foreign(store, other.info);
  expect_error(
      ErrorCode::kMismatch, [&] { (void)foreign.acquire("reader"); }, "segment");
}

TEST_F(Book, DamagedObjectsGiveAnErrorAndNoLease) {
  const std::string path = store.object_path(own.digest);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::vector<std::byte> bytes = read_bytes(path);
  bytes[bytes.size() / 2] ^= std::byte{1};
  write_bytes(path, bytes);
  LeaseBook book(store, model.info);
  expect_error(ErrorCode::kCorrupt, [&] { (void)book.acquire("ann"); });
  std::filesystem::remove(path);
  expect_error(ErrorCode::kNotFound, [&] { (void)book.acquire("ann"); });
}

TEST_F(Book, WithoutItsCodebookOneProfileFailsAndOthersServe) {
  const auto first =
      rounded(random, *random_segment(random, model, 20), KeyType::kProductQuantised);
  SegmentInfo info = first->info();
  const auto plain = random_segment(random, model, 12);
  const auto second = Segment::make(info, plain->keys(), plain->tokens(), first->codebook());
  enrol("bob", {store.put_segment(*first, SegmentKind::kOwn).id});
  enrol("cem", {store.put_segment(*second, SegmentKind::kOwn).id});
  LeaseBook book(store, model.info);
  {
    const auto bob = book.acquire("bob");
    EXPECT_EQ(bob->own[0]->codebook(), book.acquire("cem")->own[0]->codebook()) << "mapped once";
  }
  std::filesystem::remove(store.object_path(first->codebook()->digest()));
  expect_error(ErrorCode::kNotFound, [&] { (void)book.acquire("bob"); });
  EXPECT_EQ(book.acquire("ann")->own.size(), 1U);
}

TEST(EncryptedBook, ALeaseComesFromAnEncryptedStoreWithTheStoresKey) {
  const TemporaryFolder folder;
  const TinyModel model;
  std::mt19937 random{43};
  const auto key = MasterKey::from_callback(
      [](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{7}); });
  Store store = Store::open(folder.file("store"), OpenMode::kCreate, {.key = key});
  store.encrypt();
  store.put_model(model.info, "tiny.gguf");
  const auto own = random_segment(random, model, 20);
  ProfileDraft draft;
  draft.name = "ann";
  draft.schedule.lambda_own = 0.5;
  draft.own_segments = {own};
  store.put_profile(draft);
  LeaseBook book(store, model.info);
  const auto lease = book.acquire("ann");
  ASSERT_EQ(lease->own.size(), 1U);
  EXPECT_EQ(lease->own[0]->digest(), own->digest());
  EXPECT_EQ(lease->schedule.lambda_own, 0.5);
  EXPECT_TRUE(store.erase_profile("ann", {}).complete());
  expect_error(ErrorCode::kNotFound, [&] { (void)book.acquire("ann"); });
  const Store locked = Store::open(folder.file("store"), OpenMode::kReadOnly);
  LeaseBook without(locked, model.info);
  expect_error(ErrorCode::kLocked, [&] { (void)without.acquire("ann"); });
}

}  // namespace
}  // namespace pema::test
