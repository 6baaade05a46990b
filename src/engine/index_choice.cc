#include "src/engine/index_choice.h"

#include <algorithm>
#include <array>

#include "pema/error.h"
#include "src/memory/index_search.h"

namespace pema::engine {
namespace {

/// Keys that an index holds of own and of shared segments, which are searched apart.
std::array<std::int64_t, 2> held_keys(std::span<const SegmentRecord> segments,
                                      const IndexCover& cover) {
  std::array<std::int64_t, 2> keys{};
  for (const std::size_t place : cover.held) {
    keys[segments[place].kind == SegmentKind::kOwn ? 0 : 1] += segments[place].info.entries;
  }
  return keys;
}

}  // namespace

std::optional<RecallIndexRecord> choose_index(const Store& store,
                                              std::span<const SegmentRecord> segments,
                                              const IndexChoice& choice) {
  if (choice.use == IndexChoice::Use::kOff) return std::nullopt;
  const bool named = choice.use == IndexChoice::Use::kNamed;
  if (named) {
    PEMA_CHECK(store.find_index(choice.name).has_value(), kNotFound, "there is no index '",
               choice.name, "' in ", store.folder(),
               "; `pema memory index ls` shows those there are");
  }
  std::vector<Digest> digests;
  digests.reserve(segments.size());
  for (const SegmentRecord& segment : segments) digests.push_back(segment.digest);
  std::optional<RecallIndexRecord> best;
  std::int64_t most = 0;
  for (const IndexCover& cover : store.covering_indexes(digests)) {
    const auto [own, shared] = held_keys(segments, cover);
    const bool pays = memory::index_may_pay(std::max(own, shared), cover.index.lists);
    if (named ? cover.index.name != choice.name : !pays) continue;
    const bool better = own + shared > most || (own + shared == most && best &&
                                                cover.index.memory_bytes < best->memory_bytes);
    if (best && !better) continue;
    best = cover.index;
    most = own + shared;
  }
  return best;
}

}  // namespace pema::engine
