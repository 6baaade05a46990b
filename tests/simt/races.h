/// Finds accesses that nothing orders, whatever the schedule was.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tests/simt/trace_state.h"

namespace simt::detail {

/// For each element of shared memory: who wrote it last, who has read it since, whether cp.async is
/// on its way. For each element of a named buffer: who wrote and who read it last, so that a crowd
/// of readers can hide one race there. Elements of more than 4 bytes are followed in fours.
class Races {
 public:
  void start_launch();
  void start_block();
  void block_barrier() { ++epoch_; }
  void warp_barrier(unsigned warp, unsigned mask);
  void remove(const Region& region) { shadows_.erase(region.begin); }

  /// Breach when the access races with an earlier one, or reads what was never written.
  void check(const Region& region, const char* p, std::size_t bytes, Access access, Place place);
  void async_issued(const Region& region, const char* p, Place place);
  void async_landed(const Region& region, const char* p);

 private:
  struct Mark {
    std::uint32_t epoch = 0;  ///< 0: nobody
    std::uint32_t stamp = 0;
    Place place = 0;
    std::uint16_t thread = 0;
    bool atomic = false;
  };
  struct SharedCell {
    std::uint32_t written_in = 0;  ///< number of the block that wrote it
    std::uint32_t pending_in = 0;  ///< number of the block whose cp.async is on its way
    Place pending = 0;             ///< its place, 0 when it has landed
    Mark writer;
    Mark reader;
    std::unique_ptr<std::vector<Mark>> readers;  ///< [threads] once there is a second reader
  };
  struct BufferCell {
    Mark writer;
    Mark reader;
    std::uint32_t writer_block = 0;
    std::uint32_t reader_block = 0;
  };
  static constexpr std::size_t kChunk = 1024;
  struct Shadow {
    std::size_t grain = 1;
    std::vector<SharedCell> shared;
    std::vector<std::unique_ptr<std::array<BufferCell, kChunk>>> chunks;
  };

  Shadow& shadow_of(const Region& region);
  Mark mark(Place place, bool atomic) const;
  bool ordered(const Mark& earlier) const;
  void check_shared(const Region& region, SharedCell& cell, std::size_t byte, const Mark& now,
                    Access access);
  void check_buffer(const Region& region, BufferCell& cell, std::size_t byte, const Mark& now,
                    Access access);
  [[noreturn]] void report(const Region& region, std::size_t byte, const Mark& now,
                           const char* now_did, const Mark& earlier, const char* earlier_did,
                           std::uint32_t earlier_block) const;

  std::unordered_map<const char*, Shadow> shadows_;
  std::uint32_t epoch_ = 1;
  std::uint32_t block_ = 0;        ///< blocks are numbered over all launches
  std::uint32_t first_block_ = 1;  ///< of this launch
  /// [warp][lane][lane]: what a lane knows of another's clock; its own clock on the diagonal.
  std::array<std::array<std::array<std::uint32_t, 32>, 32>, 32> clocks_{};
};

}  // namespace simt::detail
