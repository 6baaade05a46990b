#include "profiles/sqlite/log_index.h"

#include <sqlite3.h>

#include <atomic>

namespace pema::profiles::sqlite {
namespace {

// Source: SQLite's "WAL-mode File Format", 2.1 to 2.3. Numbers are in the machine's byte order.
constexpr int kRegionBytes = 32'768;
constexpr std::uint32_t kFrames = 4096;  // of a region
constexpr std::uint32_t kSlots = 2 * kFrames;
constexpr std::uint32_t kHeaderWords = 34;  // two headers and the checkpoint counters
constexpr std::uint32_t kFirstFrames = kFrames - kHeaderWords;
constexpr std::uint32_t kMultiplier = 383;
// Words of the first region.
constexpr int kLastFrame = 4;
constexpr int kSalt = 8;
constexpr int kMoved = 24;   // nBackfill
constexpr int kMoving = 32;  // nBackfillAttempted

std::uint32_t region_of(std::uint32_t frame) noexcept {
  return (frame + kHeaderWords - 1) / kFrames;
}
/// The frame before a region's first.
std::uint32_t before(std::uint32_t region) noexcept {
  return region == 0 ? 0 : kFirstFrames + (region - 1) * kFrames;
}
const volatile std::uint32_t* pages_in(const volatile std::uint32_t* region,
                                       std::uint32_t number) noexcept {
  return number == 0 ? region + kHeaderWords : region;
}

std::uint64_t salt_in(const volatile std::uint32_t* words) noexcept {
  return std::uint64_t{words[kSalt]} << 32 | words[kSalt + 1];
}

}  // namespace

LogSnapshot LogIndex::present(const volatile void* first_region) noexcept {
  const auto* const words = static_cast<const volatile std::uint32_t*>(first_region);
  // In this order: a log that begins anew changes its header before the counters, and whoever moves
  // frames says so before.
  LogSnapshot log{.salt = salt_in(words), .frames = words[kLastFrame]};
  std::atomic_thread_fence(std::memory_order_acquire);
  log.moved = words[kMoved];
  std::atomic_thread_fence(std::memory_order_acquire);
  log.moving = words[kMoving];
  return log;
}

bool LogIndex::still(const LogSnapshot& log) {
  std::atomic_thread_fence(std::memory_order_acquire);
  const volatile std::uint32_t* const words = region(0);
  return words != nullptr && salt_in(words) == log.salt;
}

const volatile std::uint32_t* LogIndex::region(std::uint32_t number) {
  if (number < regions_.size() && regions_[number] != nullptr) return regions_[number];
  volatile void* memory = nullptr;
  // Never made here: SQLite's connections make what they write to.
  const int code =
      file_.pMethods->xShmMap(&file_, static_cast<int>(number), kRegionBytes, 0, &memory);
  if (code != SQLITE_OK || memory == nullptr) return nullptr;
  if (number >= regions_.size()) regions_.resize(number + 1);
  return regions_[number] = static_cast<const volatile std::uint32_t*>(memory);
}

LogIndex::Find LogIndex::find(std::uint32_t page, std::uint32_t first, std::uint32_t last,
                              std::uint32_t& frame) {
  for (std::uint32_t number = region_of(last) + 1; number-- > region_of(first);) {
    const volatile std::uint32_t* const words = region(number);
    if (words == nullptr) return Find::kUnknown;
    const volatile std::uint32_t* const pages = pages_in(words, number);
    const auto* const slots = reinterpret_cast<const volatile std::uint16_t*>(words + kFrames);
    const std::uint32_t most = number == 0 ? kFirstFrames : kFrames;
    std::uint32_t slot = page * kMultiplier % kSlots;
    std::uint32_t left = kSlots;
    bool there = false;
    // Later frames of a page lie later on the way, so the last one seen is the newest.
    for (std::uint32_t entry = 0; (entry = slots[slot]) != 0; slot = (slot + 1) % kSlots) {
      if (left-- == 0 || entry > kFrames) return Find::kUnknown;
      const std::uint32_t candidate = before(number) + entry;
      if (entry > most || candidate < first || candidate > last || pages[entry - 1] != page)
        continue;
      frame = candidate;
      there = true;
    }
    if (there) return Find::kThere;
  }
  return Find::kNotThere;
}

std::uint32_t LogIndex::page_of(std::uint32_t frame) {
  const std::uint32_t number = region_of(frame);
  const volatile std::uint32_t* const words = region(number);
  return words == nullptr ? 0 : pages_in(words, number)[frame - before(number) - 1];
}

}  // namespace pema::profiles::sqlite
