#include "tests/simt/traffic.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace simt::detail {

namespace {

constexpr std::uintptr_t kSector = 32;

}  // namespace

void Traffic::start_block() { phases_.assign(block_state.size, 1); }

void Traffic::block_barrier() {
  for (std::uint32_t& phase : phases_) {
    ++phase;
  }
}

void Traffic::warp_operation(unsigned warp, unsigned mask) {
  for (; mask != 0; mask &= mask - 1) {
    ++phases_[warp * 32 + static_cast<unsigned>(__builtin_ctz(mask))];
  }
}

void Traffic::record(const Region& region, const char* p, std::size_t bytes, bool writes,
                     Place place) {
  const Block& block = block_state;
  if (streams_.size() <= place) {
    streams_.resize(place + 1);
  }
  Stream& stream = streams_[place];
  if (stream.visits.size() != block.size) {
    stream.visits.assign(block.size, Visits{});
    stream.records.resize(block.waiting.size());
  }
  Visits& visits = stream.visits[block.running];
  const std::uint32_t phase = phases_[block.running];
  visits.count = visits.phase == phase ? visits.count + 1 : 0;
  visits.phase = phase;
  stream.records[block.warp()].push_back({&region, reinterpret_cast<std::uintptr_t>(p), phase,
                                          visits.count, static_cast<std::uint16_t>(bytes),
                                          static_cast<std::uint8_t>(block.lane()), writes});
}

void Traffic::finish_block() {
  const auto key = [](const Record& r) { return std::tuple(r.phase, r.visit, r.region, r.writes); };
  for (Stream& stream : streams_) {
    for (std::vector<Record>& records : stream.records) {
      std::sort(records.begin(), records.end(), [&](const Record& a, const Record& b) {
        return std::tuple(key(a), a.lane) < std::tuple(key(b), b.lane);
      });
      for (auto first = records.begin(); first != records.end();) {
        const auto last = std::find_if(first, records.end(),
                                       [&](const Record& r) { return key(r) != key(*first); });
        fold(first, last);
        first = last;
      }
      records.clear();
    }
    stream.visits.assign(stream.visits.size(), Visits{});
  }
}

void Traffic::fold(Iterator first, Iterator last) {
  if (first->region->shared) {
    fold_shared(first, last);
  } else {
    fold_buffer(first, last);
  }
}

void Traffic::fold_buffer(Iterator first, Iterator last) {
  const Region& region = *first->region;
  Counts& counts = buffers_[region.begin];
  if (counts.loaded.empty()) {
    counts.traffic.name = region.name;
    counts.loaded.resize(region.bytes / kSector + 1);
    counts.stored.resize(region.bytes / kSector + 1);
  }
  Requests& requests = first->writes ? counts.traffic.stores : counts.traffic.loads;
  std::vector<bool>& touched = first->writes ? counts.stored : counts.loaded;
  std::uint64_t& unique =
      first->writes ? counts.traffic.unique_stored : counts.traffic.unique_loaded;
  std::sort(first, last, [](const Record& a, const Record& b) { return a.address < b.address; });
  const auto origin = reinterpret_cast<std::uintptr_t>(region.begin);
  std::uintptr_t bytes = 0;
  std::uintptr_t sectors = 0;
  std::uintptr_t byte_end = 0;
  std::uintptr_t sector_end = 0;
  for (auto record = first; record != last; ++record) {
    const std::uintptr_t begin = record->address - origin;
    const std::uintptr_t end = begin + record->bytes;
    if (end > byte_end) {
      bytes += end - std::max(begin, byte_end);
      byte_end = end;
    }
    for (std::uintptr_t s = std::max(begin / kSector, sector_end); s * kSector < end; ++s) {
      ++sectors;
      sector_end = s + 1;
      if (!touched[s]) {
        touched[s] = true;
        ++unique;
      }
    }
  }
  ++requests.requests;
  requests.sectors += sectors;
  requests.ideal += (bytes + kSector - 1) / kSector;
}

void Traffic::fold_shared(Iterator first, Iterator last) {
  const unsigned lanes_per_phase = std::clamp(128U / std::max<unsigned>(first->bytes, 4), 1U, 32U);
  ++shared_.requests;
  while (first != last) {
    const unsigned phase = first->lane / lanes_per_phase;
    std::vector<std::uintptr_t> words;
    for (; first != last && first->lane / lanes_per_phase == phase; ++first) {
      const std::uintptr_t end = (first->address + first->bytes + 3) / 4;
      for (std::uintptr_t word = first->address / 4; word < end; ++word) {
        words.push_back(word);
      }
    }
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    std::array<std::uint64_t, 32> in_bank{};
    for (const std::uintptr_t word : words) {
      ++in_bank[word % 32];
    }
    ++shared_.phases;
    shared_.waves += *std::max_element(in_bank.begin(), in_bank.end());
  }
}

void Traffic::remove(const Region& region) { buffers_.erase(region.begin); }

BufferTraffic Traffic::buffer(const std::string& name) const {
  const auto found = std::find_if(buffers_.begin(), buffers_.end(), [&](const auto& entry) {
    return entry.second.traffic.name == name;
  });
  return found == buffers_.end() ? BufferTraffic{name, {}, {}, 0, 0} : found->second.traffic;
}

}  // namespace simt::detail
