/// Groups accesses into the requests of warps and counts what they cost.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "tests/simt/trace.h"
#include "tests/simt/trace_state.h"

namespace simt::detail {

/// Lanes' accesses belong to one request when they come from one place, after equally many warp
/// operations and barriers, with equally many visits to the place since the last of these. Lanes
/// that go round a loop differently often may be grouped wrongly within one such stretch.
class Traffic {
 public:
  void start_block();
  void finish_block();
  void block_barrier();
  void warp_operation(unsigned warp, unsigned mask);
  void remove(const Region& region);
  void record(const Region& region, const char* p, std::size_t bytes, bool writes, Place place);

  BufferTraffic buffer(const std::string& name) const;
  const SharedTraffic& shared() const { return shared_; }

 private:
  struct Record {
    const Region* region;
    std::uintptr_t address;
    std::uint32_t phase;
    std::uint32_t visit;
    std::uint16_t bytes;
    std::uint8_t lane;
    bool writes;
  };
  struct Visits {
    std::uint32_t phase = 0;
    std::uint32_t count = 0;
  };
  struct Stream {
    std::vector<Visits> visits;                ///< [threads]
    std::vector<std::vector<Record>> records;  ///< [warps]
  };
  struct Counts {
    BufferTraffic traffic;
    std::vector<bool> loaded;  ///< [sectors]
    std::vector<bool> stored;
  };
  using Iterator = std::vector<Record>::iterator;

  void fold(Iterator first, Iterator last);
  void fold_buffer(Iterator first, Iterator last);
  void fold_shared(Iterator first, Iterator last);

  std::vector<Stream> streams_;        ///< [places]
  std::vector<std::uint32_t> phases_;  ///< [threads]
  std::unordered_map<const char*, Counts> buffers_;
  SharedTraffic shared_;
};

}  // namespace simt::detail
