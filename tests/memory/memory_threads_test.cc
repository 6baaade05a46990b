// The memory manager from many threads; meant for the thread sanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "pema/error.h"
#include "pema/memory_manager.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

/// Counts itself, and says which item it is.
struct Content {
  Content(int number_in, std::atomic<std::int64_t>& alive_in) : number(number_in), alive(alive_in) {
    alive += size();
  }
  ~Content() { alive -= size(); }
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;
  [[nodiscard]] std::int64_t size() const { return 10 + number % 7; }
  const int number;
  std::atomic<std::int64_t>& alive;
};

MemoryRequest request_of(int number, std::atomic<std::int64_t>& alive) {
  MemoryRequest request;
  request.key = {.kind = number % 2 == 0 ? MemoryKind::kPool : MemoryKind::kSegment,
                 .digest = sha256(std::to_string(number))};
  request.bytes = 10 + number % 7;
  request.load = [number, &alive] {
    if (number % 11 == 10 && alive.load() % 3 == 0) fail(ErrorCode::kIo, "now and then");
    LoadedMemory loaded;
    auto content = std::make_shared<const Content>(number, alive);
    loaded.bytes = content->size();
    loaded.value = std::move(content);
    return loaded;
  };
  return request;
}

void expect_sums(const MemoryKindStats& kind) {
  EXPECT_EQ(kind.misses, kind.loads + kind.failed + kind.joined + kind.refused);
  EXPECT_EQ(kind.kept, kind.items + kind.evictions[0] + kind.evictions[1] + kind.evictions[2]);
}

// SGLang's registry, ONNX Runtime GenAI: an unload slipped between find and increment.
TEST(MemoryThreads, AcquireEvictEraseTrimAndPrefetchKeepEveryPromise) {
  constexpr std::int64_t kBudget = 200;
  std::atomic<std::int64_t> alive{0};
  std::atomic<std::int64_t> requests{0};
  MemoryManager manager({.budget_bytes = kBudget});
  const auto work = [&](unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::shared_ptr<const Content>> leases;
    for (int i = 0; i < 1500; ++i) {
      const int number = static_cast<int>(random() % 40);
      switch (random() % 12) {
        case 0:
          manager.erase(sha256(std::to_string(number)));
          break;
        case 1:
          manager.trim(static_cast<std::int64_t>(random() % kBudget));
          break;
        case 2:
          manager.prefetch(std::vector{request_of(number, alive)});
          break;
        case 3: {
          const MemoryStats stats = manager.stats();
          EXPECT_LE(stats.host_held, kBudget);
          EXPECT_LE(stats.leased, stats.host_held);
          break;
        }
        default:
          try {
            ++requests;
            leases.push_back(manager.acquire_as<Content>(request_of(number, alive)));
            EXPECT_EQ(leases.back()->number, number);
          } catch (const Error& error) {
            EXPECT_TRUE(error.code() == ErrorCode::kBusy || error.code() == ErrorCode::kIo);
          }
      }
      for (const auto& lease : leases) EXPECT_GE(lease->number, 0);  // reads what must still live
      if (leases.size() > 3) leases.erase(leases.begin() + static_cast<int>(random() % 3));
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) threads.emplace_back(work, t + 1);
  for (std::thread& thread : threads) thread.join();
  const MemoryStats stats = manager.stats();
  EXPECT_EQ(stats.leases, 0);
  EXPECT_EQ(stats.leased, 0);
  EXPECT_EQ(stats.unheld, 0);
  EXPECT_EQ(stats.erased_leased, 0);
  EXPECT_EQ(alive.load(), stats.host_held);
  std::int64_t counted = 0;
  for (const MemoryKindStats& kind : stats.kinds) {
    expect_sums(kind);
    counted += kind.hits + kind.misses;
  }
  EXPECT_EQ(counted, requests.load());
  manager.trim(0);
  EXPECT_EQ(alive.load(), 0);
}

/// A load that waits until it is told to go on.
struct Gate {
  std::promise<void> entered;
  std::promise<void> may_go;
};

MemoryRequest gated(const std::string& name, std::int64_t bytes, Gate& gate, bool fails = false) {
  MemoryRequest request;
  request.key.digest = sha256(name);
  request.bytes = bytes;
  request.load = [&gate, bytes, fails] {
    gate.entered.set_value();
    gate.may_go.get_future().wait();
    if (fails) fail(ErrorCode::kCorrupt, "damaged for all");
    LoadedMemory loaded;
    loaded.value = std::make_shared<const int>(1);
    loaded.bytes = bytes;
    return loaded;
  };
  return request;
}

MemoryRequest plain(const std::string& name, std::int64_t bytes) {
  MemoryRequest request;
  request.key.digest = sha256(name);
  request.bytes = bytes;
  request.load = [bytes] {
    LoadedMemory loaded;
    loaded.value = std::make_shared<const int>(2);
    loaded.bytes = bytes;
    return loaded;
  };
  return request;
}

std::int64_t joined(const MemoryManager& manager) {
  return manager.stats().of(MemoryKind::kPool).joined;
}

TEST(MemoryThreads, OneItemIsLoadedOnceAndItsErrorIsEverybodys) {
  for (const bool fails : {false, true}) {
    MemoryManager manager({.budget_bytes = 100});
    Gate gate;
    const MemoryRequest request = gated("a", 50, gate, fails);  // a second load would throw
    std::vector<std::future<std::shared_ptr<const void>>> all;
    const auto ask = [&] { return manager.acquire(request); };
    all.push_back(std::async(std::launch::async, ask));
    gate.entered.get_future().wait();
    for (int i = 0; i < 3; ++i) all.push_back(std::async(std::launch::async, ask));
    while (joined(manager) < 3) std::this_thread::yield();
    gate.may_go.set_value();
    std::vector<std::shared_ptr<const void>> leases;
    for (auto& one : all) {
      if (fails) {
        expect_error(
            ErrorCode::kCorrupt, [&] { (void)one.get(); }, "damaged for all");
      } else {
        leases.push_back(one.get());
        EXPECT_EQ(leases.front(), leases.back());
      }
    }
    EXPECT_EQ(manager.stats().leases, fails ? 0 : 4);
    EXPECT_NE(manager.acquire(plain("a", 50)), nullptr);
  }
}

// LoRAX queue.rs: admission stopped at the first adapter that was not ready.
TEST(MemoryThreads, ALargePendingLoadDoesNotBlockASmallReadyOne) {
  MemoryManager manager({.budget_bytes = 100, .patience = std::chrono::minutes(5)});
  (void)manager.acquire(plain("ready", 10));
  Gate gate;
  const MemoryRequest large = gated("large", 60, gate);
  auto loading = std::async(std::launch::async, [&] { return manager.acquire(large); });
  gate.entered.get_future().wait();
  EXPECT_NE(manager.acquire(plain("ready", 10)), nullptr);
  EXPECT_NE(manager.acquire(plain("small", 20)), nullptr);
  gate.may_go.set_value();
  auto lease = loading.get();
  // And one that waits for room neither.
  auto waiting = std::async(std::launch::async, [&] { return manager.acquire(plain("huge", 90)); });
  while (manager.stats().of(MemoryKind::kPool).misses < 4) std::this_thread::yield();
  EXPECT_NE(manager.acquire(plain("ready", 10)), nullptr);
  EXPECT_NE(manager.acquire(plain("tiny", 5)), nullptr);
  lease.reset();
  EXPECT_NE(waiting.get(), nullptr);
}

// vllm#42125, #44939: content loaded before a replacement served requests after it.
TEST(MemoryThreads, ALoadThatBeganBeforeAnEraseIsNotFoundAfterIt) {
  MemoryManager manager({.budget_bytes = 100});
  Gate gate;
  const MemoryRequest old = gated("a", 40, gate);
  auto loading = std::async(std::launch::async, [&] { return manager.acquire(old); });
  gate.entered.get_future().wait();
  manager.erase(sha256("a"));
  const auto fresh = manager.acquire(plain("a", 40));
  EXPECT_EQ(*static_cast<const int*>(fresh.get()), 2);
  gate.may_go.set_value();
  auto stale = loading.get();
  EXPECT_EQ(*static_cast<const int*>(stale.get()), 1);
  EXPECT_EQ(manager.acquire(plain("a", 40)), fresh);
  EXPECT_EQ(manager.stats().host_held, 80);
  stale.reset();
  EXPECT_EQ(manager.stats().host_held, 40);
}

TEST(MemoryThreads, ALoaderMayAcquireOtherItems) {
  MemoryManager manager({.budget_bytes = 100});
  MemoryRequest outer = plain("outer", 10);
  outer.load = [&] {
    const auto inner = manager.acquire(plain("inner", 10));
    return plain("outer", 10).load();
  };
  EXPECT_NE(manager.acquire(outer), nullptr);
  EXPECT_EQ(manager.stats().host_held, 20);
}

}  // namespace
}  // namespace pema::test
