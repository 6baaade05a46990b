#include "tests/simt/races.h"

#include <algorithm>

namespace simt::detail {

void Races::start_launch() {
  first_block_ = block_ + 1;
  for (auto& warp : clocks_) {
    for (std::size_t lane = 0; lane < 32; ++lane) {
      warp[lane].fill(0);
      warp[lane][lane] = 1;
    }
  }
}

void Races::start_block() {
  ++block_;
  ++epoch_;
}

void Races::warp_barrier(unsigned warp, unsigned mask) {
  auto& clocks = clocks_[warp];
  std::array<std::uint32_t, 32> joined{};
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (std::size_t other = 0; (mask >> lane & 1U) != 0 && other < 32; ++other) {
      joined[other] = std::max(joined[other], clocks[lane][other]);
    }
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1U) != 0) {
      clocks[lane] = joined;
      ++clocks[lane][lane];
    }
  }
}

Races::Shadow& Races::shadow_of(const Region& region) {
  Shadow& shadow = shadows_[region.begin];
  shadow.grain = std::min<std::size_t>(region.element, 4);
  const std::size_t cells = (region.bytes + shadow.grain - 1) / shadow.grain;
  if (region.shared && shadow.shared.size() != cells) {
    shadow.shared = std::vector<SharedCell>(cells);
  } else if (!region.shared && shadow.chunks.empty()) {
    shadow.chunks.resize(cells / kChunk + 1);
  }
  return shadow;
}

Races::Mark Races::mark(Place place, bool atomic) const {
  const unsigned thread = block_state.running;
  return {epoch_, clocks_[thread / 32][thread % 32][thread % 32], place,
          static_cast<std::uint16_t>(thread), atomic};
}

bool Races::ordered(const Mark& earlier) const {
  const unsigned thread = block_state.running;
  return earlier.epoch != epoch_ || earlier.thread == thread ||
         (earlier.thread / 32U == thread / 32 &&
          clocks_[thread / 32][thread % 32][earlier.thread % 32U] >= earlier.stamp);
}

void Races::report(const Region& region, std::size_t byte, const Mark& now, const char* now_did,
                   const Mark& earlier, const char* earlier_did,
                   std::uint32_t earlier_block) const {
  const bool elsewhere = earlier_block != block_;
  breach("race on '" + region.name + "' element " + std::to_string(byte / region.element) + ": " +
         describe_thread(now.thread) + " " + now_did + " at " + describe_place(now.place) + ", " +
         (elsewhere ? "another block's thread " + std::to_string(earlier.thread)
                    : describe_thread(earlier.thread)) +
         " " + earlier_did + " at " + describe_place(earlier.place) + ", nothing orders the two");
}

void Races::check_shared(const Region& region, SharedCell& cell, std::size_t byte, const Mark& now,
                         Access access) {
  const bool writes = access != Access::kRead;
  const auto element = [&] {
    return "shared '" + region.name + "' element " + std::to_string(byte / region.element);
  };
  if (cell.pending != 0 && cell.pending_in == block_) {
    breach(element() + " is touched while cp.async is on its way (issued at " +
           describe_place(cell.pending) + "); " + describe_thread(now.thread) + " at " +
           describe_place(now.place));
  }
  if (access != Access::kWrite && cell.written_in != block_) {
    breach(element() + " is read before it was written; " + describe_thread(now.thread) + " at " +
           describe_place(now.place));
  }
  const char* const now_did = writes ? "writes" : "reads";
  if (!ordered(cell.writer) && !(cell.writer.atomic && now.atomic)) {
    report(region, byte, now, now_did, cell.writer, "has written", block_);
  }
  if (!writes) {
    if (cell.readers != nullptr) {
      (*cell.readers)[now.thread] = now;
    } else if (cell.reader.epoch != epoch_ || cell.reader.thread == now.thread) {
      cell.reader = now;
    } else {
      cell.readers = std::make_unique<std::vector<Mark>>(block_state.size);
      (*cell.readers)[cell.reader.thread] = cell.reader;
      (*cell.readers)[now.thread] = now;
    }
    return;
  }
  if (!ordered(cell.reader)) {
    report(region, byte, now, now_did, cell.reader, "has read", block_);
  }
  if (cell.readers != nullptr) {
    for (const Mark& reader : *cell.readers) {
      if (!ordered(reader)) {
        report(region, byte, now, now_did, reader, "has read", block_);
      }
    }
    cell.readers.reset();
  }
  cell.reader = Mark{};
  cell.writer = now;
  cell.written_in = block_;
}

void Races::check_buffer(const Region& region, BufferCell& cell, std::size_t byte, const Mark& now,
                         Access access) {
  const auto races_with = [&](const Mark& earlier, std::uint32_t block) {
    return block >= first_block_ && (block != block_ || !ordered(earlier)) &&
           !(earlier.atomic && now.atomic);
  };
  const bool writes = access != Access::kRead;
  if (races_with(cell.writer, cell.writer_block)) {
    report(region, byte, now, writes ? "writes" : "reads", cell.writer, "has written",
           cell.writer_block);
  }
  if (!writes) {
    cell.reader = now;
    cell.reader_block = block_;
    return;
  }
  if (races_with(cell.reader, cell.reader_block)) {
    report(region, byte, now, "writes", cell.reader, "has read", cell.reader_block);
  }
  cell.writer = now;
  cell.writer_block = block_;
}

void Races::check(const Region& region, const char* p, std::size_t bytes, Access access,
                  Place place) {
  if (region.read_only) {
    if (access != Access::kRead) {
      breach("'" + region.name + "' is read only and was written; " +
             describe_thread(block_state.running) + " at " + describe_place(place));
    }
    return;
  }
  Shadow& shadow = shadow_of(region);
  const Mark now = mark(place, access == Access::kAtomic);
  const auto first = static_cast<std::size_t>(p - region.begin);
  for (std::size_t cell = first / shadow.grain; cell * shadow.grain < first + bytes; ++cell) {
    if (region.shared) {
      check_shared(region, shadow.shared[cell], cell * shadow.grain, now, access);
    } else {
      auto& chunk = shadow.chunks[cell / kChunk];
      if (chunk == nullptr) {
        chunk = std::make_unique<std::array<BufferCell, kChunk>>();
      }
      check_buffer(region, (*chunk)[cell % kChunk], cell * shadow.grain, now, access);
    }
  }
}

void Races::async_issued(const Region& region, const char* p, Place place) {
  check(region, p, 16, Access::kWrite, place);
  Shadow& shadow = shadow_of(region);
  const auto first = static_cast<std::size_t>(p - region.begin) / shadow.grain;
  for (std::size_t cell = first; cell < first + 16 / shadow.grain; ++cell) {
    shadow.shared[cell].pending = place;
    shadow.shared[cell].pending_in = block_;
  }
}

void Races::async_landed(const Region& region, const char* p) {
  Shadow& shadow = shadow_of(region);
  const auto first = static_cast<std::size_t>(p - region.begin) / shadow.grain;
  for (std::size_t cell = first; cell < first + 16 / shadow.grain; ++cell) {
    SharedCell& landed = shadow.shared[cell];
    landed.writer = mark(landed.pending, false);
    landed.pending = 0;
  }
}

}  // namespace simt::detail
