// SQLite's trees as damaged pages show them: the first byte of the input says how pages are cut and
// what is looked for, the rest are the pages, of 512 bytes; then the record of a row.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "profiles/sqlite/row_tree.h"

namespace {

using pema::profiles::sqlite::StoredRow;

struct Pages final : pema::profiles::sqlite::PageSource {
  std::span<const std::byte> bytes;
  std::span<const std::byte> page(std::uint32_t number) override {
    constexpr std::size_t kBytes = 512;
    if (number == 0 || number > bytes.size() / kBytes) return {};
    return bytes.subspan((number - 1) * kBytes, kBytes);
  }
};

/// Touches all that a row says.
void walk(const StoredRow& row) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= row.columns(); ++i) {
    std::int64_t number = 0;
    std::string_view text;
    std::span<const std::byte> blob;
    if (row.integer(i, number)) sum += static_cast<std::uint64_t>(number);
    if (row.text(i, text)) {
      for (const char c : text) sum += static_cast<unsigned char>(c);
    }
    if (row.blob(i, blob)) {
      for (const std::byte byte : blob) sum += std::to_integer<std::uint64_t>(byte);
    }
  }
  const volatile std::uint64_t kept = sum;
  static_cast<void>(kept);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Pages pages;
  pages.bytes = std::as_bytes(std::span(data, size)).subspan(1);
  const pema::profiles::sqlite::RowTree tree{.root = 1U + data[0] % 4U,
                                             .reserved_bytes = data[0] & 8};
  StoredRow row;
  using pema::profiles::sqlite::RowSearch;
  if (find_row(pages, tree, std::int64_t{data[0]} * 7, row) == RowSearch::kFound) walk(row);
  const char letter = static_cast<char>(data[0]);
  if (find_row(pages, tree, std::string_view(&letter, 1), row) == RowSearch::kFound) walk(row);
  if (row.parse(pages.bytes)) walk(row);
  return 0;
}
