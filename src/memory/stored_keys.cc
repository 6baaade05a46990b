#include "src/memory/stored_keys.h"

#include <algorithm>
#include <cmath>

#include "kernels/half.h"
#include "pema/error.h"

namespace pema::memory {
namespace {

constexpr std::int64_t kBlock = kernels::KeyRows::kBlock;
constexpr const char* kFix = "; restore the file from a backup or store the segment again";

std::int64_t blocks_of(std::int64_t entries) { return (entries + kBlock - 1) / kBlock; }

std::vector<std::byte> to_halves(MatrixView<const float> keys) {
  std::vector<std::uint16_t> halves;
  halves.reserve(static_cast<std::size_t>(keys.rows * keys.cols));
  for (std::int64_t i = 0; i < keys.rows; ++i) {
    for (const float value : keys.row_span(i)) halves.push_back(kernels::to_float16(value));
  }
  const auto bytes = std::as_bytes(std::span(halves));
  return {bytes.begin(), bytes.end()};
}

/// 127 steps for the largest component; the scale gives the decoded key length 1.
RoundedKeys to_int8(MatrixView<const float> keys) {
  const std::int64_t pairs = (keys.cols + 1) / 2;
  RoundedKeys rounded;
  rounded.keys.resize(static_cast<std::size_t>(blocks_of(keys.rows) * pairs * kBlock * 2));
  for (std::int64_t i = 0; i < keys.rows; ++i) {
    const std::span<const float> key = keys.row_span(i);
    float largest = 0;
    for (const float value : key) largest = std::max(largest, std::abs(value));
    const double steps = 127.0 / static_cast<double>(largest);
    std::byte* const out = rounded.keys.data() + i / kBlock * pairs * kBlock * 2 + i % kBlock * 2;
    double square = 0;
    for (std::int64_t c = 0; c < keys.cols; ++c) {
      const double q =
          std::nearbyint(static_cast<double>(key[static_cast<std::size_t>(c)]) * steps);
      out[c / 2 * kBlock * 2 + c % 2] = static_cast<std::byte>(static_cast<std::int8_t>(q));
      square += q * q;
    }
    rounded.scales.push_back(static_cast<float>(1.0 / std::sqrt(square)));
  }
  return rounded;
}

std::vector<std::byte> to_product(MatrixView<const float> keys, const Codebook& codebook) {
  const kernels::ProductSpace& space = codebook.space();
  std::vector<std::byte> out(
      static_cast<std::size_t>(blocks_of(keys.rows) * kBlock * space.bytes()));
  std::vector<std::uint8_t> code(static_cast<std::size_t>(space.bytes()));
  for (std::int64_t i = 0; i < keys.rows; ++i) {
    kernels::encode_product(space, keys.row(i), code.data());
    std::byte* const at = out.data() + i / kBlock * space.bytes() * kBlock + i % kBlock;
    for (std::int64_t p = 0; p < space.bytes(); ++p) {
      at[p * kBlock] = static_cast<std::byte>(code[static_cast<std::size_t>(p)]);
    }
  }
  return out;
}

/// Throws when a byte behind the last of `entries` keys, `unit` bytes each side by side, is set.
void check_padding(std::span<const std::byte> keys, std::int64_t entries, std::int64_t unit,
                   const std::string& name) {
  const std::int64_t used = entries % kBlock * unit;
  if (used == 0) return;
  const std::int64_t groups = std::ssize(keys) / (kBlock * unit);
  const std::int64_t of_block = groups / blocks_of(entries);
  for (std::int64_t g = groups - of_block; g < groups; ++g) {
    const auto rest = keys.subspan(static_cast<std::size_t>(g * kBlock * unit + used),
                                   static_cast<std::size_t>(kBlock * unit - used));
    PEMA_CHECK(std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{}; }),
               kCorrupt, name, ": a byte behind the last key is not zero", kFix);
  }
}

void check_int8(const SegmentParts& parts, const std::string& name) {
  check_padding(parts.keys, parts.info.entries, 2, name);
  const std::int64_t width = parts.info.hidden;
  PEMA_CHECK(std::find(parts.keys.begin(), parts.keys.end(), std::byte{0x80}) == parts.keys.end(),
             kCorrupt, name, ": a number of a key is -128, and codes end at -127", kFix);
  if (width % 2 == 0) return;
  const std::int64_t pair = (width / 2) * kBlock * 2;
  const std::int64_t block = (width + 1) * kBlock;
  for (std::int64_t i = 0; i < parts.info.entries; ++i) {
    const std::int64_t at = i / kBlock * block + pair + i % kBlock * 2 + 1;
    PEMA_CHECK(parts.keys[static_cast<std::size_t>(at)] == std::byte{}, kCorrupt, name,
               ": a byte behind the last dimension is not zero", kFix);
  }
}

kernels::KeyRows key_rows(const SegmentParts& parts) {
  const SegmentInfo& info = parts.info;
  const void* const data = parts.keys.data();
  switch (info.keys) {
    case KeyType::kFloat32:
      return kernels::KeyRows(
          MatrixView<const float>{static_cast<const float*>(data), info.entries, info.hidden});
    case KeyType::kFloat16:
      return kernels::KeyRows(MatrixView<const std::uint16_t>{
          static_cast<const std::uint16_t*>(data), info.entries, info.hidden});
    case KeyType::kInt8:
      return {info.entries, info.hidden, static_cast<const std::int8_t*>(data),
              parts.scales.data()};
    case KeyType::kProductQuantised:
      break;
  }
  return {};
}

}  // namespace

RoundedKeys round_keys(const SegmentInfo& info, MatrixView<const float> keys,
                       const Codebook* codebook) {
  switch (info.keys) {
    case KeyType::kFloat16:
      return {to_halves(keys), {}};
    case KeyType::kInt8:
      return to_int8(keys);
    case KeyType::kProductQuantised:
      return {to_product(keys, *codebook), {}};
    case KeyType::kFloat32:
      break;
  }
  RoundedKeys exact;
  for (std::int64_t i = 0; i < keys.rows; ++i) {
    const auto bytes = std::as_bytes(keys.row_span(i));
    exact.keys.insert(exact.keys.end(), bytes.begin(), bytes.end());
  }
  return exact;
}

StoredKeys::StoredKeys(const SegmentParts& parts, std::shared_ptr<const Codebook> codebook,
                       const std::string& name)
    : codebook_(std::move(codebook)), bytes_(parts.keys), rows_(key_rows(parts)) {
  const bool blocks =
      parts.info.keys == KeyType::kInt8 || parts.info.keys == KeyType::kProductQuantised;
  unit_keys_ = blocks ? kBlock : 1;
  const std::int64_t units = (parts.info.entries + unit_keys_ - 1) / unit_keys_;
  unit_bytes_ = units == 0 ? 0 : std::ssize(bytes_) / units;
  if (!blocks) plain_.keys = rows_;
  if (parts.info.keys == KeyType::kInt8) check_int8(parts, name);
  if (codebook_ == nullptr) return;
  check_padding(parts.keys, parts.info.entries, 1, name);
  product_.space = &codebook_->space();
  product_.rows = parts.info.entries;
  product_.codes = reinterpret_cast<const std::uint8_t*>(parts.keys.data());
}

const float* StoredKeys::row(std::int64_t entry, float* buffer) const {
  if (codebook_ == nullptr) return rows_.row(entry, buffer);
  product_.decode(entry, buffer);
  return buffer;
}

std::span<const std::byte> StoredKeys::stored(std::int64_t entry) const noexcept {
  return bytes_.subspan(static_cast<std::size_t>(entry / unit_keys_ * unit_bytes_),
                        static_cast<std::size_t>(unit_bytes_));
}

const kernels::KeySet& StoredKeys::searchable(KeepCodes keep) const {
  if (keep == KeepCodes::kNo && unit_keys_ == 1) return plain_;
  std::call_once(once_, [&] {
    if (codebook_ != nullptr) {
      set_.product = &product_;
      return;
    }
    codes_ = kernels::KeyCodes(rows_);
    set_.keys = rows_;
    set_.codes = &codes_;
  });
  return set_;
}

std::int64_t StoredKeys::search_bytes() const {
  const kernels::KeySet& set = searchable(KeepCodes::kYes);
  return set.product != nullptr ? 0 : set.codes->bytes();
}

}  // namespace pema::memory
