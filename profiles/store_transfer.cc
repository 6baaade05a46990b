#include <algorithm>
#include <utility>

#include "pema/error.h"
#include "pema/store.h"
#include "profiles/bundle.h"
#include "profiles/imports.h"
#include "profiles/name.h"
#include "profiles/store_impl.h"
#include "src/core/atomic_file.h"
#include "src/core/object_file.h"

namespace pema {
namespace {

using profiles::Bundle;
using profiles::BundleSegment;
using profiles::Registry;

/// The rows of one profile, from one state of the database.
struct Rows {
  ProfileRecord profile;
  std::optional<PoolRecord> pool;
  std::vector<SegmentRecord> segments;
  ModelInfo model;
};

Rows read_rows(Registry& registry, std::string_view name, bool with_segments) {
  Rows rows;
  std::optional<ProfileRecord> profile = registry.find_profile(name);
  PEMA_CHECK(profile.has_value(), kNotFound, registry.folder(), ": there is no profile '", name,
             "'; list them with `pema show`");
  rows.profile = std::move(*profile);
  Digest model;
  const auto damaged = [&](const char* what) {
    fail(ErrorCode::kCorrupt, registry.folder(), "/registry.db: profile '", name, "' names a ",
         what, " that is not there; restore registry.db from a backup");
  };
  if (rows.profile.pool) {
    rows.pool = registry.find_pool(rows.profile.pool);
    if (!rows.pool) damaged("pool");
    model = rows.pool->info.model;
  }
  if (with_segments) {
    for (const SegmentId id : rows.profile.segments) {
      std::optional<SegmentRecord> segment = registry.find_segment(id);
      if (!segment) damaged("segment");
      model = segment->info.model;
      rows.segments.push_back(std::move(*segment));
    }
  }
  if (!model.is_zero()) rows.model = registry.require_model(model, "the profile").info;
  return rows;
}

}  // namespace

void Store::export_profile(std::string_view name, const std::string& path,
                           bool with_segments) const {
  Registry& registry = impl_->registry;
  Rows rows;
  registry.read([&] { rows = read_rows(registry, name, with_segments); });
  Bundle bundle;
  bundle.model = rows.model;
  bundle.profile = rows.profile.name;
  bundle.mask = rows.profile.mask;
  bundle.schedule = rows.profile.schedule;
  if (rows.pool) {
    bundle.pool_name = rows.pool->name;
    bundle.pool = registry.load_pool(*rows.pool);
  }
  for (const SegmentRecord& record : rows.segments) {
    bundle.segments.push_back({registry.load_segment(record), record.kind, record.name});
  }
  core::write_file_atomically(path, profiles::encode_bundle(bundle));
}

ProfileRecord Store::import_profile(const std::string& path, const std::string& rename,
                                    OnExisting on_existing) {
  Registry& registry = impl_->registry;
  registry.require(Role::kEnrol);
  if (!rename.empty()) profiles::check_name(rename, "profile name");
  const auto file = core::MappedFile::open(path);
  const Bundle bundle = profiles::decode_bundle(file->bytes(), path);
  if (!bundle.model.fingerprint.is_zero())
    profiles::check_model_is_here(registry, bundle.model, path);

  ProfileDraft draft;
  draft.name = rename.empty() ? bundle.profile : rename;
  draft.mask = bundle.mask;
  draft.schedule = bundle.schedule;
  PEMA_CHECK(on_existing == OnExisting::kReplace || !registry.find_profile(draft.name),
             kAlreadyExists, "the profile '", draft.name,
             "' exists; import under another name or replace it");
  if (bundle.pool != nullptr) registry.put_pool_objects(*bundle.pool);
  for (const BundleSegment& item : bundle.segments)
    registry.put_segment_object(*item.segment, item.kind);

  std::vector<Digest> masks;
  ProfileRecord record;
  registry.write([&] {
    draft.segments.clear();
    if (bundle.pool != nullptr) {
      draft.pool = profiles::put_pool_of_file(registry, bundle.pool_name, *bundle.pool);
    }
    for (const BundleSegment& item : bundle.segments) {
      draft.segments.push_back(registry.put_segment(*item.segment, item.kind, item.name).id);
    }
    masks = impl_->masks_before(std::span(&draft, 1));
    registry.put_profiles(std::span(&draft, 1), on_existing);
    static_cast<void>(registry.note(AuditKind::kEnrolled, 1));
    record = *registry.find_profile(draft.name);
  });
  registry.settle();
  impl_->finish_write(masks);
  return record;
}

}  // namespace pema
