/// Projections U^T that were computed before, kept in a folder of the user's: computing one takes
/// as long as a thousand tokens. A file that is damaged, or another pool's, is as good as none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pema/digest.h"
#include "pema/engine.h"
#include "src/engine/bottleneck_cache.h"

namespace pema::engine {

/// What a projection was computed from and how it is kept. A pool's digest covers its base model.
struct ProjectionKey {
  Digest pool;
  NumberType type = NumberType::kFloat32;
  std::int64_t rows = 0;  ///< shared rank + N r
  std::int64_t cols = 0;  ///< V
};

/// The key of a pool's projection.
[[nodiscard]] ProjectionKey projection_key(const ModelInfo& model, NumberType type,
                                           const Pool& pool);

/// The file of `key` in `folder`.
[[nodiscard]] std::string projection_path(const std::string& folder, const ProjectionKey& key);

/// The object file (docs/formats/object.md) of a projection of key.type, [key.rows, key.cols].
[[nodiscard]] std::vector<std::byte> encode_projection(const ProjectionKey& key,
                                                       const CacheEntry& entry);

/// The projection in `bytes`. Throws kCorrupt (damaged, or not of `key`) or kUnsupported (newer
/// format); `name` is used in messages.
[[nodiscard]] CacheEntry decode_projection(std::span<const std::byte> bytes,
                                           const ProjectionKey& key, const std::string& name);

/// The projection of `key` from `folder`, or `make`'s, which is then stored there. An empty folder
/// name stores nothing. A file that cannot be read, or written for want of room or rights, is
/// passed over: `stats` counts it. Thread-safety: reentrant, also across processes.
[[nodiscard]] CacheEntry load_or_make_projection(const std::string& folder,
                                                 const ProjectionKey& key, CacheStats& stats,
                                                 const std::function<CacheEntry()>& make);

}  // namespace pema::engine
