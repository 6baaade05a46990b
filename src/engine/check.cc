#include "src/engine/check.h"

#include <cmath>
#include <limits>
#include <unordered_set>

#include "kernels/interpolate.h"
#include "pema/error.h"

namespace pema::engine {
namespace {

void check_shapes(const ModelInfo& model, const Batch& batch) {
  const std::int64_t rows = batch.features.rows;
  PEMA_CHECK(rows > 0, kInvalidArgument, "the batch is empty; pass at least one row");
  PEMA_CHECK(batch.features.cols == model.hidden && batch.features.stride >= model.hidden,
             kInvalidArgument, "features are ", batch.features.cols, " wide, model ", model.name,
             " has ", model.hidden);
  PEMA_CHECK(batch.logits.cols == model.vocab && batch.logits.stride >= model.vocab,
             kInvalidArgument, "logits are ", batch.logits.cols, " wide, model ", model.name,
             " has a vocabulary of ", model.vocab);
  PEMA_CHECK(batch.logits.rows == rows && std::ssize(batch.leases) == rows &&
                 std::ssize(batch.step) == rows && std::ssize(batch.source_length) == rows,
             kInvalidArgument, "the batch disagrees on its rows: features ", rows, ", logits ",
             batch.logits.rows, ", leases ", batch.leases.size(), ", step ", batch.step.size(),
             ", source_length ", batch.source_length.size());
}

void check_values(Context& context, const Batch& batch) {
  context.pool.run(batch.features.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      if (batch.features.data != nullptr) {
        bool finite = true;
        for (const float value : batch.features.row_span(row)) finite &= std::isfinite(value);
        PEMA_CHECK(finite, kInvalidArgument, "the feature of row ", row, " holds NaN or infinity");
      }
      if (batch.logits.data == nullptr) continue;
      const float highest = kernels::highest_logit(batch.logits.row_span(row));
      PEMA_CHECK(highest <= std::numeric_limits<float>::max(), kInvalidArgument,
                 "the logits of row ", row, " hold NaN or +inf");
      PEMA_CHECK(highest >= std::numeric_limits<float>::lowest(), kInvalidArgument,
                 "the logits of row ", row, " rule out every word");
    }
  });
}

void check_mask(const Lease& lease, std::int64_t row) {
  const ProfileMask& mask = lease.mask;
  if (!lease.pool && mask.size() == 0) return;  // the empty profile has no mask to name
  PEMA_CHECK(mask.digest() == lease.mask_digest, kInvalidArgument, "row ", row, ": profile '",
             lease.name, "' carries a mask digest that is not its mask's; set it to mask.digest()");
  const std::int64_t adapters = lease.pool ? lease.pool->info().adapters : 0;
  PEMA_CHECK(mask.size() <= adapters, kInvalidArgument, "row ", row, ": the mask of profile '",
             lease.name, "' covers ", mask.size(), " adapters, its pool has ", adapters);
  if (!lease.pool) return;
  const std::int64_t up =
      mask.soft() ? static_cast<std::int64_t>(mask.up_weights.size()) : mask.up.size();
  const Algebra algebra = lease.pool->info().algebra;
  const std::int64_t expected = algebra == Algebra::kSeparate ? mask.size() : 0;
  PEMA_CHECK(up == expected, kInvalidArgument, "row ", row, ": the mask of profile '", lease.name,
             "' has an up side over ", up, " adapters, algebra ", to_string(algebra), " asks for ",
             expected);
  for (const std::vector<float>* side : {&mask.down_weights, &mask.up_weights}) {
    for (const float weight : *side) {
      PEMA_CHECK(std::isfinite(weight), kInvalidArgument, "row ", row, ": the mask of profile '",
                 lease.name, "' holds NaN or infinity");
    }
  }
}

void check_lease(const ModelInfo& model, const Lease& lease, FeatureSite site, std::int64_t row) {
  lease.schedule.validate();
  const auto belongs = [&](const Digest& made_for, std::int64_t hidden, const char* what) {
    PEMA_CHECK(made_for == model.fingerprint && hidden == model.hidden, kMismatch, "row ", row,
               ": a ", what, " of profile '", lease.name, "' was made for base model ",
               made_for.short_hex(), " (width ", hidden, "), this engine runs ",
               model.fingerprint.short_hex(), " (width ", model.hidden,
               "); enrol the profile with this model");
  };
  if (lease.pool) {
    const PoolInfo& info = lease.pool->info();
    belongs(info.model, info.hidden, "pool");
    PEMA_CHECK(info.site == site, kMismatch, "row ", row, ": the pool of profile '", lease.name,
               "' reads ", to_string(info.site), " features, the batch holds ", to_string(site));
  }
  check_mask(lease, row);
  for (const auto* segments : {&lease.own, &lease.shared}) {
    for (const std::shared_ptr<const Segment>& segment : *segments) {
      PEMA_CHECK(segment != nullptr, kInvalidArgument, "row ", row, ": profile '", lease.name,
                 "' holds a null segment");
      belongs(segment->info().model, segment->info().hidden, "segment");
      PEMA_CHECK(segment->info().vocab == model.vocab, kMismatch, "row ", row,
                 ": a segment of profile '", lease.name, "' has a vocabulary of ",
                 segment->info().vocab, ", the model of ", model.vocab);
    }
  }
}

}  // namespace

void check(Context& context, const Batch& batch) {
  check_shapes(context.model, batch);
  std::unordered_set<const Lease*> seen;
  for (std::int64_t row = 0; row < batch.features.rows; ++row) {
    const auto i = static_cast<std::size_t>(row);
    PEMA_CHECK(batch.step[i] >= 0 && batch.source_length[i] >= 0, kInvalidArgument, "row ", row,
               ": step ", batch.step[i], " and source_length ", batch.source_length[i],
               " must not be negative");
    const Lease* lease = batch.leases[i];
    if (lease != nullptr && seen.insert(lease).second) {
      check_lease(context.model, *lease, batch.site, row);
    }
  }
  // What lies on a device alone is looked at there.
  if (batch.features.data != nullptr || batch.logits.data != nullptr) check_values(context, batch);
}

void check_head(const ModelInfo& model, const Head& head) {
  const auto gain = std::ssize(head.norm_weight);
  const auto layer_gain = std::ssize(head.layer_norm_weight);
  PEMA_CHECK(model.hidden > 0 && model.vocab > 0 && head.weight.rows() == model.vocab &&
                 head.weight.cols() == model.hidden && gain == model.hidden &&
                 (layer_gain == 0 || layer_gain == model.hidden),
             kMismatch, "the head [", head.weight.rows(), ", ", head.weight.cols(),
             "] with norms of ", gain, " and ", layer_gain, " does not belong to model ",
             model.name, " [", model.vocab, ", ", model.hidden, "]");
}

}  // namespace pema::engine
