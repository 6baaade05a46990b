#include "profiles/sqlite/page_gap.h"

#include <cstring>

namespace pema::profiles::sqlite {
namespace {

constexpr std::size_t kFileHeaderBytes = 100;
constexpr std::size_t kMostPageBytes = 65536;

std::size_t two_bytes(std::span<const std::byte> page, std::size_t at) {
  return std::to_integer<std::size_t>(page[at]) * 256 + std::to_integer<std::size_t>(page[at + 1]);
}

}  // namespace

// Source: SQLite's file format, 1.6 "B-tree Pages": the middle is what lies between the cell
// pointers and the first cell.
void zero_unused_room(std::span<std::byte> page, bool first_page) noexcept {
  const std::size_t header = first_page ? kFileHeaderBytes : 0;
  if (page.size() < header + 12) return;
  const auto type = std::to_integer<int>(page[header]);
  const bool interior = type == 2 || type == 5;
  if (!interior && type != 10 && type != 13) return;
  const std::size_t begin = header + (interior ? 12 : 8) + 2 * two_bytes(page, header + 3);
  std::size_t end = two_bytes(page, header + 5);
  if (end == 0) end = kMostPageBytes;
  if (begin >= end || end > page.size()) return;
  std::memset(page.data() + begin, 0, end - begin);
}

}  // namespace pema::profiles::sqlite
