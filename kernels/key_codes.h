/// Recall keys in int8, laid out for a first look at many of them, with bounds of what the rounding
/// hides.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/key_rows.h"
#include "pema/tensor_view.h"

namespace pema::kernels {

/// y = s q + (y - s q) for every key y [d], rotated by rotate_key so that no dimension sticks out,
/// q in [-127, 127]^d, s = max |y| / 127. Keys lie in blocks of kBlock, two dimensions side by
/// side: [blocks][ceil(d / 2)][kBlock][2]; what is behind the last key or dimension is zero. Keys
/// that are stored in int8 lie so already: their codes are read where they are. Thread-safety:
/// immutable once made.
class KeyCodes {
 public:
  static constexpr std::int64_t kBlock = KeyRows::kBlock;

  KeyCodes() = default;
  /// keys [n, d], finite; those in int8 must outlive the object.
  explicit KeyCodes(const KeyRows& keys);
  explicit KeyCodes(MatrixView<const float> keys) : KeyCodes(KeyRows(keys)) {}

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
  [[nodiscard]] std::int64_t blocks() const noexcept { return (rows_ + kBlock - 1) / kBlock; }
  /// Pairs of dimensions.
  [[nodiscard]] std::int64_t pairs() const noexcept { return (cols_ + 1) / 2; }
  /// [pairs, kBlock, 2]
  [[nodiscard]] const std::int8_t* block(std::int64_t index) const noexcept {
    return (stored_ != nullptr ? stored_ : codes_.data()) + index * pairs() * kBlock * 2;
  }
  /// Of the keys of a block, [kBlock] each: s, |y|^2, and an upper bound of |y - s q|.
  [[nodiscard]] const float* scales(std::int64_t block) const noexcept {
    return scales_.data() + block * kBlock;
  }
  [[nodiscard]] const float* squares(std::int64_t block) const noexcept {
    return squares_.data() + block * kBlock;
  }
  [[nodiscard]] const float* residuals(std::int64_t block) const noexcept {
    return residuals_.data() + block * kBlock;
  }
  /// Whether the codes are those of rotate_key's results: of all keys but those in int8.
  [[nodiscard]] bool rotated() const noexcept { return stored_ == nullptr; }
  /// Upper bound of |s q| over all keys.
  [[nodiscard]] float longest() const noexcept { return longest_; }
  /// Of memory; codes that are read where they are do not count.
  [[nodiscard]] std::int64_t bytes() const noexcept;

 private:
  /// Codes of key `index` to where they belong; its scale.
  float round(std::int64_t index, std::span<const float> key);
  /// Square and residual of key `index`; the squared length of its rounded form.
  double measure(std::int64_t index, std::span<const float> key, float scale);

  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  float longest_ = 0;
  const std::int8_t* stored_ = nullptr;  // of keys in int8; codes_ is empty then
  std::vector<std::int8_t> codes_;
  std::vector<float> scales_;     // [blocks, kBlock], 0 behind the last key
  std::vector<float> squares_;    // [blocks, kBlock]
  std::vector<float> residuals_;  // [blocks, kBlock]
};

/// A query x [d] in int16: x = step q + rest, |q| small enough that an int32 takes any product with
/// a row of codes.
struct QueryCode {
  std::vector<std::int32_t> pairs;  ///< [ceil(d / 2)], two int16 each, the first in the low half
  float step = 0;
  double norm = 0;    ///< |x|
  double square = 0;  ///< |x|^2
  double rest = 0;    ///< |rest|

  QueryCode() = default;
  /// query [d], finite.
  explicit QueryCode(std::span<const float> query);
};

/// Squared L2 distances of one query to the keys of one block, each known to lie in
/// [lower, lower + gap].
struct BlockDistances {
  float lower[KeyCodes::kBlock];
  float gap[KeyCodes::kBlock];
};

/// Looks at block `index` of `codes` with `count` queries: lower bounds up to `worst[q]` are of
/// interest. Queries are coded as the keys are, rotated or not. Fills out[q] and sets bit q of the
/// result when any key of the block is of interest to query q; out[q] is unspecified otherwise.
/// `count` is at most kQueriesAtOnce. Unchecked. Thread-safety: reentrant, serial.
inline constexpr std::int64_t kQueriesAtOnce = 8;
[[nodiscard]] std::uint32_t look_at_block(const KeyCodes& codes, std::int64_t index,
                                          const QueryCode* const* queries, std::int64_t count,
                                          const float* worst, BlockDistances* out);

/// Squared L2 distance of a [d] and b [d], at most 4: of unit vectors. Not 2 - 2ab: that loses the
/// small distances, which a low temperature tells apart. The sum runs in 16 lanes, which are added
/// in a fixed order.
[[nodiscard]] float squared_distance(const float* a, const float* b, std::int64_t d);

}  // namespace pema::kernels
