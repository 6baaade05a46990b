#include <algorithm>
#include <iterator>
#include <span>
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
using profiles::NameUse;
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
      std::vector<SegmentRecord> list = registry.segment_list(id);
      if (list.empty()) damaged("segment");
      model = list[0].info.model;
      std::move(list.begin(), list.end(), std::back_inserter(rows.segments));
    }
  }
  if (!model.is_zero()) rows.model = registry.require_model(model, "the profile").info;
  return rows;
}

/// Segments with what was appended to them.
std::vector<std::span<const BundleSegment>> lists_of(const Bundle& bundle) {
  std::vector<std::span<const BundleSegment>> lists;
  const std::span<const BundleSegment> all = bundle.segments;
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin + 1;
    while (end < all.size() && all[end].appended) ++end;
    lists.push_back(all.subspan(begin, end - begin));
    begin = end;
  }
  return lists;
}

/// One of the two lists must begin with the other: what is missing here is appended.
SegmentId put_bundled_list(Registry& registry, std::span<const BundleSegment> list) {
  const BundleSegment& first = list[0];
  if (list.size() == 1) return registry.put_segment(*first.segment, first.kind, first.name).id;
  std::optional<SegmentRecord> head = registry.find_segment(first.name);
  if (!head) head = registry.put_segment(*first.segment, first.kind, first.name, NameUse::kOnlyIt);
  const std::vector<SegmentRecord> here = registry.segment_list(head->id);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i >= here.size()) {
      // Stored before; the write lock, under which nobody deletes, came later.
      if (!registry.objects().contains(list[i].segment->digest())) {
        registry.put_segment_object(*list[i].segment, list[i].kind);
      }
      registry.append_part(head->id, *list[i].segment);
      continue;
    }
    PEMA_CHECK(here[i].digest == list[i].segment->digest(), kAlreadyExists, "the segment name '",
               first.name,
               "' is taken by other content, or its contents were merged or forgotten since; "
               "export the profile without segments, or from a store that has the same");
  }
  return head->id;
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
    bundle.segments.push_back(
        {registry.load_segment(record), record.kind, record.name, record.position > 0});
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
    for (const std::span<const BundleSegment> list : lists_of(bundle)) {
      draft.segments.push_back(put_bundled_list(registry, list));
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
