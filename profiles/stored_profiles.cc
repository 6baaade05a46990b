#include "profiles/stored_profiles.h"

#include <limits>

namespace pema::profiles {
namespace {

// Source: SQLite's "Database File Format", 1.3.
constexpr std::size_t kReserved = 20;
constexpr std::size_t kSchemaCookie = 40;
constexpr std::size_t kEncoding = 56;
constexpr std::uint32_t kUtf8 = 1;

std::uint32_t number_at(std::span<const std::byte> page, std::size_t at) noexcept {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    number = number << 8 | std::to_integer<std::uint32_t>(page[at + i]);
  }
  return number;
}

}  // namespace

StoredProfiles::StoredProfiles(sqlite::Database& database, std::int64_t most_mapped_bytes)
    : database_(database), pages_(database, most_mapped_bytes) {}

void StoredProfiles::begin() {
  pages_.begin();
  known_ = read_header();
}

void StoredProfiles::end() noexcept {
  known_ = false;
  pages_.end();
}

/// The roots, once for each schema: `VACUUM` moves them, and changes its count.
bool StoredProfiles::read_header() {
  const std::span<const std::byte> page = pages_.page(1);
  if (page.empty() || number_at(page, kEncoding) != kUtf8) return false;
  const std::uint64_t schema = std::uint64_t{1} << 32 | number_at(page, kSchemaCookie);
  names_.reserved_bytes = rows_.reserved_bytes = std::to_integer<std::int64_t>(page[kReserved]);
  if (schema == schema_) return true;
  sql::Query root = database_.query(
      "SELECT name = 'profile', rootpage FROM sqlite_schema "
      "WHERE type = 'table' AND name IN ('profile', 'profile_name')");
  while (root->step()) {
    const std::int64_t number = root->integer(1);
    if (number <= 0 || number > std::numeric_limits<std::int32_t>::max()) return false;
    (root->integer(0) != 0 ? rows_ : names_).root = static_cast<std::uint32_t>(number);
  }
  schema_ = schema;
  return true;
}

StoredProfiles::Search StoredProfiles::find(std::string_view name, ResidentRow& row) {
  if (!known_) return Search::kUnknown;
  sqlite::StoredRow stored;
  const Search found = sqlite::find_row(pages_, names_, name, stored);
  if (found != Search::kFound) return found;
  std::int64_t id = 0;
  if (!stored.integer(1, id) || find(id, row) != Search::kFound) return Search::kUnknown;
  row.name = name;
  return Search::kFound;
}

StoredProfiles::Search StoredProfiles::find(std::int64_t id, ResidentRow& row) {
  if (!known_) return Search::kUnknown;
  sqlite::StoredRow stored;
  const Search found = sqlite::find_row(pages_, rows_, id, stored);
  if (found != Search::kFound) return found;
  row.id = id;
  row.name = {};
  // SQLite leaves the number out of the row.
  return stored.columns() == 4 && stored.null(0) && stored.integer(1, row.generation) &&
                 stored.integer(2, row.setting) && stored.blob(3, row.data)
             ? Search::kFound
             : Search::kUnknown;
}

}  // namespace pema::profiles
