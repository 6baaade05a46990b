/// What table `profile` holds of a person in an encrypted store: all of her in one sealed value.
///
///   stored := number of the key as 8 bytes little-endian, sealed (profiles/seal.h)
///   plain  := varint bytes of the name, name, varint bytes of schedule, schedule,
///             varint bytes of segments, segments, mask       (profiles/profile_codec.h)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/key_store.h"

namespace pema::profiles {

/// The columns of a row as they are in a plain store.
struct PlainRow {
  std::string name;
  std::vector<std::byte> schedule;
  std::vector<std::byte> segments;
  std::vector<std::byte> mask;

  PlainRow() = default;
  ~PlainRow();  ///< wipes
  PlainRow(PlainRow&&) = default;
  PlainRow& operator=(PlainRow&&) = default;
  PlainRow(const PlainRow&) = delete;
  PlainRow& operator=(const PlainRow&) = delete;
};

[[nodiscard]] std::vector<std::byte> seal_row(const KeyStore& keys, std::string_view token,
                                              std::int64_t key_id, const DataKey& key,
                                              const PlainRow& row);
/// Number of the key of a stored value. Throws kCorrupt, naming `what`.
[[nodiscard]] std::int64_t key_of_row(std::span<const std::byte> stored, std::string_view what);
/// Nothing when the key was dropped: the person was erased. Throws kCorrupt, kLocked.
[[nodiscard]] std::optional<PlainRow> open_row(KeyStore& keys, std::string_view token,
                                               std::span<const std::byte> stored);

}  // namespace pema::profiles
