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
  if (removed) registry.sweep_doomed();
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

namespace {

/// Writes drafts in one transaction, their own segments' objects before it. When it fails, objects
/// that only a failed draft wanted are taken away again: they are made of a person's text. The
/// record of the last draft.
ProfileRecord write_profiles(Registry& registry, std::span<const ProfileDraft> drafts,
                             OnExisting on_existing) {
  registry.require(Role::kEnrol);
  std::vector<Digest> objects;
  ProfileRecord last;
  try {
    for (const ProfileDraft& draft : drafts) {
      for (const auto& segment : draft.own_segments) {
        PEMA_CHECK(segment != nullptr, kInvalidArgument, "an own segment of profile '", draft.name,
                   "' is null");
        objects.push_back(segment->digest());
        if (segment->codebook() != nullptr) objects.push_back(segment->codebook()->digest());
        registry.put_segment_object(*segment, SegmentKind::kOwn);
      }
    }
    Transaction transaction(registry.database());
    registry.put_profiles(drafts, on_existing);
    if (!drafts.empty()) {
      static_cast<void>(
          registry.note(AuditKind::kEnrolled, static_cast<std::int64_t>(drafts.size())));
    }
    if (!drafts.empty()) last = *registry.find_profile(drafts.back().name);
    transaction.commit();
    static_cast<void>(registry.take_sealed_objects());
  } catch (...) {
    try {
      for (const Digest& digest : registry.take_sealed_objects()) objects.push_back(digest);
      registry.drop_unnamed(objects);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the first error is the one to tell
    }
    throw;
  }
  registry.tidy();
  return last;
}

}  // namespace

ProfileRecord Store::put_profile(const ProfileDraft& draft, OnExisting on_existing) {
  return write_profiles(impl_->registry, std::span(&draft, 1), on_existing);
}

void Store::put_profiles(std::span<const ProfileDraft> drafts, OnExisting on_existing) {
  static_cast<void>(write_profiles(impl_->registry, drafts, on_existing));
}

std::optional<ProfileRecord> Store::find_profile(std::string_view name) const {
  return impl_->registry.find_profile(name);
}

std::vector<ProfileRecord> Store::profiles(std::string_view after, std::int64_t limit) const {
  return impl_->registry.profiles(after, limit);
}

std::int64_t Store::profile_count() const {
  return impl_->registry.database().integer("SELECT count(*) FROM profile");
}

bool Store::remove_profile(std::string_view name) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  Transaction transaction(registry.database());
  const bool removed = registry.remove_profile(name);
  if (removed) static_cast<void>(registry.note(AuditKind::kRemoved, 1));
  transaction.commit();
  if (!removed) return false;
  registry.sweep_doomed();
  // The log may still hold the removed row; a reader elsewhere can keep it there a while longer.
  static_cast<void>(registry.database().checkpoint());
  return true;
}

void Store::encrypt() {
  impl_->registry.require(Role::kAdmin);
  impl_->registry.encrypt(impl_->key);
}

bool Store::encrypted() const noexcept { return impl_->registry.encrypted(); }

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
