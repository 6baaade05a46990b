#include "profiles/sqlite/row_tree.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "profiles/sqlite/varint.h"

namespace pema::profiles::sqlite {
namespace {

using Bytes = std::span<const std::byte>;

// Source: SQLite's "Database File Format", 1.6 (pages and cells) and 2.1 (records).
constexpr int kInnerIndex = 2;
constexpr int kInnerTable = 5;
constexpr int kLeafIndex = 10;
constexpr int kLeafTable = 13;
constexpr std::size_t kLeafHeader = 8;
constexpr std::size_t kInnerHeader = 12;
constexpr std::size_t kRightmost = 8;
constexpr std::size_t kFileHeader = 100;  // before the first page's own
constexpr int kMostLevels = 20;           // SQLite's own bound

std::size_t big2(const std::byte* at) noexcept {
  return std::to_integer<std::size_t>(at[0]) << 8 | std::to_integer<std::size_t>(at[1]);
}
std::uint32_t big4(const std::byte* at) noexcept {
  return static_cast<std::uint32_t>(big2(at) << 16 | big2(at + 2));
}

/// Below 0, 0 or above it as `a` stands to `b`, byte by byte; eight at once decide most often.
int compare(std::string_view a, std::string_view b) noexcept {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  if (a.size() >= sizeof first && b.size() >= sizeof second) {
    std::memcpy(&first, a.data(), sizeof first);
    std::memcpy(&second, b.data(), sizeof second);
    if (first != second) {
      if constexpr (std::endian::native == std::endian::little) {
        first = __builtin_bswap64(first);
        second = __builtin_bswap64(second);
      }
      return first < second ? -1 : 1;
    }
  }
  return a.compare(b);
}

/// One page of a tree.
struct Node {
  Bytes page;  ///< without what is reserved
  int type = 0;
  std::size_t cells = 0;
  std::size_t pointers = 0;  ///< offset of the first
  std::uint32_t rightmost = 0;

  [[nodiscard]] bool inner() const noexcept { return type == kInnerIndex || type == kInnerTable; }
  /// Brings a cell that may be looked at.
  void fetch(std::size_t index) const noexcept {
    if (index < cells) __builtin_prefetch(cell(index).data());
  }
  /// What is from a cell on; nothing when it is not within the page.
  [[nodiscard]] Bytes cell(std::size_t index) const noexcept {
    const std::size_t at = big2(page.data() + pointers + 2 * index);
    return at < page.size() ? page.subspan(at) : Bytes{};
  }
};

/// Brings what a search in a page reads first: its head and where its cells are.
void fetch_head(Bytes page) noexcept {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kLines = 5;
  const std::size_t end = std::min(page.size(), kLines * kLine);
  for (std::size_t at = 0; at < end; at += kLine) __builtin_prefetch(page.data() + at);
}

bool read_node(Bytes page, std::uint32_t number, const RowTree& tree, Node& node) noexcept {
  const std::size_t header = number == 1 ? kFileHeader : 0;
  fetch_head(page);
  if (page.size() < header + kInnerHeader + static_cast<std::size_t>(tree.reserved_bytes)) {
    return false;
  }
  node.page = page.first(page.size() - static_cast<std::size_t>(tree.reserved_bytes));
  node.type = std::to_integer<int>(page[header]);
  node.cells = big2(page.data() + header + 3);
  node.pointers = header + (node.inner() ? kInnerHeader : kLeafHeader);
  node.rightmost = big4(page.data() + header + kRightmost);
  return node.pointers + 2 * node.cells <= node.page.size();
}

/// The payload of a cell whose head was taken off; false when part of it lies in another page.
bool take_payload(Bytes cell, std::uint64_t bytes, std::size_t most, Bytes& payload) noexcept {
  if (bytes > most || bytes > cell.size()) return false;
  payload = cell.first(static_cast<std::size_t>(bytes));
  return true;
}

std::size_t most_in_leaf_table(const Node& node) noexcept { return node.page.size() - 35; }
std::size_t most_in_index(const Node& node) noexcept {
  return (node.page.size() - 12) * 64 / 255 - 23;
}

enum class Order : std::uint8_t { kBefore, kEqual, kAfter, kBroken };

/// Rows by number.
struct ByNumber {
  static constexpr int kInner = kInnerTable;
  static constexpr int kLeaf = kLeafTable;
  static constexpr bool kGuesses = true;
  std::int64_t number;
  // What the pages above say of numbers here.
  std::int64_t above_this = 0;
  std::int64_t up_to_this = 0;
  bool bounded_below = false;
  bool bounded_above = false;

  /// Where it is when numbers are spread evenly, as those of rows that were stored one after
  /// another are. The page above has said what the first and the last one may be, or else the page
  /// itself.
  [[nodiscard]] std::size_t guess(const Node& node) const noexcept {
    const std::size_t last = node.cells - 1;
    double below = static_cast<double>(above_this);
    double most = static_cast<double>(up_to_this);
    if (!bounded_below || !bounded_above) {
      node.fetch(last);
      std::int64_t first_number = 0;
      std::int64_t last_number = 0;
      if (!number_of(node, 0, first_number) || !number_of(node, last, last_number)) return last / 2;
      below = static_cast<double>(first_number) - 1;
      most = static_cast<double>(last_number);
    }
    const double place = static_cast<double>(number) - below - 1;
    if (place <= 0) return 0;
    if (most <= static_cast<double>(number)) return last;
    return std::min(
        last, static_cast<std::size_t>(place / (most - below) * static_cast<double>(node.cells)));
  }

  /// Goes down at the left of cell `index`, or at the right of all.
  void descend(const Node& node, std::size_t index) noexcept {
    if (index > 0 && number_of(node, index - 1, above_this)) bounded_below = true;
    if (index < node.cells && number_of(node, index, up_to_this)) bounded_above = true;
  }

  /// How a cell stands to what is looked for; `payload` when it is that row itself.
  [[nodiscard]] Order order(const Node& node, std::size_t index, Bytes& payload) const noexcept {
    Bytes cell;
    std::uint64_t bytes = 0;
    std::int64_t found = 0;
    if (!take_number(node, index, cell, bytes, found)) return Order::kBroken;
    if (found != number) return found < number ? Order::kBefore : Order::kAfter;
    if (node.inner()) return Order::kAfter;  // the row is below, at the left of its number
    return take_payload(cell, bytes, most_in_leaf_table(node), payload) ? Order::kEqual
                                                                        : Order::kBroken;
  }

 private:
  static bool number_of(const Node& node, std::size_t index, std::int64_t& key) noexcept {
    Bytes cell;
    std::uint64_t bytes = 0;
    return take_number(node, index, cell, bytes, key);
  }
  /// The number of a cell; `cell` is what follows it, `bytes` a leaf's payload.
  static bool take_number(const Node& node, std::size_t index, Bytes& cell, std::uint64_t& bytes,
                          std::int64_t& key) noexcept {
    cell = node.cell(index);
    if (node.inner()) {
      if (cell.size() < 4) return false;
      cell = cell.subspan(4);
    } else if (!take_varint(cell, bytes)) {
      return false;
    }
    std::uint64_t bits = 0;
    if (!take_varint(cell, bits)) return false;
    key = static_cast<std::int64_t>(bits);
    return true;
  }
};

/// Rows by a key of text; inner pages hold rows too.
struct ByText {
  static constexpr int kInner = kInnerIndex;
  static constexpr int kLeaf = kLeafIndex;
  static constexpr bool kGuesses = false;  // names are of any shape
  std::string_view key;

  [[nodiscard]] static std::size_t guess(const Node& node) noexcept { return node.cells / 2; }
  void descend(const Node& /*node*/, std::size_t /*index*/) const noexcept {}

  [[nodiscard]] Order order(const Node& node, std::size_t index, Bytes& payload) const noexcept {
    Bytes cell = node.cell(index);
    if (node.inner()) {
      if (cell.size() < 4) return Order::kBroken;
      cell = cell.subspan(4);
    }
    std::uint64_t bytes = 0;
    if (!take_varint(cell, bytes) || !take_payload(cell, bytes, most_in_index(node), payload)) {
      return Order::kBroken;
    }
    Bytes rest = payload;
    std::uint64_t head = 0;
    std::uint64_t type = 0;
    if (!take_varint(rest, head) || !take_varint(rest, type) || type < 13 || type % 2 == 0 ||
        head > payload.size() || (type - 13) / 2 > payload.size() - head) {
      return Order::kBroken;
    }
    const std::string_view found(reinterpret_cast<const char*>(payload.data()) + head,
                                 static_cast<std::size_t>((type - 13) / 2));
    const int difference = compare(found, key);
    if (difference == 0) return Order::kEqual;
    return difference < 0 ? Order::kBefore : Order::kAfter;
  }
};

template <typename Key>
RowSearch find(PageSource& pages, const RowTree& tree, Key key, StoredRow& row) {
  std::uint32_t number = tree.root;
  for (int level = 0; level < kMostLevels; ++level) {
    Node node;
    if (!read_node(pages.page(number), number, tree, node) ||
        (node.type != Key::kInner && node.type != Key::kLeaf)) {
      return RowSearch::kUnknown;
    }
    std::size_t low = 0;
    std::size_t high = node.cells;
    std::size_t middle = high == 0 ? 0 : key.guess(node);
    for (int step = 0; low < high; ++step) {
      // The guess's neighbour is looked at second: often one of them is it.
      if (Key::kGuesses && step == 1) {
        middle = low > middle ? low : high - 1;
      } else if (step > 0) {
        middle = (low + high) / 2;
      }
      // Both cells that may be next: memory is slower than a needless one.
      if (Key::kGuesses && step == 0) {
        if (middle > 0) node.fetch(middle - 1);
        node.fetch(middle + 1);
      } else {
        node.fetch((low + middle) / 2);
        node.fetch((middle + 1 + high) / 2);
      }
      Bytes payload;
      switch (key.order(node, middle, payload)) {
        case Order::kBefore:
          low = middle + 1;
          break;
        case Order::kAfter:
          high = middle;
          break;
        case Order::kEqual:
          return row.parse(payload) ? RowSearch::kFound : RowSearch::kUnknown;
        case Order::kBroken:
          return RowSearch::kUnknown;
      }
    }
    if (!node.inner()) return RowSearch::kAbsent;
    key.descend(node, low);
    if (low == node.cells) {
      number = node.rightmost;
      continue;
    }
    const Bytes child = node.cell(low);
    if (child.size() < 4) return RowSearch::kUnknown;
    number = big4(child.data());
  }
  return RowSearch::kUnknown;
}

}  // namespace

RowSearch find_row(PageSource& pages, const RowTree& table, std::int64_t number, StoredRow& row) {
  return find(pages, table, ByNumber{.number = number}, row);
}

RowSearch find_row(PageSource& pages, const RowTree& table, std::string_view key, StoredRow& row) {
  return find(pages, table, ByText{key}, row);
}

}  // namespace pema::profiles::sqlite
