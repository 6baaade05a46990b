#include "pema/error.h"
#include "profiles/name.h"
#include "profiles/registry.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kCodebookColumns =
    "SELECT codebook.id, codebook.name, digest, model.fingerprint, site, codebook.hidden, parts, "
    "bytes, (SELECT count(*) FROM segment WHERE segment.codebook = codebook.id) "
    "FROM codebook JOIN model ON model.id = codebook.model ";

CodebookRecord read_codebook(const sql::Query& row) {
  CodebookRecord record;
  record.id.value = row->integer(0);
  if (!row->null(1)) record.name = row->text(1);
  record.digest = row->digest(2);
  record.info.model = row->digest(3);
  record.info.site = stored_enum(row->integer(4), FeatureSite::kPreNorm, "a codebook's site");
  record.info.hidden = row->integer(5);
  record.info.parts = row->integer(6);
  record.bytes = row->integer(7);
  record.segments = row->integer(8);
  return record;
}

}  // namespace

void Registry::put_codebook_object(const Codebook& codebook) {
  objects_.put(codebook.digest(), codebook.serialise());
}

CodebookRecord Registry::put_codebook(const Codebook& codebook, const std::string& name) {
  if (!name.empty()) check_name(name, "codebook's name");
  const CodebookInfo& info = codebook.info();
  const ModelRecord model = require_model(info.model, "the codebook");
  PEMA_CHECK(model.info.hidden == info.hidden, kMismatch, "the codebook has width ", info.hidden,
             ", its base model has ", model.info.hidden, "; learn it with that model");
  const std::optional<CodebookRecord> same = find_codebook(codebook.digest());
  if (same && (name.empty() || name == same->name)) return *same;
  PEMA_CHECK(!same || same->name.empty(), kAlreadyExists, "the codebook is stored as '",
             same ? same->name : "", "' already; use that name");
  PEMA_CHECK(name.empty() || !find_codebook(name), kAlreadyExists, "the codebook name '", name,
             "' is taken by other content; choose another name");
  const std::vector<std::byte> bytes = codebook.serialise();
  // The caller holds the write lock, under which nobody deletes objects.
  if (!objects_.contains(codebook.digest())) objects_.put(codebook.digest(), bytes);
  if (same) {
    sql::Query update = database_.query("UPDATE codebook SET name = ?2 WHERE id = ?1");
    update->bind(1, same->id.value).bind(2, std::string_view(name)).run();
  } else {
    sql::Query insert = database_.query(
        "INSERT INTO codebook (name, digest, model, site, hidden, parts, bytes) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    insert->bind_name(1, name)
        .bind(2, codebook.digest())
        .bind(3, model.id.value)
        .bind(4, static_cast<std::int64_t>(info.site))
        .bind(5, info.hidden)
        .bind(6, info.parts)
        .bind(7, static_cast<std::int64_t>(bytes.size()))
        .run();
  }
  return *find_codebook(codebook.digest());
}

std::vector<CodebookRecord> Registry::codebooks() {
  std::vector<CodebookRecord> records;
  sql::Query row = database_.query(std::string(kCodebookColumns) + "ORDER BY codebook.id");
  while (row->step()) records.push_back(read_codebook(row));
  return records;
}

std::optional<CodebookRecord> Registry::find_codebook(std::string_view name) {
  sql::Query row = database_.query(std::string(kCodebookColumns) + "WHERE codebook.name = ?1");
  if (!row->bind(1, name).step()) return std::nullopt;
  return read_codebook(row);
}

std::optional<CodebookRecord> Registry::find_codebook(const Digest& digest) {
  sql::Query row = database_.query(std::string(kCodebookColumns) + "WHERE digest = ?1");
  if (!row->bind(1, digest).step()) return std::nullopt;
  return read_codebook(row);
}

std::shared_ptr<const Codebook> Registry::load_codebook(const Digest& digest) {
  return loaded_codebooks_.get(digest,
                               [&] { return Codebook::open(objects_.path(digest), digest); });
}

bool Registry::remove_codebook(std::string_view name) {
  const std::optional<CodebookRecord> record = find_codebook(name);
  if (!record) return false;
  PEMA_CHECK(record->segments == 0, kInvalidArgument, "codebook '", name, "' is needed by ",
             record->segments, " segments; remove the profiles that own them first");
  sql::Query forget = database_.query("UPDATE codebook SET name = NULL WHERE id = ?1");
  forget->bind(1, record->id.value).run();
  drop_unneeded_codebook(record->id);
  return true;
}

void Registry::drop_unneeded_codebook(CodebookId id) {
  sql::Query drop = database_.query(
      "DELETE FROM codebook WHERE id = ?1 AND name IS NULL AND NOT EXISTS "
      "(SELECT 1 FROM segment WHERE segment.codebook = ?1) RETURNING digest");
  if (!drop->bind(1, id.value).step()) return;
  const Digest digest = drop->digest(0);
  drop->run();
  loaded_codebooks_.forget(digest);
  doom(digest);
}

}  // namespace pema::profiles
