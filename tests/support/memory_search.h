/// Looks for bytes in files and in all readable memory of this process. What is sought is only kept
/// masked, so that the search does not find itself.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/core/object_file.h"

namespace pema::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// Sought bytes, each xor kMaskByte.
using MaskedBytes = std::vector<unsigned char>;
inline constexpr unsigned char kMaskByte = 0x5A;

[[nodiscard]] inline MaskedBytes masked(const void* bytes, std::size_t count) {
  MaskedBytes out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = static_cast<const unsigned char*>(bytes)[i] ^ kMaskByte;
  }
  return out;
}

[[nodiscard]] inline bool is_there(const unsigned char* begin, const unsigned char* end,
                                   const MaskedBytes& sought) {
  const unsigned char first = sought[0] ^ kMaskByte;
  const auto length = static_cast<std::ptrdiff_t>(sought.size());
  while (end - begin >= length) {
    begin = static_cast<const unsigned char*>(
        std::memchr(begin, first, static_cast<std::size_t>(end - begin - length + 1)));
    if (begin == nullptr) return false;
    std::size_t same = 1;
    while (same < sought.size() && (begin[same] ^ kMaskByte) == sought[same]) ++same;
    if (same == sought.size()) return true;
    ++begin;
  }
  return false;
}

/// Of a line of /proc/self/maps with a file: how many bytes of the file lie behind the mapping's
/// first; a mapping may be larger, and what is behind the file's end must not be touched. Nothing
/// when no file is mapped there.
[[nodiscard]] inline std::optional<unsigned long> mapped_file_bytes(const std::string& line,
                                                                    unsigned long offset) {
  const std::size_t name = line.find('/');
  std::error_code error;
  const auto size =
      name == std::string::npos ? 0 : std::filesystem::file_size(line.substr(name), error);
  if (name == std::string::npos || error) return std::nullopt;
  constexpr unsigned long kPage = 4096;
  const unsigned long whole = (static_cast<unsigned long>(size) + kPage - 1) / kPage * kPage;
  return whole > offset ? whole - offset : 0;
}

/// Where in this process's readable memory the bytes are; nothing when nowhere.
[[nodiscard]] inline std::optional<std::string> found_in_memory(const MaskedBytes& sought) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long offset = 0;
    char readable = '-';
    if (std::sscanf(line.c_str(), "%lx-%lx %c%*s %lx", &begin, &end, &readable, &offset) != 4) {
      continue;
    }
    const bool kernels_own = line.find("[v") != std::string::npos;
    if (readable != 'r' || kernels_own) continue;
    end = std::min(end, begin + mapped_file_bytes(line, offset).value_or(end - begin));
    if (is_there(reinterpret_cast<const unsigned char*>(begin),
                 reinterpret_cast<const unsigned char*>(end), sought)) {
      return line;
    }
  }
  return std::nullopt;
}

/// The first file below `folder` that holds the bytes.
[[nodiscard]] inline std::optional<std::string> found_in_files(const std::string& folder,
                                                               const MaskedBytes& sought) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    // Mapped, not read: a copy on the heap would be found there later.
    const auto file = core::MappedFile::open(entry.path().string());
    const auto* const begin = reinterpret_cast<const unsigned char*>(file->bytes().data());
    if (is_there(begin, begin + file->bytes().size(), sought)) return entry.path().string();
  }
  return std::nullopt;
}

}  // namespace pema::test
