#include "profiles/list_change.h"

#include <algorithm>

#include "pema/error.h"
#include "profiles/new_objects.h"

namespace pema::profiles {
namespace {

constexpr int kAttempts = 16;

std::int64_t version_of(Registry& registry, SegmentId id) {
  const std::optional<SegmentRecord> head = registry.find_segment(id);
  return head ? head->version : 0;
}

}  // namespace

SegmentList read_list(Registry& registry, SegmentId id, std::string_view done) {
  SegmentList list;
  registry.read([&] { list = registry.require_list(id, done); });
  return list;
}

bool holds(const SegmentList& list, const Digest& digest) {
  return std::any_of(list.begin(), list.end(),
                     [&](const SegmentRecord& content) { return content.digest == digest; });
}

bool change_list(Registry& registry, SegmentId id, const std::vector<ContentChange>& changes,
                 std::string_view done, SegmentRecord& record) {
  NewObjects objects(registry);
  for (const ContentChange& change : changes) {
    if (change.next != nullptr) objects.add(*change.next);
  }
  objects.announce();
  bool changed = false;
  registry.write([&] {
    const SegmentList now = registry.require_list(id, done);
    changed = std::all_of(changes.begin(), changes.end(), [&](const ContentChange& change) {
      return std::any_of(now.begin(), now.end(), [&](const SegmentRecord& content) {
        return content.position == change.content.position &&
               content.digest == change.content.digest;
      });
    });
    if (!changed) return;
    for (const ContentChange& change : changes) {
      registry.replace_content(change.content, change.next.get());
    }
    registry.bump_version(id);
    objects.adopt();
    record = *registry.find_segment(id);
  });
  if (changed) objects.settle();
  return changed;
}

void attempt_often(Registry& registry, SegmentId id, std::string_view done,
                   const std::function<bool()>& attempt) {
  for (int i = 0; i < kAttempts; ++i) {
    const std::int64_t version = version_of(registry, id);
    try {
      if (attempt()) return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound || version_of(registry, id) == version) throw;
    }
  }
  fail(ErrorCode::kBusy, "segment ", id.value, " was changed by others each time it was to be ",
       done, "; try again");
}

bool any_left(Registry& registry, const std::vector<ContentChange>& changes) {
  return std::any_of(changes.begin(), changes.end(), [&](const ContentChange& change) {
    return registry.objects().contains(change.content.digest) &&
           !registry.names_object(change.content.digest);
  });
}

}  // namespace pema::profiles
