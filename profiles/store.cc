#include "pema/store.h"

#include <sys/stat.h>

#include <utility>

#include "pema/error.h"
#include "profiles/sqlite/transaction.h"
#include "profiles/store_impl.h"

namespace pema {

using profiles::Registry;
using profiles::sqlite::Transaction;
using profiles::sqlite::TransactionKind;

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

Store Store::open(const std::string& folder, OpenMode mode, const StoreOptions& options) {
  return Store(std::make_unique<Impl>(folder, mode, options));
}

const std::string& Store::folder() const noexcept { return impl_->registry.folder(); }

ModelRecord Store::put_model(const ModelInfo& info, const std::string& path) {
  impl_->registry.require(Role::kAdmin);
  Transaction transaction(impl_->registry.database());
  ModelRecord record = impl_->registry.put_model(info, path);
  transaction.commit();
  return record;
}

std::vector<ModelRecord> Store::models() const { return impl_->registry.models(); }

PoolRecord Store::put_pool(const std::string& name, const Pool& pool) {
  Registry& registry = impl_->registry;
  static_cast<void>(registry.require_model(pool.info().model, "pool '" + name + "'"));
  registry.require(Role::kAdmin);
  registry.put_pool_objects(pool);
  Transaction transaction(registry.database());
  PoolRecord record = registry.put_pool(name, pool);
  static_cast<void>(registry.note(AuditKind::kPool, 1));
  transaction.commit();
  return record;
}

std::vector<PoolRecord> Store::pools() const {
  Transaction snapshot(impl_->registry.database(), TransactionKind::kRead);
  return impl_->registry.pools();
}

std::optional<PoolRecord> Store::find_pool(std::string_view name, std::int64_t version) const {
  PEMA_CHECK(version >= 0, kInvalidArgument, "pool versions count from 1, ", version, " is none");
  Transaction snapshot(impl_->registry.database(), TransactionKind::kRead);
  return impl_->registry.find_pool(name, version);
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
  Transaction transaction(registry.database());
  CodebookRecord record = registry.put_codebook(codebook, name);
  transaction.commit();
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
  Transaction transaction(registry.database());
  const bool removed = registry.remove_codebook(name);
  transaction.commit();
  if (removed) impl_->finish_erasure();
  return removed;
}

SegmentRecord Store::put_segment(const Segment& segment, SegmentKind kind,
                                 const std::string& name) {
  Registry& registry = impl_->registry;
  static_cast<void>(registry.require_model(segment.info().model, "the segment"));
  registry.require(Role::kEnrol);
  registry.put_segment_object(segment, kind);
  Transaction transaction(registry.database());
  SegmentRecord record = registry.put_segment(segment, kind, name);
  transaction.commit();
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
    Transaction transaction(registry.database());
    masks = masks_before(drafts);
    registry.put_profiles(drafts, on_existing);
    if (!drafts.empty()) {
      static_cast<void>(
          registry.note(AuditKind::kEnrolled, static_cast<std::int64_t>(drafts.size())));
    }
    if (finish) finish();
    transaction.commit();
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
  Transaction snapshot(impl_->registry.database(), TransactionKind::kRead);
  impl_->registry.visit_profiles(pool, visit);
}

std::vector<std::string> Store::profile_names(std::span<const ProfileId> ids) const {
  return impl_->registry.profile_names(ids);
}

PoolUsers Store::pool_users(PoolId pool, std::optional<std::int64_t> adapter,
                            std::string_view after, std::int64_t limit) const {
  Transaction snapshot(impl_->registry.database(), TransactionKind::kRead);
  const std::optional<PoolRecord> record = impl_->registry.find_pool(pool);
  PEMA_CHECK(record.has_value(), kNotFound, folder(), ": there is no pool ", pool.value,
             "; list them with `pema pool ls`");
  if (!adapter) return impl_->registry.pool_users(pool, after, limit);
  PEMA_CHECK(*adapter >= 0 && *adapter < record->info.adapters, kInvalidArgument, "pool '",
             record->name, "' has the adapters 0 to ", record->info.adapters - 1, ", not ",
             *adapter);
  return impl_->registry.adapter_users(pool, *adapter, after, limit);
}

std::int64_t Store::profile_count() const { return impl_->registry.profile_count(); }

bool Store::remove_profile(std::string_view name) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  Transaction transaction(registry.database());
  const std::vector<Digest> mask = impl_->mask_of(name);
  const bool removed = registry.remove_profile(name);
  if (removed) static_cast<void>(registry.note(AuditKind::kRemoved, 1));
  transaction.commit();
  if (!removed) return false;
  impl_->finish_erasure(mask);
  // The log may still hold the removed row; a reader elsewhere can keep it there a while longer.
  static_cast<void>(registry.database().checkpoint());
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

std::int64_t Store::registry_bytes() {
  profiles::sqlite::Database& database = impl_->registry.database();
  if (!database.read_only()) static_cast<void>(database.checkpoint());
  struct stat info {};
  PEMA_CHECK(::stat(database.path().c_str(), &info) == 0, kIo, database.path(),
             ": cannot be examined");
  return info.st_size;
}

}  // namespace pema
