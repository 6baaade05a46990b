#include "profiles/wide_rows.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "pema/audit.h"
#include "pema/error.h"
#include "profiles/retired_adapters.h"
#include "profiles/sealed_row.h"

namespace pema::profiles {
namespace {

void widen(BitMask& bits, std::int64_t size) {
  if (bits.size() > 0) bits = BitMask::from_indices(size, bits.indices());
}

void widen(std::vector<float>& weights, std::int64_t size) {
  if (!weights.empty()) weights.resize(static_cast<std::size_t>(size), 0.0F);
}

/// Zeros for the adapters that came.
void widen(ProfileMask& mask, std::int64_t size) {
  widen(mask.down, size);
  widen(mask.up, size);
  widen(mask.down_weights, size);
  widen(mask.up_weights, size);
}

std::vector<SegmentId> beside_setting(const ProfileRecord& record, const Setting& before) {
  std::vector<SegmentId> beside;
  std::set_difference(record.segments.begin(), record.segments.end(), before.segments.begin(),
                      before.segments.end(), std::back_inserter(beside));
  return beside;
}

}  // namespace

ProfileRow read_profile_row(const sql::Query& row) {
  const std::span<const std::byte> data = row->blob(3);
  return {row->integer(0), row->integer(1), row->integer(2), {data.begin(), data.end()}};
}

WideRows::WideRows(Registry& registry, PoolRecord to, bool tell_masks)
    : registry_(registry), to_(std::move(to)), tell_masks_(tell_masks) {}

void WideRows::clear() {
  wide_.clear();
  counts_.clear();
  masks_.clear();
  changes_.clear();  // a setting may go with its last profile, in another process
}

bool WideRows::add(const ProfileRow& row, const PoolRecord& from, std::string& name) {
  const std::string what =
      name.empty() ? message("profile ", row.id) : message("profile '", name, "'");
  std::optional<PlainRow> plain;
  if (registry_.encrypted()) {
    plain = open_row(registry_.keys(), row.id, row.data);
    if (!plain) return true;  // erased, and back with a backup: nobody can read it
  }
  const Change& change = change_of(row.setting, what);
  ProfileRecord& record = record_;
  decode_row(plain ? std::span<const std::byte>(plain->data) : row.data, change.before, what,
             record);
  if (record.schedule.gate && from.gate_object != to_.gate_object) {
    if (plain) name = plain->name;
    return false;
  }
  if (tell_masks_ && !record.mask.none()) masks_.insert(record.mask.digest());
  const std::vector<SegmentId> beside = beside_setting(record, change.before);
  widen(record.mask, to_.info.adapters);
  data_.clear();
  encode_row(data_, change.after, record.schedule, record.mask, beside);
  if (plain) seal(row, plain->name, what);
  wide_.push_back({row.id, row.generation + 1, row.setting, data_});
  ++counts_[row.setting];
  return true;
}

/// What becomes of a setting.
const WideRows::Change& WideRows::change_of(std::int64_t setting, const std::string& what) {
  const auto found = changes_.find(setting);
  if (found != changes_.end()) return found->second;
  Change change;
  change.before = registry_.settings().get(setting, what);
  change.after = change.before;
  change.after.id = 0;
  change.after.pool = to_.id;
  if (change.after.mask.size > 0) change.after.mask.size = to_.info.adapters;
  return changes_.emplace(setting, std::move(change)).first->second;
}

void WideRows::seal(const ProfileRow& row, const std::string& name, const std::string& what) {
  KeyStore& keys = registry_.keys();
  const std::int64_t key_id = key_of_row(row.data, what);
  const std::optional<DataKey> key = keys.find(key_id);
  PEMA_ASSERT(key.has_value());
  std::vector<std::byte> sealed = seal_row(keys, row.id, key_id, *key, name, data_);
  wipe(data_);
  data_ = std::move(sealed);
}

void WideRows::store() {
  RetiredAdapters(registry_.database()).require_pool(to_.id);
  for (const auto& [setting, count] : counts_) {
    registry_.settings().add_profiles(changes_.at(setting).after, count);
  }
  std::vector<std::int64_t> changed;
  {
    sql::Query row = registry_.database().query(
        "UPDATE profile SET generation = ?2, setting = ?3, data = ?4 WHERE id = ?1");
    for (const ProfileRow& wide : wide_) {
      row->bind(1, wide.id)
          .bind(2, wide.generation)
          .bind(3, changes_.at(wide.setting).after.id)
          .bind_view(4, wide.data)
          .run_again();
      changed.push_back(wide.id);
    }
  }
  registry_.settings().drop_profiles(counts_);
  note_changes(registry_.database(), changed);
  static_cast<void>(registry_.note(AuditKind::kRebased, std::ssize(wide_)));
}

}  // namespace pema::profiles
