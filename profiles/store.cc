#include "pema/store.h"

#include <utility>

#include "pema/error.h"
#include "profiles/store_impl.h"

namespace pema {

using profiles::Registry;

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

bool Store::exists(const std::string& folder) { return profiles::store_is_in(folder); }

Store Store::open(const std::string& folder, OpenMode mode, const StoreOptions& options) {
  return Store(std::make_unique<Impl>(folder, mode, options));
}

const std::string& Store::folder() const noexcept { return impl_->registry.folder(); }

ModelRecord Store::put_model(const ModelInfo& info, const std::string& path) {
  impl_->registry.require(Role::kAdmin);
  ModelRecord record;
  impl_->registry.write([&] { record = impl_->registry.put_model(info, path); });
  return record;
}

std::vector<ModelRecord> Store::models() const { return impl_->registry.models(); }

PoolRecord Store::put_pool(const std::string& name, const Pool& pool) {
  Registry& registry = impl_->registry;
  static_cast<void>(registry.require_model(pool.info().model, "pool '" + name + "'"));
  registry.require(Role::kAdmin);
  registry.put_pool_objects(pool);
  PoolRecord record;
  registry.write([&] {
    record = registry.put_pool(name, pool);
    static_cast<void>(registry.note(AuditKind::kPool, 1));
  });
  return record;
}

std::vector<PoolRecord> Store::pools() const {
  std::vector<PoolRecord> records;
  impl_->registry.read([&] { records = impl_->registry.pools(); });
  return records;
}

std::optional<PoolRecord> Store::find_pool(std::string_view name, std::int64_t version) const {
  PEMA_CHECK(version >= 0, kInvalidArgument, "pool versions count from 1, ", version, " is none");
  std::optional<PoolRecord> record;
  impl_->registry.read([&] { record = impl_->registry.find_pool(name, version); });
  return record;
}

std::optional<PoolRecord> Store::find_pool(PoolId id) const {
  return impl_->registry.find_pool(id);
}

std::shared_ptr<const Pool> Store::load_pool(PoolId id) const {
  const std::optional<PoolRecord> record = find_pool(id);
  PEMA_CHECK(record.has_value(), kNotFound, folder(), ": there is no pool ", id.value,
             "; list them with `pema show`");
  return load_pool(*record);
}

std::shared_ptr<const Pool> Store::load_pool(const PoolRecord& record) const {
  return impl_->registry.load_pool(record);
}

CodebookRecord Store::put_codebook(const Codebook& codebook, const std::string& name) {
  Registry& registry = impl_->registry;
  PEMA_CHECK(!name.empty(), kInvalidArgument, "a codebook is stored under a name; give one");
  static_cast<void>(registry.require_model(codebook.info().model, "the codebook"));
  registry.require(Role::kAdmin);
  registry.put_codebook_object(codebook);
  CodebookRecord record;
  registry.write([&] { record = registry.put_codebook(codebook, name); });
  return record;
}

std::vector<CodebookRecord> Store::codebooks() const { return impl_->registry.codebooks(); }

std::optional<CodebookRecord> Store::find_codebook(std::string_view name) const {
  return impl_->registry.find_codebook(name);
}

std::optional<CodebookRecord> Store::find_codebook(const Digest& digest) const {
  return impl_->registry.find_codebook(digest);
}

std::shared_ptr<const Codebook> Store::load_codebook(const Digest& digest) const {
  return impl_->registry.load_codebook(digest);
}

bool Store::remove_codebook(std::string_view name) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  bool removed = false;
  registry.write([&] { removed = registry.remove_codebook(name); });
  if (removed) impl_->finish_erasure();
  return removed;
}

SegmentRecord Store::put_segment(const Segment& segment, SegmentKind kind,
                                 const std::string& name) {
  Registry& registry = impl_->registry;
  static_cast<void>(registry.require_model(segment.info().model, "the segment"));
  registry.require(Role::kEnrol);
  registry.put_segment_object(segment, kind);
  SegmentRecord record;
  registry.write([&] { record = registry.put_segment(segment, kind, name); });
  return record;
}

std::vector<SegmentRecord> Store::segments(std::optional<SegmentKind> kind) const {
  return impl_->registry.segments(kind);
}

std::optional<SegmentRecord> Store::find_segment(SegmentId id) const {
  return impl_->registry.find_segment(id);
}

std::optional<SegmentRecord> Store::find_segment(std::string_view name) const {
  return impl_->registry.find_segment(name);
}

std::shared_ptr<const Segment> Store::load_segment(SegmentId id) const {
  const std::optional<SegmentRecord> record = find_segment(id);
  PEMA_CHECK(record.has_value(), kNotFound, folder(), ": there is no segment ", id.value,
             "; list them with `pema show`");
  return load_segment(*record);
}

std::shared_ptr<const Segment> Store::load_segment(const SegmentRecord& record) const {
  return impl_->registry.load_segment(record);
}

void Store::Impl::write_profiles(std::span<const ProfileDraft> drafts, OnExisting on_existing,
                                 const std::function<void()>& finish) {
  registry.require(Role::kEnrol);
  std::vector<Digest> masks;
  try {
    registry.put_own_segment_objects(drafts);
    registry.write([&] {
      masks = masks_before(drafts);
      registry.put_profiles(drafts, on_existing);
      if (!drafts.empty()) {
        static_cast<void>(
            registry.note(AuditKind::kEnrolled, static_cast<std::int64_t>(drafts.size())));
      }
      if (finish) finish();
    });
    registry.settle();
  } catch (...) {
    registry.drop_own_segment_objects(drafts);
    throw;
  }
  finish_write(masks);
}

ProfileRecord Store::put_profile(const ProfileDraft& draft, OnExisting on_existing) {
  ProfileRecord record;
  impl_->write_profiles(std::span(&draft, 1), on_existing,
                        [&] { record = *impl_->registry.find_profile(draft.name); });
  return record;
}

void Store::put_profiles(std::span<const ProfileDraft> drafts, OnExisting on_existing) {
  impl_->write_profiles(drafts, on_existing);
}

std::optional<ProfileRecord> Store::find_profile(std::string_view name) const {
  return impl_->registry.find_profile(name);
}

std::vector<ProfileRecord> Store::profiles(std::string_view after, std::int64_t limit) const {
  return impl_->registry.profiles(after, limit);
}

std::vector<ProfileRecord> Store::profiles_by_number(ProfileId after, std::int64_t limit) const {
  return impl_->registry.profiles_by_number(after, limit);
}

void Store::visit_profiles(PoolId pool,
                           const std::function<bool(std::span<const ProfileRecord>)>& visit) const {
  // Not run again after a loss: `visit` has seen rows.
  const profiles::sql::Transaction snapshot(impl_->registry.database(),
                                            profiles::sql::TransactionKind::kRead);
  impl_->registry.visit_profiles(pool, visit);
}

std::vector<std::string> Store::profile_names(std::span<const ProfileId> ids) const {
  return impl_->registry.profile_names(ids);
}

PoolUsers Store::pool_users(PoolId pool, std::optional<std::int64_t> adapter,
                            std::string_view after, std::int64_t limit) const {
  PoolUsers users;
  impl_->registry.read([&] {
    const std::optional<PoolRecord> record = impl_->registry.find_pool(pool);
    PEMA_CHECK(record.has_value(), kNotFound, folder(), ": there is no pool ", pool.value,
               "; list them with `pema pool ls`");
    PEMA_CHECK(!adapter || (*adapter >= 0 && *adapter < record->info.adapters), kInvalidArgument,
               "pool '", record->name, "' has the adapters 0 to ", record->info.adapters - 1,
               ", not ", adapter.value_or(0));
    users = adapter ? impl_->registry.adapter_users(pool, *adapter, after, limit)
                    : impl_->registry.pool_users(pool, after, limit);
  });
  return users;
}

std::int64_t Store::profile_count() const { return impl_->registry.profile_count(); }

bool Store::remove_profile(std::string_view name) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  std::vector<Digest> mask;
  bool removed = false;
  registry.write([&] {
    mask = impl_->mask_of(name);
    removed = registry.remove_profile(name);
    if (removed) static_cast<void>(registry.note(AuditKind::kRemoved, 1));
  });
  if (!removed) return false;
  impl_->finish_erasure(mask);
  // The log may still hold the removed row; a reader elsewhere can keep it there a while longer.
  static_cast<void>(registry.empty_log());
  return true;
}

void Store::encrypt() {
  impl_->registry.require(Role::kAdmin);
  impl_->registry.encrypt(impl_->key);
}

bool Store::encrypted() const noexcept { return impl_->registry.encrypted(); }

std::shared_ptr<const MasterKey> Store::master_key() const noexcept { return impl_->key; }

std::int64_t Store::rotate_master_key(std::shared_ptr<const MasterKey> fresh) {
  impl_->registry.require(Role::kAdmin);
  return impl_->registry.rotate(fresh);
}

std::vector<AuditEvent> Store::audit(std::int64_t after, std::int64_t limit) const {
  return profiles::read_events(impl_->registry.database(), after, limit);
}

AuditReport Store::verify_audit(const AuditHead& noted) const {
  return profiles::verify_events(impl_->registry.database(), noted);
}

std::string Store::object_path(const Digest& digest) const {
  return impl_->registry.objects().path(digest);
}

std::int64_t Store::registry_bytes() { return impl_->registry.bytes(); }

}  // namespace pema
