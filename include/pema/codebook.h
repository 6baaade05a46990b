/// Codebooks of product-quantised keys: shared by many segments, so that a person's keys cost a few
/// dozen bytes each (Jegou, Douze, Schmid: Product Quantization for Nearest Neighbor Search, 2011).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pema/digest.h"
#include "pema/memory.h"
#include "pema/model.h"
#include "pema/progress.h"

namespace pema::kernels {
struct ProductSpace;
}  // namespace pema::kernels

namespace pema {

/// What a codebook is made of. Part of the object, so part of its identity.
struct CodebookInfo {
  Digest model;  ///< fingerprint of the base model whose keys it was learnt from
  FeatureSite site = FeatureSite::kPostNorm;
  std::int64_t hidden = 0;  ///< d
  std::int64_t parts = 0;   ///< m, bytes of a key; in [1, min(kMaxParts, d)]

  /// Dimensions of a part, d / m rounded up; the last part may have fewer.
  [[nodiscard]] std::int64_t width() const noexcept { return (hidden + parts - 1) / parts; }
};

/// 256 centroids for each part of a key. A decoded key is its parts' centroids side by side; its
/// length is near 1, not 1. Thread-safety: immutable, share freely.
class Codebook {
 public:
  static constexpr std::int64_t kCentroids = 256;  ///< of a part
  static constexpr std::int64_t kMaxParts = 64;

  /// Copies centroids [d, 256]: row c holds dimension c of the 256 centroids of its part. Throws
  /// kInvalidArgument on sizes outside the limits (m width may exceed d by less than a part) and
  /// numbers outside [-1, 1], which unit keys have no use for.
  [[nodiscard]] static std::shared_ptr<const Codebook> make(const CodebookInfo& info,
                                                            std::span<const float> centroids);
  /// Maps an object file, without a copy. Throws kNotFound, kIo, kUnsupported or kCorrupt.
  [[nodiscard]] static std::shared_ptr<const Codebook> open(const std::string& path,
                                                            const Digest& expected);
  /// Takes the bytes of an object file and keeps them. Throws kCorrupt or kUnsupported.
  [[nodiscard]] static std::shared_ptr<const Codebook> from_bytes(std::vector<std::byte> bytes);

  ~Codebook();
  Codebook(const Codebook&) = delete;
  Codebook& operator=(const Codebook&) = delete;

  [[nodiscard]] const CodebookInfo& info() const noexcept { return info_; }
  /// SHA-256 of the object file's bytes.
  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  /// The codebook's object file as bytes (docs/formats/object.md).
  [[nodiscard]] std::vector<std::byte> serialise() const;
  /// As searches read it.
  [[nodiscard]] const kernels::ProductSpace& space() const noexcept { return *space_; }

 private:
  Codebook();
  [[nodiscard]] static std::shared_ptr<const Codebook> adopt(std::span<const std::byte> bytes,
                                                             const Digest& digest,
                                                             std::shared_ptr<const void> owner,
                                                             const std::string& name);
  CodebookInfo info_;
  Digest digest_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::unique_ptr<kernels::ProductSpace> space_;
};

struct CodebookOptions {
  std::int64_t parts = 32;        ///< m, bytes of a key
  std::int64_t iterations = 10;   ///< of k-means
  std::int64_t max_keys = 16384;  ///< learnt from; more are sampled evenly
  std::int32_t seed = 123;
};

/// Learns a codebook from the keys of `segments`, all of one base model, site and width. Equal
/// arguments give equal bytes on one machine, whatever the number of threads. Throws
/// kInvalidArgument on fewer than 256 keys, parts outside [1, min(kMaxParts, d)] or other options
/// outside their ranges; kMismatch when segments differ in model, site or width; kInterrupted.
/// Thread-safety: one call computes at a time, others wait.
[[nodiscard]] std::shared_ptr<const Codebook> learn_codebook(
    std::span<const std::shared_ptr<const Segment>> segments, const CodebookOptions& options = {},
    Progress* progress = nullptr);

}  // namespace pema
