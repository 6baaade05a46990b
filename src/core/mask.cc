#include "pema/mask.h"

#include <algorithm>
#include <cstring>

#include "pema/error.h"

namespace pema {
namespace {

std::size_t word_count(std::int64_t size) { return static_cast<std::size_t>((size + 63) / 64); }

std::int64_t byte_count(std::int64_t size) { return (size + 7) / 8; }

void check_size(std::int64_t size) {
  PEMA_CHECK(size >= 0 && size <= BitMask::kMaxSize, kInvalidArgument, "a mask covers 0 to ",
             BitMask::kMaxSize, " adapters, not ", size);
}

bool all_zero(std::span<const float> weights) {
  return std::all_of(weights.begin(), weights.end(), [](float w) { return w == 0.0F; });
}

}  // namespace

BitMask::BitMask(std::int64_t size) : size_(size) {
  check_size(size);
  words_.resize(word_count(size));
}

BitMask BitMask::from_bytes(std::int64_t size, std::span<const std::byte> bytes) {
  BitMask mask;
  mask.assign(size, bytes);
  return mask;
}

void BitMask::assign(std::int64_t size, std::span<const std::byte> bytes) {
  static_assert(std::endian::native == std::endian::little);
  size_ = 0;
  words_.clear();
  check_size(size);
  PEMA_CHECK(static_cast<std::int64_t>(bytes.size()) == byte_count(size), kCorrupt, "a mask over ",
             size, " adapters has ", byte_count(size), " bytes, not ", bytes.size());
  if (size == 0) return;
  if (size % 8 != 0) {
    PEMA_CHECK((std::to_integer<unsigned>(bytes.back()) >> (size % 8)) == 0, kCorrupt,
               "a mask over ", size, " adapters has bits past its end");
  }
  words_.resize(word_count(size));
  std::memcpy(words_.data(), bytes.data(), bytes.size());
  size_ = size;
}

BitMask BitMask::from_indices(std::int64_t size, std::span<const std::int64_t> indices) {
  BitMask mask(size);
  for (const std::int64_t index : indices) mask.set(index);
  return mask;
}

bool BitMask::test(std::int64_t index) const {
  PEMA_CHECK(index >= 0 && index < size_, kInvalidArgument, "adapter ", index,
             " is outside a mask over ", size_);
  return ((words_[static_cast<std::size_t>(index / 64)] >> (index % 64)) & 1) != 0;
}

void BitMask::set(std::int64_t index, bool value) {
  PEMA_CHECK(index >= 0 && index < size_, kInvalidArgument, "adapter ", index,
             " is outside a mask over ", size_);
  const std::uint64_t bit = std::uint64_t{1} << (index % 64);
  std::uint64_t& word = words_[static_cast<std::size_t>(index / 64)];
  word = value ? (word | bit) : (word & ~bit);
}

std::int64_t BitMask::popcount() const noexcept {
  std::int64_t count = 0;
  for (const std::uint64_t word : words_) count += std::popcount(word);
  return count;
}

std::int64_t BitMask::overlap(const BitMask& other) const noexcept {
  const std::size_t common = std::min(words_.size(), other.words_.size());
  std::int64_t count = 0;
  for (std::size_t i = 0; i < common; ++i) count += std::popcount(words_[i] & other.words_[i]);
  return count;
}

std::vector<std::int64_t> BitMask::indices() const {
  std::vector<std::int64_t> members;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
      members.push_back(static_cast<std::int64_t>(i) * 64 + std::countr_zero(word));
    }
  }
  return members;
}

std::vector<std::byte> BitMask::to_bytes() const {
  std::vector<std::byte> bytes(static_cast<std::size_t>(byte_count(size_)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>((words_[i / 8] >> (8 * (i % 8))) & 0xff);
  }
  return bytes;
}

bool ProfileMask::none() const noexcept {
  if (soft()) return all_zero(down_weights) || (!up_weights.empty() && all_zero(up_weights));
  return down.none() || (up.size() > 0 && up.none());
}

std::int64_t ProfileMask::size() const noexcept {
  return soft() ? static_cast<std::int64_t>(down_weights.size()) : down.size();
}

std::int64_t ProfileMask::stored_bytes() const noexcept {
  if (soft()) return static_cast<std::int64_t>(4 * (down_weights.size() + up_weights.size()));
  return byte_count(down.size()) + byte_count(up.size());
}

float ProfileMask::weight(std::int64_t index, bool up_side) const {
  if (soft()) {
    const std::vector<float>& weights = up_side && !up_weights.empty() ? up_weights : down_weights;
    return weights.at(static_cast<std::size_t>(index));
  }
  const BitMask& mask = up_side && up.size() > 0 ? up : down;
  return mask.test(index) ? 1.0F : 0.0F;
}

Digest ProfileMask::digest() const {
  Sha256 hash;
  hash.update("pema mask").update_int(soft() ? 1 : 0);
  if (soft()) {
    for (const std::vector<float>* side : {&down_weights, &up_weights}) {
      hash.update_int(static_cast<std::int64_t>(side->size()))
          .update(std::as_bytes(std::span(*side)));
    }
  } else {
    for (const BitMask* side : {&down, &up}) hash.update_int(side->size()).update(side->to_bytes());
  }
  return hash.finish();
}

}  // namespace pema
