// What a write of a batch means for tenants' counts, and that no new mask selects a retired
// adapter. Nothing is done per entry where no tenant has limits and no adapter is retired.
#include "pema/error.h"
#include "profiles/profile_batch.h"
#include "profiles/registry.h"

namespace pema::profiles {

void ProfileBatch::begin_watch() {
  retired_.emplace(registry_.database());
  for (const Use* use : waiting_uses_) retired_->require_pool(use->setting.pool);
  tenants_.emplace(registry_);
  watching_ = tenants_->counting() || retired_->any();
}

void ProfileBatch::watch_new(const Entry& entry, std::int64_t id) {
  if (!watching_) return;
  check_retired(entry, nullptr);
  tenants_->came(name_of(entry), id);
  tenants_->reads(name_of(entry), segments_of(entry), 1);
}

void ProfileBatch::watch_replaced(const Entry& entry, std::int64_t setting,
                                  std::span<const std::byte> before) {
  if (!watching_) return;
  ProfileRecord record;
  const std::string what = message("profile '", name_of(entry), "'");
  decode_row(before, registry_.settings().get(setting, what), what, record);
  check_retired(entry, &record.mask);
  tenants_->reads(name_of(entry), record.segments, -1);
  tenants_->reads(name_of(entry), segments_of(entry), 1);
}

void ProfileBatch::check_retired(const Entry& entry, const ProfileMask* before) const {
  const Setting& setting = entry.use->setting;
  const BitMask* const retired = retired_->of(setting.pool);
  if (retired == nullptr) return;
  ProfileRecord record;
  decode_row(data_of(entry), setting, "a draft", record);
  const std::int64_t adapter = newly_selected(*retired, record.mask, before);
  PEMA_CHECK(adapter < 0, kInvalidArgument, "profile '", name_of(entry), "' would select adapter ",
             adapter, " of pool '", pools_.at(setting.pool).name,
             "', which is retired; choose others, or bring it back (`pema pool retire --undo`)");
}

}  // namespace pema::profiles
