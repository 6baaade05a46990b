/// A change of the contents of a shared segment's list: read it, make new objects without a lock,
/// look in the transaction whether the contents are still those, replace them.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "pema/store.h"
#include "profiles/registry.h"

namespace pema::profiles {

using SegmentList = std::vector<SegmentRecord>;

/// A content, what takes its place (null: nothing), and how many of its entries go.
struct ContentChange {
  SegmentRecord content;
  std::shared_ptr<const Segment> next;
  std::int64_t entries = 0;
};

/// A shared segment's list as it is in one state of the store. Throws as Registry::require_list.
[[nodiscard]] SegmentList read_list(Registry& registry, SegmentId id, std::string_view done);

[[nodiscard]] bool holds(const SegmentList& list, const Digest& digest);

/// Puts `changes` into the list, in one transaction, and reads its head into `record`; false, with
/// nothing done, when a content that was to change is not there any more. Throws as Store's writing
/// calls; nothing has happened then.
[[nodiscard]] bool change_list(Registry& registry, SegmentId id,
                               const std::vector<ContentChange>& changes, std::string_view done,
                               SegmentRecord& record);

/// Runs `attempt` until it is true, several times. What it does not find is an error unless the
/// list changed meanwhile. Throws kBusy, saying what was to be `done`.
void attempt_often(Registry& registry, SegmentId id, std::string_view done,
                   const std::function<bool()>& attempt);

/// Whether the file of an old content is still to be deleted.
[[nodiscard]] bool any_left(Registry& registry, const std::vector<ContentChange>& changes);

}  // namespace pema::profiles
