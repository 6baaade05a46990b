/// External memory: immutable segments of (key, next token) pairs, shared by many profiles (PEMA,
/// section 3.1).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/digest.h"
#include "pema/gate.h"
#include "pema/model.h"
#include "pema/tensor_view.h"

namespace pema::kernels {
struct KeySet;
}  // namespace pema::kernels
namespace pema::core {
class MappedFile;
}  // namespace pema::core
namespace pema::memory {
class StoredKeys;
}  // namespace pema::memory

namespace pema {

class Codebook;

/// How a segment stores its keys. In every type the key that counts is the decoded one. Kept in
/// files: never renumber.
enum class KeyType : std::uint8_t {
  kFloat32,           ///< 4 d bytes a key
  kFloat16,           ///< 2 d bytes, rounded to nearest even
  kInt8,              ///< d + 4 bytes: one scale per key
  kProductQuantised,  ///< a byte for each part of a key, against a Codebook; pema/codebook.h
};

/// f32, f16, int8 or pq.
[[nodiscard]] std::string_view to_string(KeyType type) noexcept;
/// Throws kInvalidArgument.
[[nodiscard]] KeyType parse_key_type(std::string_view text);

/// What a segment is made of. Part of the object, so part of its identity.
struct SegmentInfo {
  Digest model;  ///< fingerprint of the base model that made the keys
  FeatureSite site = FeatureSite::kPostNorm;
  std::int64_t hidden = 0;   ///< d
  std::int64_t vocab = 0;    ///< V; every token is in [0, V)
  std::int64_t entries = 0;  ///< n
  KeyType keys = KeyType::kFloat32;
  Digest codebook;         ///< of product-quantised keys, else zero
  std::int64_t parts = 0;  ///< bytes of a product-quantised key, else 0
};

/// Bytes that the object's file has for one more key, without its token.
[[nodiscard]] std::int64_t key_bytes(const SegmentInfo& info) noexcept;

/// Where a reader of segments finds a codebook. Throws when it is missing or damaged.
using CodebookSource = std::function<std::shared_ptr<const Codebook>(const Digest&)>;

/// Whether a search keeps codes in memory for keys that are stored without any.
enum class KeepCodes : bool {
  kNo,   ///< keys in float32 and float16 are read one by one, and nothing is kept of them
  kYes,  ///< d + 12 bytes a key, so that most of them are never read
};

/// Bytes [first, last] of a file.
struct FilePlace {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

/// An immutable block of n pairs: key [d], a unit vector (see `make_recall_keys`), and the token
/// that came next. Thread-safety: immutable, share freely.
class Segment {
 public:
  static constexpr std::int64_t kMaxHidden = std::int64_t{1} << 20;
  static constexpr double kUnitTolerance = 1e-3;  ///< on the length of a key or query
  /// On the length of a decoded key that was rounded.
  static constexpr double kRoundedUnitTolerance = 2e-3;

  /// Copies its arguments: keys [n, d] f32, tokens [n]; n may be 0, d is in [1, kMaxHidden], V in
  /// [1, 2^31). The keys are stored as `info.keys` says, product-quantised ones against `codebook`,
  /// which the segment then holds. `info.entries`, `codebook` and `parts` are filled in.
  /// Throws kInvalidArgument on shapes that disagree, keys that are not finite unit vectors (within
  /// kUnitTolerance), tokens outside [0, V), a codebook that is missing or not asked for; kMismatch
  /// when the codebook is of another base model, site or width.
  [[nodiscard]] static std::shared_ptr<const Segment> make(
      SegmentInfo info, MatrixView<const float> keys, std::span<const std::int32_t> tokens,
      std::shared_ptr<const Codebook> codebook = nullptr);
  /// Maps an object file, without a copy, and lets go of the pages that checking it touched;
  /// `codebooks` is asked for the codebook of
  /// product-quantised keys. Throws kNotFound, kIo, kUnsupported, kCorrupt (size, header, checksum,
  /// digest other than `expected`, keys or tokens that `make` would refuse, a codebook that does
  /// not fit), or what `codebooks` throws.
  [[nodiscard]] static std::shared_ptr<const Segment> open(const std::string& path,
                                                           const Digest& expected,
                                                           const CodebookSource& codebooks = {});

  /// Takes the bytes of an object file, as `serialise` gives them, and keeps them. Throws kCorrupt,
  /// kUnsupported (version newer than this build), or what `codebooks` throws.
  [[nodiscard]] static std::shared_ptr<const Segment> from_bytes(
      std::vector<std::byte> bytes, const CodebookSource& codebooks = {});

  /// The same without a copy, of bytes that `owner` keeps alive and unchanged, and that start at a
  /// multiple of 64; `name` is used in messages.
  [[nodiscard]] static std::shared_ptr<const Segment> in_memory(
      std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name,
      const CodebookSource& codebooks = {});

  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  [[nodiscard]] const SegmentInfo& info() const noexcept { return info_; }
  /// [n, d] of a segment in float32; an empty view in every other type.
  [[nodiscard]] MatrixView<const float> keys() const noexcept { return keys_; }
  /// Key `entry` as it counts, decoded into `key` [d]. Throws kInvalidArgument outside [0, n) or on
  /// another width.
  void decode(std::int64_t entry, std::span<float> key) const;
  /// Of product-quantised keys, else null.
  [[nodiscard]] const std::shared_ptr<const Codebook>& codebook() const noexcept {
    return codebook_;
  }
  [[nodiscard]] std::span<const std::int32_t> tokens() const noexcept { return tokens_; }  ///< [n]
  /// SHA-256 of the segment's object file bytes; the same for a segment in memory and its file.
  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  /// The keys as a search reads them, with what is made when first asked for: d + 12 bytes a key in
  /// float32 and float16 (int8 codes with error bounds for a first look), 12 bytes in int8, whose
  /// codes are read where they are mapped, none in product-quantised keys. With KeepCodes::kNo none
  /// in float32 and float16 either: slower to search, with the same result. Thread-safe.
  [[nodiscard]] const kernels::KeySet& searchable(KeepCodes keep = KeepCodes::kYes) const;
  /// Bytes of memory that `searchable` keeps besides the object's file and the codebook, once
  /// asked.
  [[nodiscard]] std::int64_t search_bytes() const;
  /// Where the stored form of key `entry` begins and ends, of int8 and product-quantised keys their
  /// block: for readers of single keys, to go through a file in its order. Unchecked.
  [[nodiscard]] FilePlace place_in_file(std::int64_t entry) const noexcept;
  /// Takes the mapped pages of the file out of the process's memory; what is read again is mapped
  /// again. Does nothing to segments that are no mapped file. Thread-safe.
  void release() const noexcept;
  /// The segment's object file as bytes (docs/formats/object.md).
  [[nodiscard]] std::vector<std::byte> serialise() const;
  /// The same where they lie; they live as long as the segment.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  Segment();
  /// Parses and checks `bytes`, which `owner` keeps alive; `name` is used in messages.
  [[nodiscard]] static std::shared_ptr<Segment> adopt(std::span<const std::byte> bytes,
                                                      const Digest& digest,
                                                      std::shared_ptr<const void> owner,
                                                      const std::string& name,
                                                      const CodebookSource& codebooks);
  SegmentInfo info_;
  MatrixView<const float> keys_;
  std::span<const std::int32_t> tokens_;
  Digest digest_;
  std::span<const std::byte> bytes_;  ///< the whole object file; keys_ and tokens_ point into it
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const core::MappedFile> file_;  ///< null for a segment in memory
  std::shared_ptr<const Codebook> codebook_;
  std::unique_ptr<const memory::StoredKeys> stored_;
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
  float distance = 0;      ///< squared L2 to the decoded key, in [0, 4]
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

/// Whether more than half of the entries of `segments`, none of them null, have product-quantised
/// keys: which weights of a gate own memory takes (GateInput::quantised_own).
[[nodiscard]] bool mostly_quantised(
    std::span<const std::shared_ptr<const Segment>> segments) noexcept;

}  // namespace pema
