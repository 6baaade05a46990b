/// A shared segment that grows: its name stands for a list of contents. What is forgotten and
/// merged (docs/decisions/0013-growing-memories.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pema/memory.h"
#include "pema/progress.h"
#include "pema/segment_edit.h"
#include "pema/store.h"

namespace pema {

/// Entries [first, last] of a list, counted from 0 through all of its contents in their order.
struct EntryRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

/// Which entries of a shared segment Store::forget_entries takes out: those that any of the three
/// names.
struct ForgetDraft {
  std::vector<EntryRange> entries = {};
  /// Contents of the list, whole: digests as Store::segment_list shows them.
  std::vector<Digest> contents = {};
  /// Every entry whose key, as it is stored, and token are those of an entry in here. For a text:
  /// the segment that the text makes, with keys of the list's type.
  std::vector<std::shared_ptr<const Segment>> like = {};
  /// The version in which `entries` were counted; nothing: the present one.
  std::optional<std::int64_t> version = {};
};

struct ForgottenEntries {
  SegmentRecord record;      ///< as it is now
  std::int64_t entries = 0;  ///< taken out
  std::int64_t bytes = 0;    ///< written anew
  /// Names of other shared segments that have one of the rewritten contents as it was, so that its
  /// file stays: forget the entries there as well. An empty name is a person's own segment.
  std::vector<std::string> also_in;
  /// A backup is being written, and old files stay until the next writing call or opening for
  /// writing after it.
  bool pending = false;
};

struct MergeOptions {
  /// A list of at most so many contents is left alone.
  std::int64_t contents = 1;
  /// No content of more bytes is made, and none of more is touched: neighbours become one up to it.
  /// The call takes about twice as much memory.
  std::int64_t bytes = std::int64_t{512} << 20;
  Progress* progress = nullptr;  ///< unit: entries
};

struct MergedSegment {
  SegmentRecord record;     ///< as it is now
  std::int64_t merged = 0;  ///< contents that became others
  std::int64_t bytes = 0;   ///< written
  bool pending = false;     ///< as ForgottenEntries::pending
};

}  // namespace pema
