/// Adapters and pools. An adapter is A [r, d] down, B [d, r] up and a scale; no bias, no
/// nonlinearity (PEMA, section 3.2).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/digest.h"
#include "pema/gate.h"
#include "pema/model.h"
#include "pema/tensor_view.h"

namespace pema {

/// How the selected adapters of a pool become one bottleneck. Stored: never renumber.
enum class Algebra : std::uint8_t {
  kMixture = 0,   ///< delta(x) = sum_i m[i] s_i B_i A_i x: exact, one mask
  kSeparate = 1,  ///< X-PEFT: A^ = c sum m_A[i] A_i, B^ = c sum m_B[i] B_i, delta(x) = B^ A^ x; c =
                  ///< mask_scale
};

/// How the delta becomes a distribution. Stored: never renumber.
enum class Form : std::uint8_t {
  kResidual = 0,      ///< softmax(l + W delta(x))
  kDistribution = 1,  ///< softmax(W norm(delta(x))), PEMA as published
};

/// "mixture" or "separate". Never throws.
[[nodiscard]] std::string_view to_string(Algebra algebra) noexcept;
/// "residual" or "distribution". Never throws.
[[nodiscard]] std::string_view to_string(Form form) noexcept;
/// The reverse of to_string. Throws kInvalidArgument on any other text.
[[nodiscard]] Algebra parse_algebra(std::string_view text);
/// The reverse of to_string. Throws kInvalidArgument on any other text.
[[nodiscard]] Form parse_form(std::string_view text);

/// n adapters of one shape, in host memory (often a mapped file). B is kept transposed, so that
/// both sides of adapter i are rows [i*r, (i+1)*r) of a [n*r, d] matrix.
struct AdapterBlockView {
  std::int64_t count = 0;        ///< n
  std::int64_t rank = 0;         ///< r
  MatrixView<const float> down;  ///< A [n*r, d]
  MatrixView<const float> up;    ///< B^T [n*r, d]
  std::span<const float> scale;  ///< [n]
};

/// An immutable block of adapters, owned: either built in memory or mapped from an object file
/// whose digest was checked. Thread-safety: immutable, share freely.
class AdapterBlock {
 public:
  static constexpr std::int64_t kMaxRank = std::int64_t{1} << 16;
  static constexpr std::int64_t kMaxHidden = std::int64_t{1} << 20;

  /// Copies its arguments. `down` and `up` are [count*rank, d], `scale` [count]; count in [1,
  /// BitMask::kMaxSize], rank in [1, kMaxRank], d in [1, kMaxHidden].
  /// Throws kInvalidArgument on shapes that disagree or values that are not finite.
  [[nodiscard]] static std::shared_ptr<const AdapterBlock> make(std::int64_t count,
                                                                std::int64_t rank,
                                                                MatrixView<const float> down,
                                                                MatrixView<const float> up,
                                                                std::span<const float> scale);
  /// Maps an object file, without a copy. Throws kNotFound, kIo, kUnsupported, or kCorrupt (size,
  /// header, checksum, digest other than `expected`, values that are not finite).
  [[nodiscard]] static std::shared_ptr<const AdapterBlock> open(const std::string& path,
                                                                const Digest& expected);

  /// Takes the bytes of an object file, as `serialise` gives them, and keeps them. Throws kCorrupt
  /// or kUnsupported (version newer than this build).
  [[nodiscard]] static std::shared_ptr<const AdapterBlock> from_bytes(std::vector<std::byte> bytes);

  [[nodiscard]] const AdapterBlockView& view() const noexcept { return view_; }
  /// SHA-256 of the block's object file bytes; the same for a block in memory and its file.
  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  /// SHA-256 of adapter i alone: shape, scale, A_i, B_i. Throws kInvalidArgument outside [0,
  /// count).
  [[nodiscard]] Digest adapter_digest(std::int64_t index) const;
  /// The block's object file as bytes (docs/formats/object.md).
  [[nodiscard]] std::vector<std::byte> serialise() const;
  [[nodiscard]] std::int64_t hidden() const noexcept { return view_.down.cols; }

 private:
  AdapterBlock() = default;
  /// Parses and checks `bytes`, which `owner` keeps alive; `name` is used in messages.
  [[nodiscard]] static std::shared_ptr<const AdapterBlock> adopt(std::span<const std::byte> bytes,
                                                                 const Digest& digest,
                                                                 std::shared_ptr<const void> owner,
                                                                 const std::string& name);
  AdapterBlockView view_;
  Digest digest_;
  std::span<const std::byte> bytes_;  ///< the whole object file; view_ points into it
  std::shared_ptr<const void> owner_;
};

/// What all adapters of a pool have in common.
struct PoolInfo {
  Digest model;  ///< fingerprint of the base model
  std::int64_t hidden = 0;
  FeatureSite site = FeatureSite::kPostNorm;
  Form form = Form::kResidual;
  Algebra algebra = Algebra::kMixture;
  HeadNorm norm =
      HeadNorm::kDecoderFinal;  ///< of the distribution form; ignored by the residual one
  std::int64_t adapters = 0;    ///< N, over all blocks
  std::int64_t rank = 0;        ///< r; 0 when N = 0
  double mask_scale = 1.0;      ///< c of the separate algebra
  std::string recipe;  ///< how it was trained, one line of JSON; for people and for cache keys
};

/// One version of a pool: an optional always-on shared adapter, the N adapters that masks select,
/// in blocks, and an optional gate that weighs the sources of its people's rows. Thread-safety:
/// immutable, share freely.
class Pool {
 public:
  /// Throws kMismatch when widths or ranks of the blocks disagree, kInvalidArgument when there is
  /// neither a shared adapter nor a block, a block is null, there are more than BitMask::kMaxSize
  /// adapters, or a value of `info` is outside its range. `info.adapters`, `info.rank` and
  /// `info.hidden` are filled in from the blocks; the shared adapter may have another rank.
  Pool(PoolInfo info, std::shared_ptr<const AdapterBlock> shared,
       std::vector<std::shared_ptr<const AdapterBlock>> blocks,
       std::shared_ptr<const MixtureGate> gate = nullptr);

  [[nodiscard]] const PoolInfo& info() const noexcept { return info_; }
  /// Null when the pool has no shared adapter.
  [[nodiscard]] const AdapterBlock* shared() const noexcept { return shared_.get(); }
  /// The same, for making another pool with it.
  [[nodiscard]] const std::shared_ptr<const AdapterBlock>& shared_block() const noexcept {
    return shared_;
  }
  [[nodiscard]] std::span<const std::shared_ptr<const AdapterBlock>> blocks() const noexcept {
    return blocks_;
  }
  /// Null when the pool has no gate; profiles then weigh by their schedules alone.
  [[nodiscard]] const std::shared_ptr<const MixtureGate>& gate() const noexcept { return gate_; }
  /// SHA-256 over everything that decides what a mask over this pool computes, the gate included;
  /// the recipe is not part of it.
  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  /// Bytes of f32 payload over all blocks, the shared adapter's included.
  [[nodiscard]] std::int64_t bytes() const noexcept;

 private:
  PoolInfo info_;
  std::shared_ptr<const AdapterBlock> shared_;
  std::vector<std::shared_ptr<const AdapterBlock>> blocks_;
  std::shared_ptr<const MixtureGate> gate_;
  Digest digest_;
};

}  // namespace pema
