/// External memory: immutable segments of (key, next token) pairs, shared by many profiles (PEMA,
/// section 3.1).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "pema/digest.h"
#include "pema/gate.h"
#include "pema/model.h"
#include "pema/tensor_view.h"

namespace pema::kernels {
class KeyCodes;
}  // namespace pema::kernels

namespace pema {

/// What a segment is made of. Part of the object, so part of its identity.
struct SegmentInfo {
  Digest model;  ///< fingerprint of the base model that made the keys
  FeatureSite site = FeatureSite::kPostNorm;
  std::int64_t hidden = 0;   ///< d
  std::int64_t vocab = 0;    ///< V; every token is in [0, V)
  std::int64_t entries = 0;  ///< n
};

/// An immutable block of n pairs: key [d], a unit vector (see `make_recall_keys`), and the token
/// that came next. Thread-safety: immutable, share freely.
class Segment {
 public:
  static constexpr std::int64_t kMaxHidden = std::int64_t{1} << 20;
  static constexpr double kUnitTolerance = 1e-3;  ///< on the length of a key or query

  /// Copies its arguments: keys [n, d] f32, tokens [n]; n may be 0, d is in [1, kMaxHidden], V in
  /// [1, 2^31). `info.entries` is filled in.
  /// Throws kInvalidArgument on shapes that disagree, keys that are not finite unit vectors (within
  /// kUnitTolerance), tokens outside [0, V).
  [[nodiscard]] static std::shared_ptr<const Segment> make(SegmentInfo info,
                                                           MatrixView<const float> keys,
                                                           std::span<const std::int32_t> tokens);
  /// Maps an object file, without a copy. Throws kNotFound, kIo, kUnsupported, or kCorrupt (size,
  /// header, checksum, digest other than `expected`, keys or tokens that `make` would refuse).
  [[nodiscard]] static std::shared_ptr<const Segment> open(const std::string& path,
                                                           const Digest& expected);

  /// Takes the bytes of an object file, as `serialise` gives them, and keeps them. Throws kCorrupt
  /// or kUnsupported (version newer than this build).
  [[nodiscard]] static std::shared_ptr<const Segment> from_bytes(std::vector<std::byte> bytes);

  [[nodiscard]] const SegmentInfo& info() const noexcept { return info_; }
  [[nodiscard]] MatrixView<const float> keys() const noexcept { return keys_; }  ///< [n, d]
  [[nodiscard]] std::span<const std::int32_t> tokens() const noexcept { return tokens_; }  ///< [n]
  /// SHA-256 of the segment's object file bytes; the same for a segment in memory and its file.
  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  /// The keys in int8 with error bounds, for a search's first look: d + 12 bytes a key, made when
  /// first asked for. Thread-safe.
  [[nodiscard]] const kernels::KeyCodes& codes() const;
  /// The segment's object file as bytes (docs/formats/object.md).
  [[nodiscard]] std::vector<std::byte> serialise() const;

 private:
  Segment() = default;
  /// Parses and checks `bytes`, which `owner` keeps alive; `name` is used in messages.
  [[nodiscard]] static std::shared_ptr<const Segment> adopt(std::span<const std::byte> bytes,
                                                            const Digest& digest,
                                                            std::shared_ptr<const void> owner,
                                                            const std::string& name);
  SegmentInfo info_;
  MatrixView<const float> keys_;
  std::span<const std::int32_t> tokens_;
  Digest digest_;
  std::span<const std::byte> bytes_;  ///< the whole object file; keys_ and tokens_ point into it
  std::shared_ptr<const void> owner_;
  mutable std::once_flag codes_once_;
  mutable std::shared_ptr<const kernels::KeyCodes> codes_;
};

/// Turns features [n, d] at `site` into recall keys [n, d]: the direction of the vector before the
/// final norm, as a unit vector. From post-norm features the norm's gain is divided out first
/// (RMSNorm keeps the direction, so nothing is lost); pre-norm features are only scaled. A zero
/// feature gives a zero key, which `Segment::make` and `recall` refuse. A component whose gain is 0
/// is 0 in the key. `norm_weight` [d] is read at post_norm only. `keys` may be the same memory as
/// `features`. Throws kInvalidArgument when shapes disagree or a value is not finite.
void make_recall_keys(MatrixView<const float> features, FeatureSite site,
                      std::span<const float> norm_weight, MatrixView<float> keys);

/// One neighbour of a query.
struct Neighbour {
  float distance = 0;      ///< squared L2 between unit vectors: 2 - 2 cos, in [0, 4]
  std::int32_t token = 0;  ///< the token stored with the key
};

/// The k nearest entries of the union of `segments` to `query` [d] (a recall key), nearest first;
/// fewer when there are fewer. Equal distances are ordered by segment position, then entry. Exact.
/// Thread-safety: reentrant. Throws kMismatch when a segment's width differs from the query's,
/// kInvalidArgument when k < 1, a segment is null or the query is no unit vector (a zero key).
[[nodiscard]] std::vector<Neighbour> recall(
    std::span<const std::shared_ptr<const Segment>> segments, std::span<const float> query,
    std::int64_t k);

/// One word of a recalled distribution.
struct TokenWeight {
  std::int32_t token = 0;
  float probability = 0;
};

/// P_mem(w) = sum over neighbours with token w of softmax(-distance / temperature); at most k
/// words, by rising token. Empty neighbours give an empty result. Throws kInvalidArgument unless
/// the temperature is positive and finite and the distances are finite.
[[nodiscard]] std::vector<TokenWeight> recall_distribution(std::span<const Neighbour> neighbours,
                                                           double temperature);

/// What a gate sees of neighbours, nearest first, and the distribution made of them; all zero
/// without neighbours.
[[nodiscard]] RecallSignals recall_signals(std::span<const Neighbour> neighbours,
                                           std::span<const TokenWeight> words);

}  // namespace pema
