/// registry.url: the file of a store's folder that says in which PostgreSQL database its tables are
/// (docs/formats/postgresql.md).
///
///   file := connection string, newline, mark as 64 hexadecimal digits, newline
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "pema/digest.h"

namespace pema::profiles {

/// The most bytes that a connection string has.
inline constexpr std::size_t kMaxAddressBytes = 4096;

struct RegistryAddress {
  std::string url;
  Digest mark;  ///< random; the database has it too, so that a folder finds its own tables only

  bool operator==(const RegistryAddress&) const = default;
};

/// "`folder`/registry.url".
[[nodiscard]] std::string address_file(const std::string& folder);

[[nodiscard]] std::string encode_address(const RegistryAddress& address);
/// Throws kCorrupt, naming `what`, and never showing the connection string.
[[nodiscard]] RegistryAddress decode_address(std::span<const std::byte> bytes,
                                             std::string_view what);

/// Reads `path`. Throws kNotFound, kIo, kCorrupt.
[[nodiscard]] RegistryAddress read_address(const std::string& path);
/// Writes `path`, entirely or not at all. Throws kDiskFull, kIo.
void write_address(const std::string& path, const RegistryAddress& address);

}  // namespace pema::profiles
