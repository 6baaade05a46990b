// Leases and engines within one memory manager's budget: the same bits, no room is an error, many
// threads.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "kernels/key_codes.h"
#include "pema/memory_manager.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

class Budget : public testing::Test {
 protected:
  Budget() : store(Store::open(folder.file("store"), OpenMode::kCreate)) {
    store.put_model(model.info, "tiny.gguf");
    for (const std::string name : {"first", "second"}) {
      pools.push_back(store.put_pool(name, *random_pool(model, {}, true, name == "first" ? 7 : 8)));
    }
    shared = store.put_segment(*random_segment(random, model, 30), SegmentKind::kShared, "all");
    enrol("ann", pools[0], 20);
    enrol("bob", pools[1], 25);
  }
  void enrol(const std::string& name, const PoolRecord& pool, std::int64_t entries,
             OnExisting on_existing = OnExisting::kRefuse) {
    ProfileDraft draft;
    draft.name = name;
    draft.pool = pool.id;
    draft.mask = random_mask(random, Algebra::kMixture, false);
    draft.schedule = {.lambda_max = 0.8, .lambda_own = 0.2, .lambda_shared = 0.1};
    draft.segments = {shared.id};
    draft.own_segments = {random_segment(random, model, entries)};
    store.put_profile(draft, on_existing);
  }
  static std::shared_ptr<MemoryManager> manager_of(std::int64_t bytes) {
    return std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = bytes});
  }
  /// A profile with a pool alone.
  void enrol_bare(const std::string& name, const PoolRecord& pool) {
    ProfileDraft draft;
    draft.name = name;
    draft.pool = pool.id;
    draft.mask = random_mask(random, Algebra::kMixture, false);
    draft.schedule = {.lambda_max = 0.8};
    store.put_profile(draft);
  }

  TinyModel model;
  std::mt19937 random{41};
  TemporaryFolder folder;
  Store store;
  std::vector<PoolRecord> pools;
  SegmentRecord shared;
};

TEST_F(Budget, OfExactlyOnePoolAdmitsExactlyOnePool) {
  enrol_bare("one", pools[0]);
  enrol_bare("other", pools[1]);
  const std::int64_t bytes = store.load_pool(pools[0].id)->bytes();
  LeaseBook book(store, model.info, manager_of(bytes));
  auto one = book.acquire("one");
  EXPECT_EQ(book.acquire("one")->pool, one->pool);
  expect_error(ErrorCode::kBusy, [&] { (void)book.acquire("other"); });
  one.reset();
  EXPECT_NE(book.acquire("other")->pool, nullptr);
  LeaseBook small(store, model.info, manager_of(bytes - 1));
  expect_error(
      ErrorCode::kOverBudget, [&] { (void)small.acquire("one"); }, "raise it by at least 1 bytes");
}

TEST_F(Budget, KeepsWhatWasLeasedAndCountsCodes) {
  const auto memory = manager_of(1 << 20);
  LeaseBook book(store, model.info, memory);
  const Pool* pool = book.acquire("ann")->pool.get();
  EXPECT_EQ(book.acquire("ann")->pool.get(), pool);
  const MemoryStats stats = memory->stats();
  EXPECT_EQ(stats.leases, 0);
  EXPECT_EQ(stats.of(MemoryKind::kPool).hits, 1);
  EXPECT_EQ(stats.of(MemoryKind::kSegment).items, 2);
  const auto lease = book.acquire("ann");
  std::int64_t codes = 0;
  for (const auto& list : {lease->own, lease->shared}) codes += list[0]->search_bytes();
  EXPECT_EQ(stats.of(MemoryKind::kSegmentCodes).bytes[0], codes);
}

// Content is known by digest, so a name that comes to mean something else cannot be stale
// (vllm#30931, #42125, #44939), and an erased one does not come back (vllm#54839).
TEST_F(Budget, AReplacedOrErasedProfileIsNeverServedFromTheCache) {
  const auto memory = manager_of(1 << 20);
  LeaseBook book(store, model.info, memory);
  auto old = book.acquire("ann");
  const Digest own = old->own[0]->digest();
  enrol("ann", pools[1], 9, OnExisting::kReplace);
  const auto fresh = book.acquire("ann");
  EXPECT_EQ(old->own[0]->digest(), own);
  EXPECT_NE(fresh->own[0]->digest(), own);
  EXPECT_EQ(fresh->pool->digest(), pools[1].digest);
  EXPECT_EQ(memory->erase(own).items, 1);
  EXPECT_GT(memory->stats().erased_leased, 0);
  old.reset();
  EXPECT_EQ(memory->stats().erased_leased, 0);
  store.remove_profile("ann");
  expect_error(ErrorCode::kNotFound, [&] { (void)book.acquire("ann"); });
}

TEST_F(Budget, PrefetchMapsAnnouncedProfiles) {
  const auto memory = manager_of(1 << 20);
  LeaseBook book(store, model.info, memory);
  EXPECT_EQ(book.prefetch(std::vector<std::string>{"ann", "bob"}), 6);
  (void)book.acquire("ann");
  EXPECT_EQ(memory->stats().of(MemoryKind::kPool).misses, 0);
  EXPECT_EQ(memory->stats().leases, 0);
  expect_error(ErrorCode::kNotFound, [&] { book.prefetch(std::vector<std::string>{"eve"}); });
  EXPECT_EQ(LeaseBook(store, model.info).prefetch(std::vector<std::string>{"ann"}), 0);
}

// vllm#47724: adapters that move while others decode. Whatever is kept, made again, evicted between
// two steps or shared between engines, the bits are those of an engine alone.
TEST_F(Budget, ResultsDoNotDependOnWhatIsHeld) {
  LeaseBook plain(store, model.info);
  const auto ann = plain.acquire("ann");
  const auto bob = plain.acquire("bob");
  const TinyBatch batch(model, {ann.get(), bob.get(), ann.get()});
  for (const Strategy strategy :
       {Strategy::kAuto, Strategy::kComposed, Strategy::kFactored, Strategy::kProjected}) {
    for (const NumberType type : {NumberType::kFloat32, NumberType::kInt8}) {
      Engine alone(model.info, model.head, {.strategy = strategy, .projection = type});
      const Matrix<float> expected = run_step(alone, batch.view());
      for (const std::int64_t bytes :
           {std::int64_t{0}, std::int64_t{20'000}, std::int64_t{1} << 22}) {
        const auto memory = manager_of(bytes);
        const EngineOptions options{.strategy = strategy, .projection = type, .memory = memory};
        if (strategy == Strategy::kAuto && bytes < (1 << 22)) continue;  // the planner counts on it
        Engine engine(model.info, model.head, options);
        Engine neighbour(
            model.info, model.head,
            {.strategy = strategy, .projection = NumberType::kFloat16, .memory = memory});
        for (int step = 0; step < 3; ++step) {
          (void)run_step(neighbour, batch.view());
          const Matrix<float> out = run_step(engine, batch.view());
          EXPECT_TRUE(std::equal(expected.data(), expected.data() + 3 * kVocab, out.data()))
              << to_string(strategy) << " " << bytes;
          memory->trim(0);
        }
        EXPECT_EQ(memory->stats().leases, 0);
        EXPECT_EQ(memory->stats().unheld, 0);
      }
    }
  }
}

TEST_F(Budget, EnginesShareWhatIsMade) {
  LeaseBook book(store, model.info, manager_of(1 << 20));
  const auto ann = book.acquire("ann");
  const TinyBatch batch(model, {ann.get()});
  const auto memory = manager_of(1 << 22);
  const EngineOptions options{.strategy = Strategy::kProjected, .memory = memory};
  Engine first(model.info, model.head, options);
  Engine second(model.info, model.head, options);
  (void)run_step(first, batch.view());
  (void)run_step(second, batch.view());
  EXPECT_EQ(memory->stats().of(MemoryKind::kProjection).loads, 1);
  EXPECT_EQ(second.cache_stats().hits, 1);
  EXPECT_GT(second.cache_stats().bytes, 0);
}

TEST_F(Budget, AcquireStepReplaceEraseAndTrimFromManyThreads) {
  const auto memory = manager_of(40'000);
  LeaseBook book(store, model.info, memory);
  Store writer = Store::open(store.folder(), OpenMode::kReadWrite);
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> served{0};
  const auto serve = [&](unsigned seed) {
    Engine engine(model.info, model.head,
                  {.strategy = Strategy::kComposed, .threads = 1, .memory = memory});
    std::mt19937 draw(seed);
    while (!stop) {
      try {
        const auto lease = book.acquire(draw() % 2 == 0 ? "ann" : "bob");
        const TinyBatch batch(model, {lease.get()});
        const Matrix<float> first = run_step(engine, batch.view());
        const Matrix<float> again = run_step(engine, batch.view());
        EXPECT_TRUE(std::equal(first.data(), first.data() + kVocab, again.data()));
        ++served;
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kBusy) << error.what();
      }
      EXPECT_LE(memory->stats().host_held, 40'000);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) threads.emplace_back(serve, t);
  for (int i = 0; i < 20; ++i) {
    ProfileDraft draft;
    draft.name = "ann";
    draft.pool = pools[static_cast<std::size_t>(i % 2)].id;
    draft.mask = random_mask(random, Algebra::kMixture, false);
    draft.schedule = {.lambda_max = 0.8, .lambda_own = 0.2};
    draft.own_segments = {random_segment(random, model, 5 + i)};
    writer.put_profile(draft, OnExisting::kReplace);
    memory->erase(pools[0].digest);
    memory->trim(i * 1000);
    const std::int64_t before = served;
    while (served < before + 2) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory->stats().leases, 0);
}

}  // namespace
}  // namespace pema::test
