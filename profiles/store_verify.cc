#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "pema/error.h"
#include "profiles/sql/transaction.h"
#include "profiles/store_impl.h"
#include "profiles/tenant_ledger.h"
#include "profiles/verify_profiles.h"

namespace pema {
namespace profiles {
namespace {

using sql::Database;
using sql::Query;

constexpr const char* kRestore = "; restore registry.db from a backup";

/// Runs a check; what it throws is damage too.
template <typename Check>
void run(std::vector<Damage>& damage, const std::string& what, Check check) {
  try {
    check();
  } catch (const sql::TransientError&) {
    throw;  // a server that went away is no damage
  } catch (const Error& error) {
    damage.push_back({what, error.what()});
  }
}

/// Of registry.db alone: PostgreSQL checks references itself, and its pages with pg_amcheck.
void check_file(sqlite::Database& database, VerifyDepth depth, std::vector<Damage>& damage) {
  run(damage, database.path(), [&] {
    Query row = database.query(depth == VerifyDepth::kQuick ? "PRAGMA quick_check"
                                                            : "PRAGMA integrity_check");
    while (row->step()) {
      const std::string line = row->text(0);
      if (line != "ok") damage.push_back({database.path(), line + kRestore});
    }
  });
  run(damage, database.path(), [&] {
    Query row = database.query("PRAGMA foreign_key_check");
    while (row->step()) {
      damage.push_back({"table " + row->text(0),
                        message("row ", row->null(1) ? 0 : row->integer(1), " names a row of ",
                                row->text(2), " that is not there", kRestore)});
    }
  });
}

void check_readers(Database& database, std::vector<Damage>& damage,
                   const std::map<SegmentId, std::int64_t>& readers) {
  std::set<SegmentId> known;
  Query row = database.query("SELECT id, readers FROM segment");
  while (row->step()) {
    const SegmentId id{row->integer(0)};
    known.insert(id);
    const auto found = readers.find(id);
    const std::int64_t counted = found == readers.end() ? 0 : found->second;
    if (counted != row->integer(1)) {
      damage.push_back(
          {message("segment ", id.value),
           message("its row counts ", row->integer(1), " readers, there are ", counted, kRestore)});
    }
  }
  for (const auto& [id, count] : readers) {
    if (known.contains(id)) continue;
    damage.push_back({message("segment ", id.value),
                      message(count, " profiles name it and it is not there", kRestore)});
  }
}

/// All indexes; those that hold a segment which is not there are damage.
std::vector<RecallIndexRecord> check_indexes(Registry& registry, std::vector<Damage>& damage) {
  std::vector<RecallIndexRecord> indexes;
  run(damage, "table recall_index", [&] { indexes = registry.indexes(); });
  Query row = registry.database().query(
      "SELECT DISTINCT name FROM recall_index JOIN recall_index_segment ON recall_index = id "
      "WHERE NOT EXISTS (SELECT 1 FROM segment WHERE digest = recall_index_segment.segment) "
      "AND NOT EXISTS (SELECT 1 FROM segment_part WHERE digest = recall_index_segment.segment)");
  while (row->step()) {
    damage.push_back({"index '" + row->text(0) + "'",
                      "it holds a segment that is not there; remove it with `pema memory index "
                      "rm` and build it again"});
  }
  return indexes;
}

/// All segments, each with what was appended to it.
std::vector<SegmentRecord> contents_of_lists(Registry& registry, std::vector<Damage>& damage) {
  std::vector<SegmentRecord> contents;
  for (SegmentRecord& head : registry.segments({})) {
    if (head.contents == 1) {
      contents.push_back(std::move(head));
      continue;
    }
    std::vector<SegmentRecord> list = registry.segment_list(head.id);
    if (head.kind != SegmentKind::kShared || list.back().position >= head.version) {
      damage.push_back({message("segment ", head.id.value),
                        message("what was appended to it does not fit its row", kRestore)});
    }
    std::move(list.begin(), list.end(), std::back_inserter(contents));
  }
  return contents;
}

/// Objects that rows name, with the first row that does.
std::map<Digest, std::string> objects_of_rows(Registry& registry, std::vector<Damage>& damage,
                                              std::vector<PoolRecord>& pools,
                                              std::vector<SegmentRecord>& segments,
                                              std::vector<CodebookRecord>& codebooks) {
  std::map<Digest, std::string> objects;
  run(damage, "table pool", [&] { pools = registry.pools(); });
  run(damage, "table segment", [&] { segments = contents_of_lists(registry, damage); });
  run(damage, "table codebook", [&] { codebooks = registry.codebooks(); });
  for (const CodebookRecord& codebook : codebooks) {
    objects.emplace(codebook.digest, message("codebook ", codebook.id.value));
  }
  for (const PoolRecord& pool : pools) {
    const std::string user = message("pool '", pool.name, "' version ", pool.version);
    if (!pool.shared_object.is_zero()) objects.emplace(pool.shared_object, user);
    if (!pool.gate_object.is_zero()) objects.emplace(pool.gate_object, user);
    for (const Digest& object : pool.block_objects) objects.emplace(object, user);
  }
  for (const SegmentRecord& segment : segments) {
    objects.emplace(segment.digest, message("segment ", segment.id.value));
  }
  for (const RecallIndexRecord& index : check_indexes(registry, damage)) {
    objects.emplace(index.digest, message("index '", index.name,
                                          "', which can be built again with `pema memory "
                                          "index build`"));
  }
  return objects;
}

}  // namespace

std::vector<Damage> Registry::verify(VerifyDepth depth) {
  std::vector<Damage> damage;
  std::vector<PoolRecord> pools;
  std::vector<SegmentRecord> segments;
  std::vector<CodebookRecord> codebooks;
  std::map<Digest, std::string> objects;
  run(damage, database_.path(), [&] {
    const sql::Transaction snapshot(database_, sql::TransactionKind::kRead);
    if (file() != nullptr) check_file(*file(), depth, damage);
    std::map<SegmentId, std::int64_t> readers;
    bool all_read = true;
    run(damage, "table profile", [&] { all_read = check_profiles(*this, damage, readers); });
    run(damage, "table tenant", [&] { check_tenants(*this, damage); });
    if (all_read) {
      run(damage, "table segment", [&] { check_readers(database_, damage, readers); });
    }
    objects = objects_of_rows(*this, damage, pools, segments, codebooks);
  });
  std::map<Digest, std::int64_t> sizes;
  for (const SegmentRecord& segment : segments) sizes[segment.digest] = segment.bytes;
  for (const CodebookRecord& codebook : codebooks) sizes[codebook.digest] = codebook.bytes;
  std::set<Digest> broken;
  for (const auto& object : objects) {
    const Digest& digest = object.first;
    const auto size = sizes.find(digest);
    const std::string problem =
        depth == VerifyDepth::kFull
            ? objects_.problem(digest)
            : objects_.size_problem(digest, size == sizes.end() ? -1 : size->second);
    if (problem.empty()) continue;
    broken.insert(digest);
    // Another process may have removed it, row and file, since the rows were read.
    run(damage, "object " + digest.hex(), [&] {
      if (!names_object(digest)) return;
      damage.push_back(
          {"object " + digest.hex(), message(problem, " (used by ", object.second, ")")});
    });
  }
  if (depth == VerifyDepth::kQuick) return damage;
  const auto whole = [&](const Digest& digest) { return !broken.contains(digest); };
  for (const PoolRecord& pool : pools) {
    bool loadable = whole(pool.shared_object) && whole(pool.gate_object);
    for (const Digest& object : pool.block_objects) loadable = loadable && whole(object);
    if (!loadable) continue;
    run(damage, message("pool '", pool.name, "' version ", pool.version),
        [&] { static_cast<void>(load_pool(pool)); });
  }
  for (const CodebookRecord& codebook : codebooks) {
    if (!whole(codebook.digest)) continue;
    run(damage, message("codebook ", codebook.id.value), [&] {
      if (!objects_.contains(codebook.digest) && !names_object(codebook.digest)) return;
      const CodebookInfo info = load_codebook(codebook.digest)->info();
      PEMA_CHECK(info.model == codebook.info.model && info.site == codebook.info.site &&
                     info.hidden == codebook.info.hidden && info.parts == codebook.info.parts,
                 kCorrupt, "its row and its object disagree", kRestore);
    });
  }
  for (const SegmentRecord& segment : segments) {
    if (!whole(segment.digest) || !whole(segment.info.codebook)) continue;
    run(damage, message("segment ", segment.id.value), [&] {
      if (!objects_.contains(segment.digest) && !names_object(segment.digest)) return;
      const bool locked = keys_ == nullptr || !keys_->unlocked() || segment.wrapped_key.empty();
      if (segment.data_key != 0 && locked)
        return;  // its digest was compared, its content cannot be
      static_cast<void>(load_segment(segment));
    });
  }
  return damage;
}

}  // namespace profiles

std::vector<Damage> Store::verify(VerifyDepth depth) const { return impl_->registry.verify(depth); }

}  // namespace pema
