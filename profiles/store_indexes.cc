// Index files: built outside of any transaction, then taken over in one.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "pema/error.h"
#include "pema/recall_index.h"
#include "pema/store.h"
#include "profiles/name.h"
#include "profiles/staging_folder.h"
#include "profiles/store_impl.h"

namespace pema {
namespace {

using profiles::Registry;

/// Why the index must be built; empty where the one that is there will do.
std::string reason_to_build(Registry& registry, const RecallIndexRecord& found,
                            const RecallIndexDraft& draft, const RecallIndexOptions& options,
                            const std::optional<RecallIndexCodes>& codes,
                            std::span<const Digest> segments) {
  const std::string name = "index '" + found.name + "'";
  const std::vector<Digest> held = registry.index_segments(found.id);
  if (!std::equal(held.begin(), held.end(), segments.begin(), segments.end())) {
    return message(name, " was made for ", held.size(), " segments, of those that are meant now ",
                   std::count_if(segments.begin(), segments.end(),
                                 [&](const Digest& digest) {
                                   return !std::binary_search(held.begin(), held.end(), digest);
                                 }),
                   " are not in it; it was built again");
  }
  if (found.scope != draft.scope || found.pool != draft.pool ||
      found.wanted_recall != draft.wanted_recall ||
      (options.lists != 0 && found.lists != std::min(options.lists, found.entries)) ||
      (codes && !codes_suit(*codes, found.hidden, found.entries, options))) {
    return name + " was made with other options; it was built again";
  }
  const std::string problem = registry.objects().problem(found.digest);
  return problem.empty() ? problem : problem + " (the index was built again)";
}

void check_draft(const RecallIndexDraft& draft) {
  profiles::check_name(draft.name, "index's name");
  PEMA_CHECK(draft.wanted_recall > 0 && draft.wanted_recall <= 1, kInvalidArgument, "index '",
             draft.name, "': a wanted recall of ", draft.wanted_recall,
             " makes no sense; use one in (0, 1]");
  PEMA_CHECK((draft.scope == IndexScope::kPool) == !draft.pool.empty() &&
                 (draft.scope == IndexScope::kSegments || draft.segments.empty()),
             kInvalidArgument, "index '", draft.name,
             "' is over named segments, over a pool's people or over everybody; choose one");
}

/// An index file is not encrypted, and holds what searching its segments needs of them.
void check_plain(std::span<const SegmentRecord> segments, std::string_view name) {
  for (const SegmentRecord& segment : segments) {
    PEMA_CHECK(segment.data_key == 0, kUnsupported, "index '", name, "' would hold segment ",
               segment.id.value,
               ", a person's own in an encrypted store, in a file that is not encrypted; index "
               "shared segments alone and name them (own ones are searched without)");
  }
}

/// Moves the file in and stores its row. A crash on the way leaves it doomed.
RecallIndexRecord take_over(Registry& registry, const std::string& path,
                            const RecallIndexRecord& made, std::span<const Digest> segments) {
  registry.write([&] { registry.doom(made.digest); });
  RecallIndexRecord record;
  bool moved = false;
  registry.write([&] {
    // Under the write lock nobody sweeps; between two attempts somebody may have.
    record = registry.put_index(made, segments);
    PEMA_CHECK(!moved || registry.objects().contains(made.digest), kIo, path,
               ": the index was swept away while its row was written again; build it again");
    if (!moved) profiles::adopt_file(registry.objects(), made.digest, path);
    moved = true;
  });
  return record;
}

}  // namespace

BuiltRecallIndex Store::build_index(const RecallIndexDraft& draft,
                                    const RecallIndexOptions& options) {
  Registry& registry = impl_->registry;
  check_draft(draft);
  registry.require(Role::kAdmin);
  std::vector<SegmentRecord> records;
  BuiltRecallIndex result;
  registry.read([&] { records = registry.segments_to_index(draft); });
  PEMA_CHECK(!records.empty(), kInvalidArgument, "index '", draft.name,
             "' would hold nothing: there are no segments that can be indexed "
             "(product-quantised ones are searched without)");
  check_plain(records, draft.name);
  std::vector<Digest> digests;
  digests.reserve(records.size());
  for (const SegmentRecord& record : records) digests.push_back(record.digest);
  result.built = message("there was no index '", draft.name, "'; it was built");
  RecallIndexOptions wanted = options;
  if (const auto found = registry.find_index(draft.name)) {
    const auto codes = codes_in_file(object_path(found->digest));
    result.built = reason_to_build(registry, *found, draft, options, codes, digests);
    if (codes && options.codes == IndexCodes::kAuto && options.memory_budget == 0) {
      wanted.codes = codes->codes;
      if (codes->codes == IndexCodes::kProduct) wanted.bytes_per_key = codes->bytes_per_key;
    }
    result.record = *found;
    if (result.built.empty()) return result;
  }
  std::vector<std::shared_ptr<const Segment>> segments;
  segments.reserve(records.size());
  for (const SegmentRecord& record : records) segments.push_back(registry.load_segment(record));
  const profiles::StagingFolder staging(registry.folder());
  const std::string path = staging.file("index");
  const RecallIndexInfo info = describe(*open_recall_index(path, segments, wanted).index);
  RecallIndexRecord made;
  made.name = draft.name;
  made.digest = sha256_file(path);
  made.model = records[0].info.model;
  made.scope = draft.scope;
  made.pool = draft.pool;
  made.wanted_recall = draft.wanted_recall;
  made.hidden = info.hidden;
  made.entries = info.entries;
  made.lists = info.lists;
  made.segments = std::ssize(info.segments);
  made.bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
  made.memory_bytes = info.bytes;
  result.record = take_over(registry, path, made, digests);
  impl_->finish_erasure();
  return result;
}

std::vector<RecallIndexRecord> Store::indexes() const { return impl_->registry.indexes(); }

std::optional<RecallIndexRecord> Store::find_index(std::string_view name) const {
  return impl_->registry.find_index(name);
}

std::vector<Digest> Store::index_segments(RecallIndexId id) const {
  return impl_->registry.index_segments(id);
}

std::vector<SegmentRecord> Store::segments_to_index(const RecallIndexDraft& draft) const {
  std::vector<SegmentRecord> records;
  impl_->registry.read([&] { records = impl_->registry.segments_to_index(draft); });
  return records;
}

RecallIndexDraft Store::draft_of(const RecallIndexRecord& index) const {
  return impl_->registry.draft_of(index);
}

std::vector<IndexCover> Store::covering_indexes(std::span<const Digest> segments) const {
  return impl_->registry.covering_indexes(segments);
}

std::shared_ptr<const RecallIndex> Store::load_index(const RecallIndexRecord& record) const {
  const std::string path = object_path(record.digest);
  std::shared_ptr<const RecallIndex> index = read_recall_index(path);
  const RecallIndexInfo info = describe(*index);
  PEMA_CHECK(info.hidden == record.hidden && info.entries == record.entries &&
                 info.lists == record.lists && std::ssize(info.segments) == record.segments,
             kCorrupt, path, ": is not the index '", record.name,
             "' that registry.db knows; build it again with `pema memory index build`");
  return index;
}

bool Store::remove_index(std::string_view name) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  bool removed = false;
  registry.write([&] { removed = registry.remove_index(name); });
  if (removed) impl_->finish_erasure();
  return removed;
}

bool Store::remove_segment(SegmentId id) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  bool removed = false;
  registry.write([&] { removed = registry.remove_segment(id); });
  if (!removed) return false;
  impl_->finish_erasure();
  static_cast<void>(registry.empty_log());
  return true;
}

}  // namespace pema
