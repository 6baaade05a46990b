// Lists of shared segments: reading, appending, merging.
#include <algorithm>
#include <utility>

#include "pema/error.h"
#include "pema/segment_list.h"
#include "profiles/list_change.h"
#include "profiles/new_objects.h"
#include "profiles/store_impl.h"

namespace pema {
namespace {

using profiles::ContentChange;
using profiles::NewObjects;
using profiles::Registry;
using profiles::SegmentList;

/// The first neighbours that may become one; fewer than two: there are none.
std::span<const SegmentRecord> neighbours(const SegmentList& list, std::int64_t most) {
  for (std::size_t begin = 0; begin < list.size(); ++begin) {
    std::int64_t bytes = 0;
    std::size_t end = begin;
    while (end < list.size() && list[end].bytes <= most - bytes) bytes += list[end++].bytes;
    if (end - begin > 1) return std::span(list).subspan(begin, end - begin);
  }
  return {};
}

std::vector<ContentChange> merged(Registry& registry, std::span<const SegmentRecord> group) {
  std::vector<SegmentPiece> pieces;
  std::vector<ContentChange> changes;
  for (const SegmentRecord& content : group) {
    pieces.push_back({registry.load_segment(content)});
    changes.push_back({content, nullptr, 0});
  }
  changes[0].next = join_segments(pieces);
  return changes;
}

}  // namespace

SegmentRecord Store::append_segment(SegmentId id, const Segment& segment) {
  constexpr std::string_view kDone = "appended to";
  Registry& registry = impl_->registry;
  registry.require(Role::kEnrol);
  const SegmentList list = profiles::read_list(registry, id, kDone);
  check_same_kind(list[0].info, segment.info(), "segment '" + list[0].name + "'");
  if (profiles::holds(list, segment.digest())) return list[0];
  NewObjects objects(registry);
  objects.add(segment);
  objects.announce();
  SegmentRecord record;
  registry.write([&] {
    if (!profiles::holds(registry.require_list(id, kDone), segment.digest())) {
      registry.append_part(id, segment);
      objects.adopt();
    }
    record = *registry.find_segment(id);
  });
  objects.settle();
  impl_->finish_write();
  return record;
}

std::vector<SegmentRecord> Store::segment_list(SegmentId id) const {
  std::vector<SegmentRecord> list;
  impl_->registry.read([&] { list = impl_->registry.segment_list(id); });
  return list;
}

std::vector<std::shared_ptr<const Segment>> Store::load_list(SegmentId id) const {
  for (;;) {
    const SegmentList list = segment_list(id);
    PEMA_CHECK(!list.empty(), kNotFound, folder(), ": there is no segment ", id.value,
               "; list them with `pema memory ls`");
    try {
      std::vector<std::shared_ptr<const Segment>> segments;
      for (const SegmentRecord& content : list) segments.push_back(load_segment(content));
      return segments;
    } catch (const Error& error) {
      const std::optional<SegmentRecord> now = find_segment(id);
      const bool changed = now && now->version != list[0].version;
      if (error.code() != ErrorCode::kNotFound || !changed) throw;
    }
  }
}

MergedSegment Store::merge_segment(SegmentId id, const MergeOptions& options) {
  constexpr std::string_view kDone = "merged";
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  PEMA_CHECK(options.contents >= 1 && options.bytes >= 1, kInvalidArgument,
             "a list cannot be merged to ", options.contents, " contents of ", options.bytes,
             " bytes; use 1 and more");
  MergedSegment result;
  SegmentList list = profiles::read_list(registry, id, kDone);
  result.record = list[0];
  if (std::ssize(list) <= options.contents) return result;
  const std::int64_t entries = list[0].list_entries;
  std::int64_t done = 0;
  for (;;) {
    checkpoint(options.progress, "merging", done, entries, "entries");
    std::vector<ContentChange> changes;
    profiles::attempt_often(registry, id, kDone, [&] {
      list = profiles::read_list(registry, id, kDone);
      changes.clear();
      const auto group = neighbours(list, options.bytes);
      if (group.size() < 2) return true;
      changes = merged(registry, group);
      return profiles::change_list(registry, id, changes, kDone, result.record);
    });
    if (changes.empty()) break;
    result.merged += std::ssize(changes);
    result.bytes += std::ssize(changes[0].next->bytes());
    done += changes[0].next->info().entries;
    changes[0].next.reset();
    impl_->finish_write();
    result.pending = result.pending || profiles::any_left(registry, changes);
  }
  if (options.progress != nullptr) {
    options.progress->report("merging", entries, entries, "entries");
  }
  return result;
}

}  // namespace pema
