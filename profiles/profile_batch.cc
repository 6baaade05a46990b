#include "profiles/profile_batch.h"

#include <algorithm>

#include "pema/error.h"
#include "profiles/mask_check.h"
#include "profiles/name.h"
#include "profiles/registry.h"

namespace pema::profiles {
namespace {

bool rises(std::span<const SegmentId> segments) {
  return std::adjacent_find(segments.begin(), segments.end(), std::greater_equal<>()) ==
         segments.end();
}

/// What a setting is found by.
void put_key(std::vector<std::byte>& key, PoolId pool, const LambdaSchedule& schedule,
             const MaskShape& shape, std::span<const SegmentId> segments) {
  key.clear();
  put_varint(key, pool.value);
  put_common_schedule(key, schedule);
  key.push_back(static_cast<std::byte>(shape.size > 0));
  put_shape(key, shape);
  put_rising(key, segments);
}

void check_gate(const ProfileDraft& draft, bool there) {
  PEMA_CHECK(there || !draft.schedule.gate, kInvalidArgument, "profile '", draft.name,
             "' would be weighed by its pool's gate, and its pool has none; use a pool that was "
             "trained with a gate, or switch the gate off");
}

}  // namespace

std::vector<std::byte> name_hash(std::string_view name) {
  const Digest digest = sha256(name);
  const auto bytes = std::as_bytes(std::span(digest.bytes)).first(16);
  return {bytes.begin(), bytes.end()};
}

std::int64_t ProfileBatch::bytes() const noexcept {
  return static_cast<std::int64_t>(bytes_.size() + segments_.size() * sizeof(SegmentId) +
                                   entries_.size() * (sizeof(Entry) + 16));
}

void ProfileBatch::forget() noexcept {
  clear();
  uses_.clear();
  use_rows_.clear();
  keys_.clear();
  pools_.clear();
  shared_.clear();
  settings_there_ = -1;
}

void ProfileBatch::clear() noexcept {
  for (Use* use : waiting_uses_) use->waiting = 0;
  waiting_uses_.clear();
  wipe(bytes_);  // a person's own, and kept for its room
  bytes_.clear();
  segments_.clear();
  entries_.clear();
}

void ProfileBatch::shrink(std::int64_t size) noexcept {
  while (this->size() > size) {
    const Entry& last = entries_.back();
    Use& use = *last.use;
    if (--use.waiting == 0) std::erase(waiting_uses_, &use);
    wipe(std::span(bytes_).subspan(last.at));
    bytes_.resize(last.at);
    segments_.resize(last.segments_at);
    entries_.pop_back();
  }
}

void ProfileBatch::add(const ProfileDraft& draft, std::int64_t order) {
  check_name(draft.name, "profile name");
  draft.schedule.validate();
  const LambdaSchedule schedule = draft.schedule.quantised();
  check_mask_shape(draft.mask);
  sort_rights(draft);
  Use& use = use_for(draft, schedule);
  for (const SegmentId id : rights_.beside) {
    Digest model = use.model;
    check_model(draft, model, find_segment(draft, id).model);
  }
  Entry entry;
  entry.at = bytes_.size();
  entry.name_bytes = static_cast<std::uint32_t>(draft.name.size());
  entry.order = order;
  entry.segments_at = segments_.size();
  entry.segments = static_cast<std::uint32_t>(rights_.beside.size());
  entry.use = &use;
  const auto put = [&](std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  };
  if (registry_.encrypted()) {
    const std::string token = registry_.stored_name(draft.name);
    entry.token_bytes = static_cast<std::uint32_t>(token.size());
    put(token);
  }
  put(draft.name);
  encode_row(bytes_, use.setting, schedule, draft.mask, rights_.beside);
  entry.data_bytes =
      static_cast<std::uint32_t>(bytes_.size() - entry.at - entry.token_bytes - entry.name_bytes);
  segments_.insert(segments_.end(), rights_.beside.begin(), rights_.beside.end());
  entries_.push_back(entry);
  if (use.waiting++ == 0) waiting_uses_.push_back(&use);
}

void ProfileBatch::sort_rights(const ProfileDraft& draft) {
  rights_.common.clear();
  rights_.beside.clear();
  std::vector<SegmentId> sorted;
  std::span<const SegmentId> all = draft.segments;
  if (!draft.own_segments.empty() || !rises(all)) {
    sorted = draft.segments;
    for (const auto& segment : draft.own_segments) {
      sorted.push_back(registry_.put_segment(*segment, SegmentKind::kOwn, {}).id);
    }
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    all = sorted;
  }
  for (const SegmentId id : all) {
    const bool shared = find_segment(draft, id).kind == SegmentKind::kShared;
    (shared ? rights_.common : rights_.beside).push_back(id);
  }
}

ProfileBatch::Use& ProfileBatch::use_for(const ProfileDraft& draft,
                                         const LambdaSchedule& schedule) {
  // A setting says what few people may have in common: an encrypted store has bare ones alone.
  if (registry_.encrypted()) return make_use(draft, schedule);
  put_key(key_, draft.pool, schedule, shape_of(draft.mask), rights_.common);
  const auto found = uses_.find(text_of(key_));
  return found != uses_.end() ? *found->second : make_use(draft, schedule);
}

ProfileBatch::Use& ProfileBatch::make_use(const ProfileDraft& draft,
                                          const LambdaSchedule& schedule) {
  const Digest model = check_common(draft);
  if (settings_there_ < 0) settings_there_ = registry_.settings().count();
  if (registry_.encrypted() ||
      std::max(settings_there_, std::ssize(use_rows_)) >= SettingTable::kMost) {
    Use& use = bare_use(draft);
    use.model = model;  // of this draft; a bare setting's drafts are all checked
    return use;
  }
  Use& use = use_rows_.emplace_back();
  use.setting.pool = draft.pool;
  use.setting.schedule = schedule;
  use.setting.segments = rights_.common;
  use.setting.mask = shape_of(draft.mask);
  use.model = model;
  uses_.emplace(keys_.emplace_back(text_of(key_)), &use);
  return use;
}

ProfileBatch::Use& ProfileBatch::bare_use(const ProfileDraft& draft) {
  key_.clear();
  put_varint(key_, draft.pool.value);
  std::vector<SegmentId> all = rights_.common;
  all.insert(all.end(), rights_.beside.begin(), rights_.beside.end());
  std::sort(all.begin(), all.end());
  rights_.beside = std::move(all);
  rights_.common.clear();
  const auto found = uses_.find(text_of(key_));
  if (found != uses_.end()) return *found->second;
  Use& use = use_rows_.emplace_back();
  use.setting.pool = draft.pool;
  use.setting.bare = true;
  uses_.emplace(keys_.emplace_back(text_of(key_)), &use);
  return use;
}

Digest ProfileBatch::check_common(const ProfileDraft& draft) {
  Digest model = check_pool(draft);
  for (const SegmentId id : rights_.common) {
    check_model(draft, model, find_segment(draft, id).model);
  }
  return model;
}

Digest ProfileBatch::check_pool(const ProfileDraft& draft) {
  if (!draft.pool) {
    check_gate(draft, false);
    PEMA_CHECK(draft.mask.size() == 0, kInvalidArgument, "profile '", draft.name,
               "' has a mask but no pool; name the pool the mask was trained with");
    return {};
  }
  const PoolRecord& pool = find_pool(draft);
  check_mask_fits(draft.mask, pool.info.adapters, pool.info.algebra);
  check_gate(draft, !pool.gate_object.is_zero());
  return pool.info.model;
}

void ProfileBatch::check_model(const ProfileDraft& draft, Digest& model,
                               const Digest& other) const {
  PEMA_CHECK(model.is_zero() || model == other, kMismatch, "profile '", draft.name,
             "' would join things of the base models ", model.hex(), " and ", other.hex(),
             "; use a pool and segments of one model");
  model = other;
}

const PoolRecord& ProfileBatch::find_pool(const ProfileDraft& draft) {
  auto found = pools_.find(draft.pool);
  if (found == pools_.end()) {
    std::optional<PoolRecord> record = registry_.find_pool(draft.pool);
    PEMA_CHECK(record.has_value(), kNotFound, "profile '", draft.name, "' names pool ",
               draft.pool.value, ", which is not in this store; list them with `pema show`");
    found = pools_.emplace(draft.pool, std::move(*record)).first;
  }
  return found->second;
}

ProfileBatch::SegmentFacts ProfileBatch::find_segment(const ProfileDraft& draft, SegmentId id) {
  const auto found = shared_.find(id);
  if (found != shared_.end()) return found->second;
  const std::optional<SegmentRecord> record = registry_.find_segment(id);
  PEMA_CHECK(record.has_value(), kNotFound, "profile '", draft.name, "' names segment ", id.value,
             ", which is not in this store; list them with `pema show`");
  const SegmentFacts facts{record->info.model, record->kind};
  if (record->kind == SegmentKind::kShared) shared_.emplace(id, facts);
  return facts;
}

}  // namespace pema::profiles
