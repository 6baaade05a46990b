#include "profiles/resident_profiles.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pema::profiles {
namespace {

constexpr std::size_t kLargestBlock = std::size_t{4} << 20;
constexpr std::size_t kSmallestTable = 64;
constexpr int kOffsetBits = 32;

std::uint64_t mixed(std::uint64_t value) noexcept {  // SplitMix64's finaliser
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

std::uint64_t word_at(const char* data, std::size_t bytes) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, data, bytes);
  return word;
}

}  // namespace

ResidentProfiles::ResidentProfiles(std::int64_t bytes)
    : limit_(bytes),
      block_bytes_(std::min(kLargestBlock,
                            static_cast<std::size_t>(std::max<std::int64_t>(0, bytes / 8)))) {}

std::uint64_t ResidentProfiles::hash_of(std::string_view name) noexcept {
  std::uint64_t hash = mixed(name.size() + 0x9e3779b97f4a7c15ULL);
  while (name.size() > 8) {
    hash = mixed(hash ^ word_at(name.data(), 8)) + 0x9e3779b97f4a7c15ULL;
    name.remove_prefix(8);
  }
  return mixed(hash ^ word_at(name.data(), name.size()));
}

std::uint64_t ResidentProfiles::hash_of(std::int64_t id) noexcept {
  return mixed(static_cast<std::uint64_t>(id) + 0x9e3779b97f4a7c15ULL);
}

const std::byte* ResidentProfiles::at(std::uint64_t place) const noexcept {
  const std::uint64_t block = ((place - 1) >> kOffsetBits) - first_block_;
  return blocks_[block].bytes.data() + ((place - 1) & ((std::uint64_t{1} << kOffsetBits) - 1));
}

ResidentProfiles::Header ResidentProfiles::header(std::uint64_t place) const noexcept {
  Header header;
  std::memcpy(&header, at(place), sizeof header);
  return header;
}

ResidentRow ResidentProfiles::row_at(const Header& header, const std::byte* at) noexcept {
  const std::byte* const name = at + sizeof(Header);
  return {.id = header.id,
          .generation = header.generation,
          .setting = header.setting,
          .name = {reinterpret_cast<const char*>(name), header.name_bytes},
          .data = {name + header.name_bytes, header.data_bytes}};
}

std::size_t ResidentProfiles::slot_of(std::string_view name) const noexcept {
  const std::size_t mask = names_.size() - 1;
  const std::uint64_t hash = hash_of(name);
  std::size_t slot = hash & mask;
  for (; names_[slot] != 0; slot = (slot + 1) & mask) {
    const Header row = header(names_[slot]);
    if (row.name_hash == static_cast<std::uint32_t>(hash >> 32) &&
        row_at(row, at(names_[slot])).name == name) {
      break;
    }
  }
  return slot;
}

std::size_t ResidentProfiles::slot_of(std::int64_t id) const noexcept {
  const std::size_t mask = ids_.size() - 1;
  std::size_t slot = hash_of(id) & mask;
  while (ids_[slot] != 0 && header(ids_[slot]).id != id) slot = (slot + 1) & mask;
  return slot;
}

bool ResidentProfiles::find(std::string_view name, ResidentRow& row) const noexcept {
  if (count_ == 0) return false;
  const std::uint64_t place = names_[slot_of(name)];
  if (place == 0) return false;
  row = row_at(header(place), at(place));
  return true;
}

bool ResidentProfiles::find(std::int64_t id, ResidentRow& row) const noexcept {
  if (count_ == 0) return false;
  const std::uint64_t place = ids_[slot_of(id)];
  if (place == 0) return false;
  row = row_at(header(place), at(place));
  return true;
}

bool ResidentProfiles::put(const ResidentRow& row) {
  const std::size_t bytes = sizeof(Header) + row.name.size() + row.data.size();
  if (bytes > block_bytes_ || row.name.size() > 255) return false;
  if (blocks_.empty() || blocks_.back().used + bytes > block_bytes_) add_block();
  if (4 * (count_ + 1) > 3 * std::ssize(names_)) grow();
  Block& block = blocks_.back();
  const std::uint64_t name_hash = hash_of(row.name);
  const Header head{.id = row.id,
                    .generation = row.generation,
                    .setting = static_cast<std::uint32_t>(row.setting),
                    .data_bytes = static_cast<std::uint32_t>(row.data.size()),
                    .name_hash = static_cast<std::uint32_t>(name_hash >> 32),
                    .name_bytes = static_cast<std::uint8_t>(row.name.size())};
  std::byte* to = block.bytes.data() + block.used;
  const std::uint64_t place = ((first_block_ + blocks_.size() - 1) << kOffsetBits) + block.used + 1;
  std::memcpy(to, &head, sizeof head);
  to = std::copy_n(reinterpret_cast<const std::byte*>(row.name.data()), row.name.size(),
                   to + sizeof head);
  std::copy(row.data.begin(), row.data.end(), to);
  block.used += bytes;
  names_[slot_of(row.name)] = place;
  ids_[slot_of(row.id)] = place;
  ++count_;
  return true;
}

bool ResidentProfiles::drop(std::int64_t id) noexcept {
  if (count_ == 0) return false;
  const std::size_t slot = slot_of(id);
  const std::uint64_t place = ids_[slot];
  if (place == 0) return false;
  const ResidentRow row = row_at(header(place), at(place));
  erase(names_, slot_of(row.name), true);
  erase(ids_, slot, false);
  Block& block = blocks_[((place - 1) >> kOffsetBits) - first_block_];
  const std::size_t offset = static_cast<std::size_t>(at(place) - block.bytes.data());
  // Erased from the tables, and its name and data from the memory.
  Header head = header(place);
  const std::size_t bytes = std::size_t{head.name_bytes} + head.data_bytes;
  head.gone = true;
  std::memcpy(block.bytes.data() + offset, &head, sizeof head);
  std::memset(block.bytes.data() + offset + sizeof head, 0, bytes);
  --count_;
  return true;
}

void ResidentProfiles::erase(Table& table, std::size_t slot, bool by_name) noexcept {
  // What follows moves up as far as its own first slot allows, so that no mark is needed.
  const std::size_t mask = table.size() - 1;
  std::size_t hole = slot;
  for (std::size_t next = (slot + 1) & mask; table[next] != 0; next = (next + 1) & mask) {
    const Header row = header(table[next]);
    const std::uint64_t hash =
        by_name ? hash_of(row_at(row, at(table[next])).name) : hash_of(row.id);
    if (((next - (hash & mask)) & mask) < ((next - hole) & mask)) continue;
    table[hole] = table[next];
    hole = next;
  }
  table[hole] = 0;
}

void ResidentProfiles::clear() noexcept {
  blocks_.clear();
  names_.clear();
  ids_.clear();
  first_block_ = 0;
  count_ = 0;
}

std::int64_t ResidentProfiles::bytes() const noexcept {
  return static_cast<std::int64_t>(blocks_.size() * block_bytes_ +
                                   (names_.size() + ids_.size()) * sizeof(std::uint64_t));
}

bool ResidentProfiles::full() const noexcept {
  const std::int64_t block = static_cast<std::int64_t>(block_bytes_);
  return block_bytes_ == 0 || (!blocks_.empty() && blocks_.back().used + 1024 > block_bytes_ &&
                               bytes() + block > limit_);
}

void ResidentProfiles::grow() {
  const Table places = std::exchange(ids_, {});
  const std::size_t size = std::max(kSmallestTable, 2 * names_.size());
  names_.assign(size, 0);
  ids_.assign(size, 0);
  for (const std::uint64_t place : places) {
    if (place == 0) continue;
    const ResidentRow row = row_at(header(place), at(place));
    names_[slot_of(row.name)] = place;
    ids_[slot_of(row.id)] = place;
  }
  while (blocks_.size() > 1 && bytes() > limit_) drop_block();
}

void ResidentProfiles::add_block() {
  while (!blocks_.empty() && bytes() + static_cast<std::int64_t>(block_bytes_) > limit_) {
    drop_block();
  }
  blocks_.push_back({std::vector<std::byte>(block_bytes_), 0});
}

void ResidentProfiles::drop_block() noexcept {
  const Block& block = blocks_.front();
  for (std::size_t offset = 0; offset < block.used;) {
    const std::uint64_t place = (first_block_ << kOffsetBits) + offset + 1;
    const Header row = header(place);
    offset += sizeof row + row.name_bytes + row.data_bytes;
    if (!row.gone) static_cast<void>(drop(row.id));
  }
  blocks_.pop_front();
  ++first_block_;
}

}  // namespace pema::profiles
