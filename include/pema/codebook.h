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
  std::int64_t parts = 0;   ///< bytes of a key; in [1, kMaxParts]
};

/// The numbers of a codebook whose keys have v parts: as many as bytes, or one less where there are
/// errors. A part has w = d / v rounded up dimensions, the last one the rest, which is not nothing.
struct CodebookNumbers {
  /// [d, 256]: row c holds dimension c of the 256 centroids of part c / w; each in [-1, 1].
  std::span<const float> centroids;
  /// [d, d] or empty: row c is what dimension c of a key becomes before it is cut into parts. Rows
  /// and columns have length 1 within 1e-3; that it is orthogonal is the caller's part.
  std::span<const float> rotation = {};
  /// [256], not falling, each in [0, 4], or empty: squared distances between keys and what their
  /// parts' codes stand for, the nearest of which is a key's last byte.
  std::span<const float> errors = {};
};

/// 256 centroids for each part of a key, which may be rotated before (Ge, He, Ke, Sun: Optimized
/// Product Quantization, 2013). A decoded key is its parts' centroids side by side, rotated back;
/// its length is near 1, not 1. With errors, distances to a key are less by the one that its last
/// byte says (kernels/product_codes.h). Thread-safety: immutable, share freely.
class Codebook {
 public:
  static constexpr std::int64_t kCentroids = 256;  ///< of a part
  static constexpr std::int64_t kMaxParts = 64;
  static constexpr std::int64_t kWidestRotation = 4096;  ///< d of a codebook with one, at most

  /// Copies the numbers. Throws kInvalidArgument on sizes outside the limits and numbers outside
  /// their ranges.
  [[nodiscard]] static std::shared_ptr<const Codebook> make(const CodebookInfo& info,
                                                            const CodebookNumbers& numbers);
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
  std::int64_t parts = 32;        ///< bytes of a key, at most: a width may have use for fewer
  std::int64_t iterations = 10;   ///< of k-means
  std::int64_t max_keys = 16384;  ///< learnt from; more are sampled evenly
  std::int32_t seed = 123;
  /// By the keys' principal components, dealt out to the parts; d above kWidestRotation goes
  /// without.
  bool rotated = true;
  /// The last byte is the key's own error; a key of one byte goes without.
  bool corrected = true;

  /// Parts that a key of width d is cut into: as few as have the same width, so none is empty. Of
  /// legal options, d at least 1.
  [[nodiscard]] std::int64_t vector_parts(std::int64_t hidden) const noexcept {
    const std::int64_t most = parts - (corrects() ? 1 : 0);
    const std::int64_t width = (hidden + most - 1) / most;
    return (hidden + width - 1) / width;
  }
  [[nodiscard]] bool corrects() const noexcept { return corrected && parts > 1; }
};

/// Learns a codebook from the keys of `segments`, all of one base model, site and width. Equal
/// arguments give equal bytes on one machine, whatever the number of threads. Throws
/// kInvalidArgument on fewer than 256 keys, parts outside [1, kMaxParts] or other options outside
/// their ranges; kMismatch when segments differ in
/// model, site or width; kInterrupted. Thread-safety: one call computes at a time, others wait.
[[nodiscard]] std::shared_ptr<const Codebook> learn_codebook(
    std::span<const std::shared_ptr<const Segment>> segments, const CodebookOptions& options = {},
    Progress* progress = nullptr);

}  // namespace pema
