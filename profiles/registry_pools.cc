#include "pema/error.h"
#include "profiles/name.h"
#include "profiles/pool_versions.h"
#include "profiles/registry.h"

namespace pema::profiles {
namespace {

constexpr std::string_view kPoolColumns =
    "SELECT pool.id, pool.name, version, digest, model.fingerprint, pool.hidden, site, form, "
    "algebra, norm, adapters, rank, mask_scale, recipe, shared, gate, retired FROM pool JOIN model "
    "ON "
    "model.id = "
    "pool.model ";

PoolRecord read_pool(const sql::Query& row) {
  PoolRecord record;
  record.id.value = row->integer(0);
  record.name = row->text(1);
  record.version = row->integer(2);
  record.digest = row->digest(3);
  record.info.model = row->digest(4);
  record.info.hidden = row->integer(5);
  record.info.site = stored_enum(row->integer(6), FeatureSite::kPreNorm, "a pool's site");
  record.info.form = stored_enum(row->integer(7), Form::kDistribution, "a pool's form");
  record.info.algebra = stored_enum(row->integer(8), Algebra::kSeparate, "a pool's algebra");
  record.info.norm = stored_enum(row->integer(9), HeadNorm::kNone, "a pool's norm");
  record.info.adapters = row->integer(10);
  record.info.rank = row->integer(11);
  record.info.mask_scale = row->real(12);
  record.info.recipe = row->text(13);
  if (!row->null(14)) record.shared_object = row->digest(14);
  if (!row->null(15)) record.gate_object = row->digest(15);
  if (!row->null(16)) record.retired = BitMask::from_bytes(record.info.adapters, row->blob(16));
  return record;
}

void read_blocks(sql::Database& database, PoolRecord& record) {
  sql::Query row =
      database.query("SELECT object FROM pool_block WHERE pool = ?1 ORDER BY position");
  row->bind(1, record.id.value);
  while (row->step()) record.block_objects.push_back(row->digest(0));
}

void put_block(const ObjectFolder& objects, const AdapterBlock& block) {
  objects.put(block.digest(), block.serialise());
}

/// The caller holds the write lock, under which nobody deletes objects.
void put_missing_block(const ObjectFolder& objects, const AdapterBlock& block) {
  if (!objects.contains(block.digest())) put_block(objects, block);
}

}  // namespace

void Registry::put_pool_objects(const Pool& pool) {
  if (pool.shared() != nullptr) put_block(objects_, *pool.shared());
  for (const auto& block : pool.blocks()) put_block(objects_, *block);
  if (pool.gate() != nullptr) objects_.put(pool.gate()->digest(), pool.gate()->serialise());
}

PoolRecord Registry::put_pool(const std::string& name, const Pool& pool) {
  check_name(name, "pool name");
  const PoolInfo& info = pool.info();
  check_text(info.recipe, "pool's recipe");
  const ModelRecord model = require_model(info.model, "pool '" + name + "'");
  PEMA_CHECK(model.info.hidden == info.hidden, kMismatch, "pool '", name, "' has width ",
             info.hidden, ", its base model has ", model.info.hidden,
             "; train the pool on features of that model");
  const std::optional<PoolRecord> newest = find_pool(name, 0);
  if (newest && newest->digest == pool.digest()) return *newest;

  const std::int64_t version = newest ? newest->version + 1 : 1;
  sql::Query insert = database_.query(
      "INSERT INTO pool (name, version, digest, model, hidden, site, form, algebra, norm, "
      "adapters, rank, mask_scale, recipe, shared, gate) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) RETURNING id");
  insert->bind(1, std::string_view(name))
      .bind(2, version)
      .bind(3, pool.digest())
      .bind(4, model.id.value)
      .bind(5, info.hidden)
      .bind(6, static_cast<std::int64_t>(info.site))
      .bind(7, static_cast<std::int64_t>(info.form))
      .bind(8, static_cast<std::int64_t>(info.algebra))
      .bind(9, static_cast<std::int64_t>(info.norm))
      .bind(10, info.adapters)
      .bind(11, info.rank)
      .bind(12, info.mask_scale)
      .bind(13, std::string_view(info.recipe));
  if (pool.shared() != nullptr) {
    put_missing_block(objects_, *pool.shared());
    insert->bind(14, pool.shared()->digest());
  }
  if (const auto& gate = pool.gate(); gate != nullptr) {
    const Digest digest = gate->digest();
    if (!objects_.contains(digest)) objects_.put(digest, gate->serialise());
    insert->bind(15, digest);
  }
  const PoolId id{insert->run_for_integer()};
  std::int64_t position = 0;
  for (const auto& block : pool.blocks()) {
    put_missing_block(objects_, *block);
    sql::Query row =
        database_.query("INSERT INTO pool_block (pool, position, object) VALUES (?1, ?2, ?3)");
    row->bind(1, id.value).bind(2, position++).bind(3, block->digest()).run();
  }
  if (newest) set_retired(*this, id, inherited_retired(*this, *newest, pool));
  return *find_pool(id);
}

std::vector<PoolRecord> Registry::pools() {
  std::vector<PoolRecord> records;
  {
    sql::Query row = database_.query(std::string(kPoolColumns) + "ORDER BY pool.name, version");
    while (row->step()) records.push_back(read_pool(row));
  }
  for (PoolRecord& record : records) read_blocks(database_, record);
  return records;
}

std::optional<PoolRecord> Registry::find_pool(std::string_view name, std::int64_t version) {
  std::optional<PoolRecord> record;
  {
    sql::Query row = database_.query(
        std::string(kPoolColumns) +
        "WHERE pool.name = ?1 AND (?2 = 0 OR version = ?2) ORDER BY version DESC LIMIT 1");
    if (row->bind(1, name).bind(2, version).step()) record = read_pool(row);
  }
  if (record) read_blocks(database_, *record);
  return record;
}

std::optional<PoolRecord> Registry::find_pool(PoolId id) {
  std::optional<PoolRecord> record;
  {
    sql::Query row = database_.query(std::string(kPoolColumns) + "WHERE pool.id = ?1");
    if (row->bind(1, id.value).step()) record = read_pool(row);
  }
  if (record) read_blocks(database_, *record);
  return record;
}

std::optional<PoolRecord> Registry::find_pool(const Digest& digest) {
  std::optional<PoolRecord> record;
  {
    sql::Query row =
        database_.query(std::string(kPoolColumns) + "WHERE digest = ?1 ORDER BY pool.id LIMIT 1");
    if (row->bind(1, digest).step()) record = read_pool(row);
  }
  if (record) read_blocks(database_, *record);
  return record;
}

std::shared_ptr<const Pool> Registry::load_pool(const PoolRecord& record) {
  std::shared_ptr<const AdapterBlock> shared;
  if (!record.shared_object.is_zero()) {
    shared = AdapterBlock::open(objects_.path(record.shared_object), record.shared_object);
  }
  std::vector<std::shared_ptr<const AdapterBlock>> blocks;
  for (const Digest& object : record.block_objects) {
    blocks.push_back(AdapterBlock::open(objects_.path(object), object));
  }
  std::shared_ptr<const MixtureGate> gate;
  if (!record.gate_object.is_zero()) {
    gate = std::make_shared<const MixtureGate>(
        MixtureGate::open(objects_.path(record.gate_object), record.gate_object));
  }
  const auto refuse = [&](const std::string& why) {
    fail(ErrorCode::kCorrupt, folder_, "/registry.db: pool '", record.name, "' version ",
         record.version, " is damaged (", why,
         "); restore registry.db from a backup or store the pool again");
  };
  std::shared_ptr<const Pool> pool;
  try {
    pool = std::make_shared<const Pool>(record.info, std::move(shared), std::move(blocks),
                                        std::move(gate));
  } catch (const Error& error) {
    refuse(error.what());
  }
  if (pool->digest() != record.digest) refuse("its objects do not have its digest");
  return pool;
}

}  // namespace pema::profiles
