#include "src/engine/plan.h"

#include <map>
#include <utility>

#include "pema/error.h"
#include "src/engine/lease.h"

namespace pema {

std::string_view to_string(Strategy strategy) noexcept {
  switch (strategy) {
    case Strategy::kAuto:
      return "auto";
    case Strategy::kComposed:
      return "composed";
    case Strategy::kFactored:
      return "factored";
    case Strategy::kProjected:
      return "projected";
  }
  return "unknown";
}

Strategy parse_strategy(std::string_view text) {
  for (const Strategy strategy :
       {Strategy::kAuto, Strategy::kComposed, Strategy::kFactored, Strategy::kProjected}) {
    if (text == to_string(strategy)) return strategy;
  }
  fail(ErrorCode::kInvalidArgument, "'", text,
       "' is no strategy; use auto, composed, factored or projected");
}

std::string_view to_string(NumberType type) noexcept {
  return type == NumberType::kInt8 ? "int8" : "float32";
}

NumberType parse_number_type(std::string_view text) {
  for (const NumberType type : {NumberType::kFloat32, NumberType::kInt8}) {
    if (text == to_string(type)) return type;
  }
  fail(ErrorCode::kInvalidArgument, "'", text, "' is no number type; use float32 or int8");
}

namespace engine {
namespace {

std::int64_t selected_count(const ProfileMask& mask) {
  return mask.soft() ? mask.size() : mask.down.popcount();
}

/// Whether U is worth its making: multiplications of the expected rows through U, with the making,
/// against the same rows through the head.
bool projection_pays(const ModelInfo& model, const EngineOptions& options, const Lease& lease) {
  const PoolInfo& info = lease.pool->info();
  const AdapterBlock* shared = lease.pool->shared();
  const std::int64_t shared_rows = shared ? shared->view().count * shared->view().rank : 0;
  const std::int64_t rows_of_u = shared_rows + info.adapters * info.rank;
  const double value_bytes = options.projection == NumberType::kInt8 ? 1.0 : 4.0;
  const double u_bytes =
      value_bytes * static_cast<double>(rows_of_u) * static_cast<double>(model.vocab);
  const double read = static_cast<double>(shared_rows + selected_count(lease.mask) * info.rank);
  const auto served = static_cast<double>(options.expected_rows);
  const auto d = static_cast<double>(model.hidden);
  return u_bytes <= static_cast<double>(options.cache_bytes) &&
         static_cast<double>(rows_of_u) * d + served * read < served * d;
}

}  // namespace

Strategy choose_strategy(const ModelInfo& model, const EngineOptions& options, const Lease& lease) {
  const PoolInfo& info = lease.pool->info();
  const bool separate = info.algebra == Algebra::kSeparate;
  const bool listed = neglects(options, info);
  switch (options.strategy) {
    case Strategy::kComposed:
    case Strategy::kFactored:
      return options.strategy;
    case Strategy::kProjected:
      PEMA_CHECK(!separate, kUnsupported, "strategy projected needs the mixture algebra, the pool ",
                 "of profile '", lease.name, "' uses separate; choose auto, composed or factored");
      // The norm needs the delta itself, so that only the residual form skips the head; and a few
      // words ask for less of W than of U.
      return info.form == Form::kResidual && !listed ? Strategy::kProjected : Strategy::kFactored;
    case Strategy::kAuto:
      break;
  }
  if (separate) return Strategy::kComposed;
  if (info.form == Form::kResidual && !listed && projection_pays(model, options, lease)) {
    return Strategy::kProjected;
  }
  return Strategy::kFactored;
}

Walk plan(const Context& context, const Batch& batch) {
  Walk walk;
  walk.batch = &batch;
  walk.rows.resize(batch.leases.size());
  std::map<std::pair<Digest, Digest>, std::int64_t> group_of;
  std::vector<std::int64_t> size;  // [groups]
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    const Lease* lease = batch.leases[i];
    Row& row = walk.rows[i];
    row.inert = lease == nullptr || lease->inert();
    if (row.inert || !source_weights(*lease).personal) continue;
    const auto [found, fresh] = group_of.emplace(
        std::pair{lease->pool->digest(), lease->mask_digest}, std::ssize(walk.groups));
    if (fresh) {
      Group& group = walk.groups.emplace_back();
      group.lease = lease;
      group.strategy = choose_strategy(context.model, context.options, *lease);
      size.push_back(0);
    }
    row.group = found->second;
    ++size[static_cast<std::size_t>(row.group)];
  }
  std::int64_t next = 0;
  for (std::size_t g = 0; g < walk.groups.size(); ++g) {
    walk.groups[g].begin = walk.groups[g].end = next;
    next += size[g];
  }
  walk.row_order.resize(static_cast<std::size_t>(next));
  for (std::size_t i = 0; i < walk.rows.size(); ++i) {
    if (walk.rows[i].group < 0) continue;
    Group& group = walk.groups[static_cast<std::size_t>(walk.rows[i].group)];
    walk.row_order[static_cast<std::size_t>(group.end++)] = static_cast<std::int64_t>(i);
  }
  return walk;
}

}  // namespace engine
}  // namespace pema
