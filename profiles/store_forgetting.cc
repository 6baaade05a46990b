// Entries that leave a shared segment.
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "pema/error.h"
#include "pema/segment_list.h"
#include "profiles/list_change.h"
#include "profiles/store_impl.h"

namespace pema {
namespace {

using profiles::ContentChange;
using profiles::Registry;
using profiles::SegmentList;

void check_draft(const SegmentList& list, const ForgetDraft& draft) {
  const SegmentRecord& head = list[0];
  PEMA_CHECK(!draft.entries.empty() || !draft.contents.empty() || !draft.like.empty(),
             kInvalidArgument, "nothing of segment '", head.name,
             "' was named that it should forget; name entries, contents or a text");
  PEMA_CHECK(!draft.version || *draft.version == head.version, kMismatch, "segment '", head.name,
             "' has version ", head.version, ", and its entries were counted in version ",
             draft.version.value_or(0), "; look at it again (`pema memory show`)");
  for (const EntryRange& range : draft.entries) {
    PEMA_CHECK(range.first >= 0 && range.first <= range.last && range.last < head.list_entries,
               kInvalidArgument, "segment '", head.name, "' has ", head.list_entries,
               " entries, counted from 0; ", range.first, " to ", range.last, " are not there");
  }
  for (const Digest& digest : draft.contents) {
    PEMA_CHECK(profiles::holds(list, digest), kNotFound, "segment '", head.name,
               "' has no content ", digest.short_hex(), "; `pema memory show` lists those it has");
  }
  for (const auto& like : draft.like) {
    PEMA_CHECK(like != nullptr, kInvalidArgument, "a segment of entries to forget is null");
    check_same_kind(head.info, like->info(), "segment '" + head.name + "'");
  }
}

bool is_named(const SegmentRecord& content, const ForgetDraft& draft) {
  return std::count(draft.contents.begin(), draft.contents.end(), content.digest) > 0;
}

/// Entries of one content that go; `before` are in the contents before it. `loaded` is there where
/// the draft asks for like ones.
std::set<std::int64_t> entries_to_forget(const SegmentRecord& content, std::int64_t before,
                                         const Segment* loaded, const ForgetDraft& draft) {
  std::set<std::int64_t> out;
  const std::int64_t end = content.info.entries;
  const auto add = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = std::max<std::int64_t>(first, 0); i <= std::min(last, end - 1); ++i) {
      out.insert(i);
    }
  };
  for (const EntryRange& range : draft.entries) add(range.first - before, range.last - before);
  if (is_named(content, draft)) add(0, end - 1);
  for (const auto& like : draft.like) {
    const std::vector<std::int64_t> equal = equal_entries(*loaded, *like);
    out.insert(equal.begin(), equal.end());
  }
  return out;
}

std::vector<ContentChange> forget(Registry& registry, const SegmentList& list,
                                  const ForgetDraft& draft) {
  std::vector<ContentChange> changes;
  std::int64_t before = 0;
  for (const SegmentRecord& content : list) {
    std::shared_ptr<const Segment> loaded;
    if (!draft.like.empty()) loaded = registry.load_segment(content);
    const auto out = entries_to_forget(content, before, loaded.get(), draft);
    before += content.info.entries;
    const bool appended = content.position > 0;
    if (out.empty() && !(appended && is_named(content, draft))) continue;
    ContentChange change{content, nullptr, std::ssize(out)};
    // What was appended goes altogether; the first content is what profiles name, and stays, empty.
    if (!appended || change.entries < content.info.entries) {
      if (loaded == nullptr) loaded = registry.load_segment(content);
      const SegmentPiece piece{std::move(loaded), {out.begin(), out.end()}};
      change.next = join_segments({&piece, 1});
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace

ForgottenEntries Store::forget_entries(SegmentId id, const ForgetDraft& draft) {
  constexpr std::string_view kDone = "made to forget entries";
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  ForgottenEntries result;
  std::vector<ContentChange> changes;
  std::optional<std::int64_t> version;
  profiles::attempt_often(registry, id, kDone, [&] {
    const SegmentList list = profiles::read_list(registry, id, kDone);
    check_draft(list, draft);
    PEMA_CHECK(draft.entries.empty() || !version || *version == list[0].version, kBusy, "segment '",
               list[0].name,
               "' was changed by somebody else, and its entries may have other numbers now; look "
               "at it again");
    version = list[0].version;
    result.record = list[0];
    changes = forget(registry, list, draft);
    return changes.empty() || profiles::change_list(registry, id, changes, kDone, result.record);
  });
  if (changes.empty()) return result;
  std::set<std::string> others;
  for (ContentChange& change : changes) {
    result.entries += change.entries;
    if (change.next != nullptr) result.bytes += std::ssize(change.next->bytes());
    change.next.reset();
    for (const SegmentRecord& other : registry.segments_with(change.content.digest)) {
      others.insert(other.name);
    }
  }
  result.also_in.assign(others.begin(), others.end());
  impl_->finish_erasure();
  result.pending = profiles::any_left(registry, changes);
  static_cast<void>(registry.empty_log());
  return result;
}

}  // namespace pema
