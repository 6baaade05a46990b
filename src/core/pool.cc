#include <bit>
#include <cmath>
#include <utility>

#include "pema/adapter.h"
#include "pema/error.h"
#include "pema/mask.h"

namespace pema {
namespace {

void check_info(const PoolInfo& info) {
  PEMA_CHECK(static_cast<int>(info.site) <= 1 && static_cast<int>(info.form) <= 1 &&
                 static_cast<int>(info.algebra) <= 1 && static_cast<int>(info.norm) <= 2,
             kInvalidArgument, "a pool's site, form, algebra or norm is unknown (",
             static_cast<int>(info.site), ", ", static_cast<int>(info.form), ", ",
             static_cast<int>(info.algebra), ", ", static_cast<int>(info.norm), ")");
  PEMA_CHECK(std::isfinite(info.mask_scale), kInvalidArgument, "a pool's mask scale is ",
             info.mask_scale, "; it must be finite");
}

std::int64_t payload_bytes(const AdapterBlock& block) {
  const AdapterBlockView& view = block.view();
  return 4 * (2 * view.count * view.rank * block.hidden() + view.count);
}

Digest pool_digest(const PoolInfo& info, const AdapterBlock* shared,
                   std::span<const std::shared_ptr<const AdapterBlock>> blocks,
                   const MixtureGate* gate) {
  Sha256 hash;
  hash.update("pema pool").update(std::as_bytes(std::span(info.model.bytes)));
  hash.update_int(info.hidden)
      .update_int(static_cast<int>(info.site))
      .update_int(static_cast<int>(info.form))
      .update_int(static_cast<int>(info.algebra))
      .update_int(static_cast<int>(info.norm))
      .update_int(info.adapters)
      .update_int(info.rank)
      .update_int(std::bit_cast<std::int64_t>(info.mask_scale));
  const Digest shared_digest = shared == nullptr ? Digest{} : shared->digest();
  hash.update(std::as_bytes(std::span(shared_digest.bytes)));
  hash.update_int(static_cast<std::int64_t>(blocks.size()));
  for (const auto& block : blocks) hash.update(std::as_bytes(std::span(block->digest().bytes)));
  if (gate != nullptr) {
    const Digest digest = gate->digest();
    hash.update(std::as_bytes(std::span(digest.bytes)));
  }
  return hash.finish();
}

/// The value whose name is `text`; there are two.
template <typename Enum>
Enum parse_enum(std::string_view text, std::initializer_list<Enum> values, const char* what) {
  for (const Enum value : values) {
    if (text == to_string(value)) return value;
  }
  const Enum* first = values.begin();
  fail(ErrorCode::kInvalidArgument, "'", text, "' is no ", what, "; use ", to_string(first[0]),
       " or ", to_string(first[1]));
}

}  // namespace

std::string_view to_string(Algebra algebra) noexcept {
  switch (algebra) {
    case Algebra::kMixture:
      return "mixture";
    case Algebra::kSeparate:
      return "separate";
  }
  return "unknown";
}

std::string_view to_string(Form form) noexcept {
  switch (form) {
    case Form::kResidual:
      return "residual";
    case Form::kDistribution:
      return "distribution";
  }
  return "unknown";
}

Algebra parse_algebra(std::string_view text) {
  return parse_enum(text, {Algebra::kMixture, Algebra::kSeparate}, "algebra");
}

Form parse_form(std::string_view text) {
  return parse_enum(text, {Form::kResidual, Form::kDistribution}, "form");
}

Pool::Pool(PoolInfo info, std::shared_ptr<const AdapterBlock> shared,
           std::vector<std::shared_ptr<const AdapterBlock>> blocks,
           std::shared_ptr<const MixtureGate> gate)
    : info_(std::move(info)),
      shared_(std::move(shared)),
      blocks_(std::move(blocks)),
      gate_(std::move(gate)) {
  check_info(info_);
  PEMA_CHECK(shared_ != nullptr || !blocks_.empty(), kInvalidArgument,
             "a pool needs a shared adapter or at least one block of adapters");
  info_.adapters = 0;
  info_.rank = 0;
  info_.hidden = shared_ != nullptr ? shared_->hidden() : 0;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    PEMA_CHECK(blocks_[i] != nullptr, kInvalidArgument, "block ", i, " of a pool is null");
    const AdapterBlockView& view = blocks_[i]->view();
    if (info_.hidden == 0) info_.hidden = blocks_[i]->hidden();
    if (info_.rank == 0) info_.rank = view.rank;
    PEMA_CHECK(blocks_[i]->hidden() == info_.hidden, kMismatch, "block ", i,
               " of a pool has width ", blocks_[i]->hidden(), ", the others have ", info_.hidden,
               "; all must come from one base model");
    PEMA_CHECK(view.rank == info_.rank, kMismatch, "block ", i, " of a pool has rank ", view.rank,
               ", the others have ", info_.rank, "; all adapters of a pool share one rank");
    info_.adapters += view.count;
    PEMA_CHECK(info_.adapters <= BitMask::kMaxSize, kInvalidArgument, "a pool has at most ",
               BitMask::kMaxSize, " adapters");
  }
  digest_ = pool_digest(info_, shared_.get(), blocks_, gate_.get());
}

std::int64_t Pool::bytes() const noexcept {
  std::int64_t total = shared_ == nullptr ? 0 : payload_bytes(*shared_);
  for (const auto& block : blocks_) total += payload_bytes(*block);
  return total;
}

}  // namespace pema
