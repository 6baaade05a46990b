#include "src/data/verses.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "pema/error.h"
#include "src/core/utf8.h"

namespace pema::data {
namespace {

constexpr std::size_t kMaxLineBytes = std::size_t{64} << 10;
constexpr std::string_view kFix = "; restore the shipped data/verses.tsv, or correct the line";

/// Chapter and verse as one rising number, or nothing.
std::optional<std::int64_t> parse_place(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc{} || stop != end || value < 1 || value > 999) return std::nullopt;
    return value;
  };
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto chapter = number(text.substr(0, colon));
  const auto verse = number(text.substr(colon + 1));
  if (!chapter || !verse) return std::nullopt;
  return *chapter * 1000 + *verse;
}

/// The next line without its end; false at the end of the file. Never holds more than the limit.
bool next_line(std::istream& in, std::string& line) {
  line.clear();
  char c = 0;
  bool any = false;
  while (line.size() <= kMaxLineBytes && in.get(c)) {
    any = true;
    if (c == '\n') break;
    line += c;
  }
  return any;
}

}  // namespace

std::vector<History> parse_verses(std::istream& in, const std::string& name) {
  std::vector<History> books;
  std::set<std::string, std::less<>> seen;
  std::string line;
  std::int64_t number = 0;
  std::int64_t last_place = 0;
  while (next_line(in, line)) {
    ++number;
    const auto require = [&](bool condition, std::string_view what) {
      PEMA_CHECK(condition, kCorrupt, name, ":", number, ": ", what, kFix);
    };
    require(line.size() <= kMaxLineBytes, "the line is longer than 64 KiB");
    require(core::is_utf8(line), "the line is not UTF-8");
    if (line.starts_with('#')) continue;
    std::array<std::string_view, 4> columns;
    std::string_view rest = line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::size_t tab = rest.find('\t');
      require((tab == std::string_view::npos) == (i + 1 == columns.size()),
              "expected 4 columns (book, chapter:verse, modern, older) between tabs");
      columns[i] = rest.substr(0, tab);
      require(!columns[i].empty() && columns[i].front() != ' ' && columns[i].back() != ' ' &&
                  columns[i].back() != '\r',
              "a column is empty or has spaces at its ends");
      if (tab != std::string_view::npos) rest.remove_prefix(tab + 1);
    }
    const std::optional<std::int64_t> place = parse_place(columns[1]);
    require(place.has_value(), "the second column is not chapter:verse, numbers from 1 to 999");
    if (books.empty() || books.back().key != columns[0]) {
      require(seen.emplace(columns[0]).second, "the book's verses are not together");
      books.emplace_back().key = columns[0];
      last_place = 0;
    }
    require(*place > last_place, "the verse is doubled or before its predecessor");
    last_place = *place;
    books.back().entries.push_back({message(columns[0], " ", columns[1]), "",
                                    message(columns[2], "\n"), std::string(columns[3])});
  }
  PEMA_CHECK(!in.bad(), kIo, name, ": the read failed; check the disk");
  return books;
}

DataSet read_verses(const std::string& path, const BuildOptions& options) {
  check_options(options);
  std::ifstream file(path, std::ios::binary);
  PEMA_CHECK(file.is_open(), kNotFound, path,
             ": cannot open the verse pairs; give the path of data/verses.tsv");
  std::vector<History> books = parse_verses(file, path);
  DataSet data;
  data.source = "verses";
  data.task = "PEMA_verses";
  data.note =
      "data: the shipped King James / World English verses, because they were asked for or this "
      "machine has no changelogs (package documentation is left out of slim images)";
  const std::int64_t longest = longest_history(books);
  data.people = split_people(std::move(books), options);
  PEMA_CHECK(!data.people.empty(), kNotFound, path, ": no book has ", options.min_entries,
             " verses (the longest has ", longest, "); lower min_entries");
  data.digest = dataset_digest(data);
  return data;
}

}  // namespace pema::data
