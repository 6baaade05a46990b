#include "kernels/mask_search.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "pema/error.h"

namespace pema::kernels {
namespace {

/// Whether a is the better match.
bool better(const MaskMatch& a, const MaskMatch& b) noexcept {
  return a.overlap != b.overlap ? a.overlap > b.overlap : a.index < b.index;
}

// Groups that stay in the second-level cache while the queries pass: 256 KiB.
std::int64_t groups_per_strip(const MaskTable& table) {
  const std::int64_t bytes = table.words() * MaskTable::kGroup * std::int64_t{8};
  return std::max<std::int64_t>(1, (std::int64_t{256} << 10) / bytes);
}

}  // namespace

MaskTable::MaskTable(std::int64_t bits) : bits_(bits), words_((bits + 63) / 64) {
  PEMA_CHECK(bits >= 1 && bits <= BitMask::kMaxSize, kInvalidArgument, "a mask table over ", bits,
             " adapters; the number must lie in [1, ", BitMask::kMaxSize, "]");
}

void MaskTable::append(const BitMask& mask) {
  PEMA_CHECK(mask.size() == bits_, kInvalidArgument, "mask ", size_, " is over ", mask.size(),
             " adapters, the table over ", bits_);
  const std::int64_t slot = size_ % kGroup;
  if (slot == 0) groups_.resize(groups_.size() + static_cast<std::size_t>(words_ * kGroup));
  std::uint64_t* const group = groups_.data() + (size_ / kGroup) * words_ * kGroup;
  const std::span<const std::uint64_t> words = mask.words();
  for (std::int64_t w = 0; w < words_; ++w) {
    group[w * kGroup + slot] = words[static_cast<std::size_t>(w)];
  }
  ++size_;
}

void MaskTable::reserve(std::int64_t masks) {
  groups_.reserve(static_cast<std::size_t>((masks + kGroup - 1) / kGroup * kGroup * words_));
}

void BestMasks::offer(MaskMatch match) {
  if (count_ == 0) return;
  if (std::ssize(heap_) == count_) {
    if (!better(match, heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.back() = match;
  } else {
    heap_.push_back(match);
  }
  std::push_heap(heap_.begin(), heap_.end(), better);
  // Numbers rise, so that an equal overlap is never better.
  if (std::ssize(heap_) == count_) {
    wanted_ = static_cast<std::uint64_t>(heap_.front().overlap) + 1;
  }
}

std::vector<MaskMatch> BestMasks::sorted() const {
  std::vector<MaskMatch> matches = heap_;
  std::sort(matches.begin(), matches.end(), better);
  return matches;
}

std::vector<std::vector<MaskMatch>> nearest_by_overlap(const MaskTable& table,
                                                       std::span<const BitMask> queries,
                                                       std::int64_t count, ThreadPool& pool) {
  PEMA_CHECK(count >= 0, kInvalidArgument, "nearest ", count,
             " masks; the number must not be negative");
  std::vector<const std::uint64_t*> words;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    PEMA_CHECK(queries[q].size() == table.bits(), kInvalidArgument, "query ", q, " is over ",
               queries[q].size(), " adapters, the table over ", table.bits());
    words.push_back(queries[q].words().data());
  }
  const std::int64_t kept = std::min(count, table.size());
  const std::int64_t groups = (table.size() + MaskTable::kGroup - 1) / MaskTable::kGroup;
  const std::int64_t strip = groups_per_strip(table);
  std::mutex mutex;
  std::map<std::int64_t, std::vector<BestMasks>> parts;  // by first group, so that numbers rise
  pool.run(groups, strip, [&](std::int64_t begin, std::int64_t end) {
    std::vector<BestMasks> best(queries.size(), BestMasks(kept));
    for (std::int64_t first = begin; first < end; first += strip) {
      scan_groups(table, first, std::min(end, first + strip), words, best);
    }
    const std::lock_guard lock(mutex);
    parts.emplace(begin, std::move(best));
  });
  std::vector<std::vector<MaskMatch>> nearest(queries.size());
  for (std::size_t q = 0; q < queries.size(); ++q) {
    for (const auto& [begin, best] : parts) {
      const std::vector<MaskMatch> matches = best[q].sorted();
      nearest[q].insert(nearest[q].end(), matches.begin(), matches.end());
    }
    std::sort(nearest[q].begin(), nearest[q].end(), better);
    nearest[q].resize(static_cast<std::size_t>(std::min(kept, std::ssize(nearest[q]))));
  }
  return nearest;
}

}  // namespace pema::kernels
