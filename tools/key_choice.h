/// How a command stores the keys of the segments that it makes: --keys.
#pragma once

#include <memory>
#include <string>

#include "pema/codebook.h"
#include "pema/memory.h"
#include "pema/store.h"

namespace pema::tools {

inline constexpr const char* kKeysText =
    "How keys are stored: f32, f16, int8, or pq[:CODEBOOK] (pq alone: the only codebook there is)";

struct KeyChoice {
  KeyType type = KeyType::kFloat32;
  std::shared_ptr<const Codebook> codebook;  ///< of product-quantised keys, else null
};

/// What --keys `text` means in `store`. Throws kInvalidArgument on another type or a codebook that
/// must be named, kNotFound when there is none of that name.
[[nodiscard]] KeyChoice choose_keys(const Store& store, const std::string& text);

/// How the keys of `segment` are stored, for more of them. Throws kNotFound, kCorrupt.
[[nodiscard]] KeyChoice keys_of(const Store& store, const SegmentRecord& segment);

/// Makes a segment of `keys` [n, d] in the chosen type. Throws as Segment::make.
[[nodiscard]] std::shared_ptr<const Segment> make_segment(SegmentInfo info,
                                                          MatrixView<const float> keys,
                                                          std::span<const std::int32_t> tokens,
                                                          const KeyChoice& choice);

/// The codebook of that name. Throws kNotFound, naming those there are.
[[nodiscard]] CodebookRecord require_codebook(const Store& store, const std::string& name);

}  // namespace pema::tools
