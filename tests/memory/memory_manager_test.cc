// The memory manager on one thread: budgets, leases, worth, failure paths, the device seam.
#include "pema/memory_manager.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "pema/error.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

MemoryKey key_of(const std::string& name, MemoryKind kind = MemoryKind::kPool) {
  return {.kind = kind, .digest = sha256(name)};
}

/// An item of `bytes` bytes whose content is its name.
MemoryRequest item(const std::string& name, std::int64_t bytes, double seconds = 1,
                   OnNoRoom on_no_room = OnNoRoom::kRefuse) {
  MemoryRequest request;
  request.key = key_of(name);
  request.bytes = bytes;
  request.on_no_room = on_no_room;
  request.load = [name, bytes, seconds] {
    LoadedMemory loaded;
    loaded.value = std::make_shared<const std::string>(name);
    loaded.bytes = bytes;
    loaded.seconds = seconds;
    return loaded;
  };
  return request;
}

std::string text(const std::shared_ptr<const void>& lease) {
  return *static_cast<const std::string*>(lease.get());
}

// tensorrtllm_backend#559, #560: a cache of exactly the stated size refused one adapter.
TEST(MemoryManager, ABudgetOfExactlyOneItemAdmitsExactlyOne) {
  MemoryManager manager({.budget_bytes = 100});
  auto first = manager.acquire(item("a", 100));
  expect_error(
      ErrorCode::kBusy, [&] { (void)manager.acquire(item("b", 100)); }, "100 of the 100");
  first.reset();
  EXPECT_EQ(text(manager.acquire(item("b", 100))), "b");
  EXPECT_FALSE(manager.holds(key_of("a")));
  EXPECT_EQ(manager.stats().host_held, 100);
  EXPECT_EQ(manager.stats().of(MemoryKind::kPool).evictions[0], 1);
}

TEST(MemoryManager, AnItemLargerThanTheBudgetIsRefusedBeforeItIsLoaded) {
  MemoryManager manager({.budget_bytes = 100});
  MemoryRequest large = item("a", 101);
  large.load = []() -> LoadedMemory { throw std::logic_error("loaded all the same"); };
  expect_error(
      ErrorCode::kOverBudget, [&] { (void)manager.acquire(large); },
      "takes 101 bytes, the whole budget is 100; raise it by at least 1 bytes");
  large = item("a", 101);
  large.bytes = 0;  // known only afterwards
  expect_error(ErrorCode::kOverBudget, [&] { (void)manager.acquire(large); });
  EXPECT_EQ(manager.stats().host_held, 0);
  EXPECT_EQ(manager.stats().leases, 0);
}

TEST(MemoryManager, WhatMayBeServedUnheldIsNeverRefused) {
  MemoryManager manager({.budget_bytes = 100});
  const auto leased = manager.acquire(item("a", 80));
  {
    const auto large = manager.acquire(item("b", 500, 1, OnNoRoom::kServeUnheld));
    const auto no_room = manager.acquire(item("c", 50, 1, OnNoRoom::kServeUnheld));
    EXPECT_EQ(text(large), "b");
    EXPECT_EQ(manager.stats().unheld, 550);
    EXPECT_EQ(manager.stats().host_held, 80);
    EXPECT_EQ(manager.stats().leases, 3);
  }
  EXPECT_EQ(manager.stats().unheld, 0);
  EXPECT_FALSE(manager.holds(key_of("c")));
}

TEST(MemoryManager, NothingLeasedOrPinnedLeaves) {
  MemoryManager manager({.budget_bytes = 300});
  const auto leased = manager.acquire(item("leased", 100));
  (void)manager.acquire(item("pinned", 100));
  manager.pin(key_of("pinned"));
  for (int i = 0; i < 50; ++i) (void)manager.acquire(item("other" + std::to_string(i), 100, 100));
  EXPECT_TRUE(manager.holds(key_of("leased")));
  EXPECT_TRUE(manager.holds(key_of("pinned")));
  expect_error(
      ErrorCode::kBusy, [&] { (void)manager.acquire(item("large", 200)); },
      "leases and pins hold 200 of the 300");
  manager.unpin(key_of("pinned"));
  EXPECT_EQ(text(manager.acquire(item("large", 200))), "large");
  expect_error(ErrorCode::kNotFound, [&] { manager.unpin(key_of("pinned")); });
}

TEST(MemoryManager, TheLeastWorthPerByteLeaves) {
  MemoryManager manager({.budget_bytes = 300});
  (void)manager.acquire(item("slow", 100, 10));
  (void)manager.acquire(item("quick", 100, 0.1));
  (void)manager.acquire(item("popular", 100, 0.2));
  for (int i = 0; i < 9; ++i) (void)manager.acquire(item("popular", 100, 0.2));
  (void)manager.acquire(item("new", 100, 1));
  EXPECT_FALSE(manager.holds(key_of("quick")));
  EXPECT_TRUE(manager.holds(key_of("slow")));
  EXPECT_TRUE(manager.holds(key_of("popular")));
}

TEST(MemoryManager, ANewcomerThatIsWorthLessThanWhatItDrivesOutIsNotKept) {
  MemoryManager manager({.budget_bytes = 100});
  for (int i = 0; i < 5; ++i) (void)manager.acquire(item("dear", 100, 10));
  (void)manager.acquire(item("cheap", 100, 0.1, OnNoRoom::kServeUnheld));
  EXPECT_TRUE(manager.holds(key_of("dear")));
  (void)manager.acquire(item("dearer", 100, 1000, OnNoRoom::kServeUnheld));
  EXPECT_TRUE(manager.holds(key_of("dearer")));
  EXPECT_FALSE(manager.holds(key_of("dear")));
}

// vllm#54839, #42633: "unloaded" left bytes behind.
TEST(MemoryManager, ErasedBytesAreGoneAtOnceOrWithTheLastLease) {
  MemoryManager manager({.budget_bytes = 300});
  (void)manager.acquire(item("a", 100));
  auto lease = manager.acquire(item("b", 100));
  const MemoryErasure idle = manager.erase(key_of("a"));
  EXPECT_EQ(idle.items, 1);
  EXPECT_EQ(idle.bytes, 100);
  const MemoryErasure leased = manager.erase(sha256("b"));
  EXPECT_EQ(leased.leased_bytes, 100);
  EXPECT_FALSE(manager.holds(key_of("b")));
  EXPECT_EQ(manager.stats().erased_leased, 100);
  // A reload does not share with the old content, and counts beside it.
  auto fresh = manager.acquire(item("b", 100));
  EXPECT_NE(fresh, lease);
  EXPECT_EQ(text(lease), "b");
  EXPECT_EQ(manager.stats().host_held, 200);
  lease.reset();
  EXPECT_EQ(manager.stats().host_held, 100);
  EXPECT_EQ(manager.erase(sha256("nobody")).items, 0);
}

TEST(MemoryManager, ErasingAMaskErasesWhatWasComposedFromIt) {
  MemoryManager manager({.budget_bytes = 300});
  MemoryRequest composed = item("pool", 50);
  composed.key = {MemoryKind::kComposed, sha256("pool"), sha256("mask")};
  (void)manager.acquire(composed);
  (void)manager.acquire(item("pool", 100));
  EXPECT_EQ(manager.erase(sha256("mask")).items, 1);
  EXPECT_TRUE(manager.holds(key_of("pool")));
}

// LoRAX remembers a load error until it ends; here the next caller tries again.
TEST(MemoryManager, AFailedLoadLeavesNothingAndIsTriedAgain) {
  MemoryManager manager({.budget_bytes = 100});
  MemoryRequest broken = item("a", 100);
  broken.load = []() -> LoadedMemory { fail(ErrorCode::kCorrupt, "damaged"); };
  expect_error(
      ErrorCode::kCorrupt, [&] { (void)manager.acquire(broken); }, "damaged");
  EXPECT_EQ(manager.stats().host_held, 0);
  EXPECT_EQ(text(manager.acquire(item("a", 100))), "a");
  broken.key = key_of("empty");
  broken.load = [] { return LoadedMemory{}; };
  expect_error(ErrorCode::kInvalidArgument, [&] { (void)manager.acquire(broken); });
  const MemoryKindStats stats = manager.stats().of(MemoryKind::kPool);
  EXPECT_EQ(stats.misses, stats.loads + stats.failed + stats.joined + stats.refused);
  EXPECT_EQ(stats.failed, 2);
}

TEST(MemoryManager, AnnouncedItemsUseFreeRoomAndDriveOutNothingBetter) {
  MemoryManager manager({.budget_bytes = 200});
  for (int i = 0; i < 5; ++i) (void)manager.acquire(item("dear", 100, 10));
  MemoryRequest broken = item("broken", 0);
  broken.load = []() -> LoadedMemory { fail(ErrorCode::kIo, "no"); };
  const std::vector<MemoryRequest> announced{item("dear", 100), item("new", 100, 0.1),
                                             item("third", 150, 0.1), broken};
  const MemoryPrefetch done = manager.prefetch(announced);
  EXPECT_EQ(done.held, 1);
  EXPECT_EQ(done.loaded, 1);
  EXPECT_EQ(done.no_room, 1);
  EXPECT_EQ(done.failed, 1);
  EXPECT_TRUE(manager.holds(key_of("dear")));
  EXPECT_TRUE(manager.holds(key_of("new")));
  EXPECT_EQ(manager.stats().leases, 0);
  EXPECT_EQ(manager.stats().leased, 0);
}

TEST(MemoryManager, ASmallerBudgetEvictsAtOnceOrAsLeasesEnd) {
  MemoryManager manager({.budget_bytes = 300});
  (void)manager.acquire(item("idle", 100));
  auto lease = manager.acquire(item("leased", 200));
  manager.set_budget(150);
  EXPECT_FALSE(manager.holds(key_of("idle")));
  EXPECT_EQ(text(lease), "leased");
  lease.reset();
  EXPECT_EQ(manager.stats().host_held, 0);
  EXPECT_EQ(manager.stats().of(MemoryKind::kPool).evictions[1], 2);
  (void)manager.acquire(item("idle", 100));
  manager.trim(0);
  EXPECT_EQ(manager.stats().host_held, 0);
}

TEST(MemoryManager, LeasesOutliveTheManager) {
  std::shared_ptr<const void> lease;
  {
    MemoryManager manager({.budget_bytes = 100});
    lease = manager.acquire(item("a", 100));
  }
  EXPECT_EQ(text(lease), "a");
}

TEST(MemoryManager, WhatIsMadeElsewhereIsPutAndFound) {
  MemoryManager manager({.budget_bytes = 100});
  const MemoryKey key = key_of("made", MemoryKind::kComposed);
  EXPECT_EQ(manager.find(key), nullptr);
  EXPECT_EQ(text(manager.put(key, item("made", 60).load())), "made");
  EXPECT_EQ(text(manager.find(key)), "made");
  EXPECT_EQ(text(manager.put(key, item("again", 60).load())), "made");
  EXPECT_EQ(manager.stats().host_held, 60);
}

TEST(MemoryManager, RefusesOptionsThatCannotBe) {
  expect_error(ErrorCode::kInvalidArgument, [] { MemoryManager manager({.budget_bytes = -1}); });
  expect_error(ErrorCode::kInvalidArgument,
               [] { MemoryManager manager({.budget_bytes = 1, .remembered = 0}); });
  MemoryManager manager({.budget_bytes = 1});
  expect_error(ErrorCode::kInvalidArgument, [&] { manager.set_budget(-1); });
}

/// A device's memory in the host's.
class HeapDevice : public DeviceMemory {
 public:
  void* allocate(std::int64_t bytes) override {
    ++blocks;
    return ::operator new(static_cast<std::size_t>(bytes));
  }
  void copy_to_device(void* to, std::span<const std::byte> from) override {
    if (broken) fail(ErrorCode::kIo, "the device does not answer");
    std::memcpy(to, from.data(), from.size());
  }
  void free(void* at) noexcept override {
    --blocks;
    ::operator delete(at);
  }
  std::int64_t blocks = 0;
  bool broken = false;
};

TEST(MemoryManager, ADeviceHasABudgetOfItsOwn) {
  MemoryManager manager({.budget_bytes = 100, .device_bytes = 8});
  const auto device = std::make_shared<HeapDevice>();
  const auto bytes = [](const void* value) {
    return std::as_bytes(std::span(*static_cast<const std::string*>(value)));
  };
  auto four = acquire_on_device(manager, device, item("four", 4), bytes);
  EXPECT_EQ(std::memcmp(four->data(), "four", 4), 0);
  (void)acquire_on_device(manager, device, item("host", 4), bytes);
  EXPECT_EQ(manager.stats().device_held, 8);
  EXPECT_EQ(manager.stats().host_held, 8);
  (void)acquire_on_device(manager, device, item("next", 4), bytes);  // "host" leaves the device
  EXPECT_EQ(device->blocks, 2);
  EXPECT_TRUE(manager.holds(key_of("host")));
  const auto device_tier = static_cast<std::size_t>(MemoryTier::kDevice);
  EXPECT_EQ(manager.stats().of(MemoryKind::kPool).bytes[device_tier], 8);
  device->broken = true;
  expect_error(ErrorCode::kIo,
               [&] { (void)acquire_on_device(manager, device, item("more", 4), bytes); });
  EXPECT_EQ(manager.erase(sha256("four")).items, 2);  // on both tiers
  four.reset();
  EXPECT_EQ(device->blocks, 0);  // "next" had left for "more"
}

}  // namespace
}  // namespace pema::test
