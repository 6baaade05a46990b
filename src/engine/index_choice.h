/// Which index of a store a lease gets.
#pragma once

#include <optional>
#include <span>

#include "pema/engine.h"
#include "pema/store.h"

namespace pema::engine {

/// For a lease on `segments`; nothing where none is wanted or may pay. Of several the one that
/// holds most of their keys, then the one with least bytes, then the oldest: by rows of the
/// registry alone. Throws kNotFound where the named index is not there.
[[nodiscard]] std::optional<RecallIndexRecord> choose_index(const Store& store,
                                                            std::span<const SegmentRecord> segments,
                                                            const IndexChoice& choice);

}  // namespace pema::engine
