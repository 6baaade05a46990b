/// Profiles in memory as their rows are stored, within a number of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

namespace pema::profiles {

/// A profile's row together with its name.
struct ResidentRow {
  std::int64_t id = 0;
  std::int64_t generation = 0;
  std::int64_t setting = 0;
  std::string_view name;
  std::span<const std::byte> data;
};

/// Found by name and by number through open addressing; rows lie one after another in blocks, and
/// the oldest block leaves when room is needed. Thread-safety: one thread at a time.
class ResidentProfiles {
 public:
  /// Keeps nothing when `bytes` does not suffice for two blocks.
  explicit ResidentProfiles(std::int64_t bytes);

  /// Null: not here. Lives until the next call that is not const.
  [[nodiscard]] bool find(std::string_view name, ResidentRow& row) const noexcept;
  [[nodiscard]] bool find(std::int64_t id, ResidentRow& row) const noexcept;
  /// Takes a row that is not here. False when it is too large to keep.
  bool put(const ResidentRow& row);
  /// True when the next row would push out others.
  [[nodiscard]] bool full() const noexcept;
  /// True when it was here.
  bool drop(std::int64_t id) noexcept;
  void clear() noexcept;

  [[nodiscard]] std::int64_t size() const noexcept { return count_; }
  /// Tables included.
  [[nodiscard]] std::int64_t bytes() const noexcept;

 private:
  /// Of every row, before its name and its data.
  struct Header {
    std::int64_t id = 0;
    std::int64_t generation = 0;
    std::uint32_t setting = 0;
    std::uint32_t data_bytes = 0;
    std::uint32_t name_hash = 0;
    std::uint8_t name_bytes = 0;
    bool gone = false;
  };
  struct Block {
    std::vector<std::byte> bytes;
    std::size_t used = 0;
  };
  /// Places of rows: block number and offset in 8 bytes, counted from 1; 0 is free.
  using Table = std::vector<std::uint64_t>;

  [[nodiscard]] static std::uint64_t hash_of(std::string_view name) noexcept;
  [[nodiscard]] static std::uint64_t hash_of(std::int64_t id) noexcept;
  [[nodiscard]] const std::byte* at(std::uint64_t place) const noexcept;
  [[nodiscard]] Header header(std::uint64_t place) const noexcept;
  [[nodiscard]] static ResidentRow row_at(const Header& header, const std::byte* at) noexcept;
  [[nodiscard]] std::size_t slot_of(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t slot_of(std::int64_t id) const noexcept;
  void erase(Table& table, std::size_t slot, bool by_name) noexcept;
  void grow();
  void add_block();
  void drop_block() noexcept;

  std::int64_t limit_;
  std::size_t block_bytes_;
  std::int64_t count_ = 0;
  std::deque<Block> blocks_;
  std::uint64_t first_block_ = 0;  ///< number of blocks_.front()
  Table names_;
  Table ids_;
};

}  // namespace pema::profiles
