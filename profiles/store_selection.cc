// Many profiles go out as one file and come in from one.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "pema/audit.h"
#include "pema/error.h"
#include "pema/operating.h"
#include "profiles/imports.h"
#include "profiles/selection.h"
#include "profiles/store_impl.h"
#include "profiles/tenant_ledger.h"
#include "src/core/atomic_file.h"
#include "src/core/object_file.h"

namespace pema {
namespace {

using profiles::DeletionLock;
using profiles::ProfileBatch;
using profiles::Registry;
using profiles::SelectionContent;
using profiles::SelectionProfile;
using profiles::SelectionWriter;
using profiles::sql::Transaction;
using profiles::sql::TransactionKind;

/// Drafts of an import are written when they take so much.
constexpr std::int64_t kSliceBytes = std::int64_t{64} << 20;

/// Profiles on their way into a file; what they need goes before the first that needs it.
class Export {
 public:
  Export(Registry& registry, SelectionWriter& writer, bool with_segments)
      : registry_(registry), writer_(writer), with_segments_(with_segments) {}

  void add(const ProfileRecord& profile) {
    SelectionProfile out;
    out.name = profile.name;
    out.schedule = profile.schedule;
    out.mask = profile.mask;
    out.expires = profiles::read_expiry(registry_.database(), profile.id.value);
    if (profile.pool) out.pool = pool(profile.pool);
    if (with_segments_) {
      for (const SegmentId id : profile.segments) out.segments.push_back(segment(id));
      std::sort(out.segments.begin(), out.segments.end());
    }
    writer_.add_profile(out);
    ++profiles_;
  }

  [[nodiscard]] std::int64_t profiles() const noexcept { return profiles_; }

 private:
  [[noreturn]] void damaged(const char* what) {
    fail(ErrorCode::kCorrupt, registry_.folder(), "/registry.db: a profile names a ", what,
         " that is not there; restore registry.db from a backup");
  }

  std::int64_t model(const Digest& fingerprint) {
    const auto found = models_.find(fingerprint);
    if (found != models_.end()) return found->second;
    const ModelInfo info = registry_.require_model(fingerprint, "the selection").info;
    return models_.emplace(fingerprint, writer_.add_model(info)).first->second;
  }

  std::int64_t pool(PoolId id) {
    const auto found = pools_.find(id);
    if (found != pools_.end()) return found->second;
    const std::optional<PoolRecord> record = registry_.find_pool(id);
    if (!record) damaged("pool");
    const std::int64_t base = model(record->info.model);
    const auto loaded = registry_.load_pool(*record);
    return pools_.emplace(id, writer_.add_pool(base, record->name, *loaded)).first->second;
  }

  std::int64_t segment(SegmentId id) {
    const auto found = segments_.find(id);
    if (found != segments_.end()) return found->second;
    const std::optional<SegmentRecord> record = registry_.find_segment(id);
    if (!record) damaged("segment");
    PEMA_CHECK(
        record->contents == 1, kUnsupported, "segment '", record->name, "' has ", record->contents,
        " parts, and a selection holds segments of one; merge it first (`pema memory merge`)");
    static_cast<void>(model(record->info.model));
    const auto loaded = registry_.load_segment(*record);
    return segments_.emplace(id, writer_.add_segment(*loaded, record->kind, record->name))
        .first->second;
  }

  Registry& registry_;
  SelectionWriter& writer_;
  bool with_segments_;
  std::unordered_map<Digest, std::int64_t> models_;
  std::unordered_map<PoolId, std::int64_t> pools_;
  std::unordered_map<SegmentId, std::int64_t> segments_;
  std::int64_t profiles_ = 0;
};

void export_selected(Registry& registry, const ProfileSelection& selection, Export& out) {
  if (!selection.names.empty()) {
    std::vector<std::string> names = selection.names;
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const std::string& name : names) {
      const std::optional<ProfileRecord> profile = registry.find_profile(name);
      PEMA_CHECK(profile.has_value(), kNotFound, registry.folder(), ": there is no profile '", name,
                 "'; list them with `pema profile ls`");
      out.add(*profile);
    }
    return;
  }
  registry.visit_names(selection.prefix, [&](const ProfileRecord& profile) {
    if (!selection.pool || profile.pool == selection.pool) out.add(profile);
    return true;
  });
  PEMA_CHECK(out.profiles() > 0, kNotFound, registry.folder(),
             ": no profile is of this selection; list them with `pema profile ls`");
}

}  // namespace

SelectionSums Store::export_profiles(const ProfileSelection& selection,
                                     const std::string& path) const {
  Registry& registry = impl_->registry;
  PEMA_CHECK(selection.names.empty() || (selection.prefix.empty() && !selection.pool),
             kInvalidArgument, "a selection is of names, or of a prefix and a pool, not of both");
  core::AtomicFile file(path);
  SelectionWriter writer([&](std::span<const std::byte> bytes) { file.write(bytes); });
  SelectionSums sums;
  {
    // Files that the snapshot names stay until they are read.
    const DeletionLock lock(registry.objects().folder(), DeletionLock::Kind::kHold);
    const Transaction snapshot(registry.database(), TransactionKind::kRead);
    Export out(registry, writer, selection.with_segments);
    export_selected(registry, selection, out);
    sums.profiles = out.profiles();
  }
  sums.digest = writer.finish();
  file.commit();
  sums.objects = writer.objects();
  sums.bytes = writer.bytes();
  return sums;
}

namespace {

void put_objects(Registry& registry, const SelectionContent& content) {
  for (const auto& item : content.pools) registry.put_pool_objects(*item.pool);
  for (const auto& item : content.segments) {
    registry.put_segment_object(*content.load(item), item.kind);
  }
}

/// Takes away again what only the failed import wanted: it is made of people's texts.
void drop_objects(Registry& registry, const SelectionContent& content) noexcept {
  try {
    std::vector<Digest> objects = registry.take_sealed_objects();
    for (const auto& item : content.segments) {
      if (item.kind == SegmentKind::kOwn) objects.push_back(sha256(item.bytes));
    }
    registry.drop_unnamed(objects);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the first error is the one to
                                     // tell
  }
}

/// The numbers that a file's pools and segments have here.
struct Numbers {
  std::vector<PoolId> pools;
  std::vector<SegmentId> segments;
};

Numbers put_shared_rows(Registry& registry, const SelectionContent& content) {
  Numbers numbers;
  for (const auto& item : content.pools) {
    numbers.pools.push_back(profiles::put_pool_of_file(registry, item.name, *item.pool));
  }
  for (const auto& item : content.segments) {
    numbers.segments.push_back(registry.put_segment(*content.load(item), item.kind, item.name).id);
  }
  return numbers;
}

ProfileDraft to_draft(const SelectionProfile& profile, const Numbers& numbers) {
  ProfileDraft draft;
  draft.name = profile.name;
  draft.mask = profile.mask;
  draft.schedule = profile.schedule;
  if (profile.pool) draft.pool = numbers.pools[static_cast<std::size_t>(*profile.pool)];
  for (const std::int64_t number : profile.segments) {
    draft.segments.push_back(numbers.segments[static_cast<std::size_t>(number)]);
  }
  return draft;
}

/// Whichever date is earlier: nobody is kept longer because of a move.
void bring_date(Registry& registry, const std::string& name, std::int64_t expires) {
  const std::int64_t id = registry.find_profile(name)->id.value;
  const std::optional<std::int64_t> here = profiles::read_expiry(registry.database(), id);
  if (!here || expires < *here) profiles::write_expiry(registry.database(), id, expires);
}

}  // namespace

SelectionSums Store::import_profiles(const std::string& path, OnExisting on_existing) {
  Registry& registry = impl_->registry;
  registry.require(Role::kEnrol);
  const auto file = core::MappedFile::open(path);
  const SelectionContent content = profiles::check_selection(file->bytes(), path);
  for (const ModelInfo& model : content.models) {
    profiles::check_model_is_here(registry, model, path);
  }
  std::vector<Digest> masks;
  try {
    put_objects(registry, content);
    registry.write([&] {
      masks.clear();
      const std::unique_ptr<Transaction> new_keys = registry.begin_keys();
      const Numbers numbers = put_shared_rows(registry, content);
      ProfileBatch batch(registry);
      std::vector<std::pair<std::string, std::int64_t>> dated;
      const auto write = [&] {
        batch.write(on_existing);
        batch.clear();
        for (const auto& [name, expires] : dated) bring_date(registry, name, expires);
        dated.clear();
      };
      profiles::visit_selection(file->bytes(), path, [&](const SelectionProfile& profile) {
        const ProfileDraft draft = to_draft(profile, numbers);
        for (const Digest& mask : impl_->masks_before(std::span(&draft, 1))) masks.push_back(mask);
        batch.add(draft);
        if (profile.expires) dated.emplace_back(profile.name, *profile.expires);
        if (batch.bytes() >= kSliceBytes) write();
      });
      write();
      static_cast<void>(registry.note(AuditKind::kEnrolled, content.profiles));
      if (new_keys != nullptr) new_keys->commit();
    });
    static_cast<void>(registry.take_sealed_objects());
  } catch (...) {
    drop_objects(registry, content);
    throw;
  }
  impl_->finish_write(masks);
  return {.profiles = content.profiles,
          .objects = content.objects,
          .bytes = std::ssize(file->bytes()),
          .digest = content.digest};
}

}  // namespace pema
