/// profile.data in an encrypted store: all of a person in one sealed value. Her setting is a bare
/// one there, so that only her pool is outside of it.
///
///   stored := number of the key as 8 bytes little-endian, sealed (profiles/seal.h)
///   plain  := varint bytes of the name, name, profile.data under a bare setting
///             (profiles/profile_row.h)
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

/// What is sealed.
struct PlainRow {
  std::string name;
  std::vector<std::byte> data;

  PlainRow() = default;
  ~PlainRow();  ///< wipes
  PlainRow(PlainRow&&) = default;
  PlainRow& operator=(PlainRow&&) = default;
  PlainRow(const PlainRow&) = delete;
  PlainRow& operator=(const PlainRow&) = delete;
};

/// The value of the profile with number `profile`: another's row cannot take its place.
[[nodiscard]] std::vector<std::byte> seal_row(const KeyStore& keys, std::int64_t profile,
                                              std::int64_t key_id, const DataKey& key,
                                              std::string_view name,
                                              std::span<const std::byte> data);
/// Number of the key of a stored value. Throws kCorrupt, naming `what`.
[[nodiscard]] std::int64_t key_of_row(std::span<const std::byte> stored, std::string_view what);
/// Nothing when the key was dropped: the person was erased. Throws kCorrupt, kLocked.
[[nodiscard]] std::optional<PlainRow> open_row(KeyStore& keys, std::int64_t profile,
                                               std::span<const std::byte> stored);

}  // namespace pema::profiles
