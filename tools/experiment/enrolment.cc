#include "tools/experiment/enrolment.h"

#include "pema/error.h"
#include "pema/train/tune.h"
#include "tools/experiment/scoring.h"

namespace pema::tools {
namespace {

/// A dev part has a few hundred rows at most (docs/decisions/0003).
constexpr double kPriorRows = 100;

}  // namespace

std::shared_ptr<const Segment> make_segment(const train::Base& base, const Samples& rows,
                                            const KeyChoice& choice) {
  if (rows.rows() == 0) return nullptr;
  Matrix<float> keys(rows.rows(), base.info->hidden);
  make_recall_keys(rows.features, base.site, base.head->norm_weight, keys.view());
  SegmentInfo info;
  info.model = base.info->fingerprint;
  info.site = base.site;
  info.hidden = base.info->hidden;
  info.vocab = base.info->vocab;
  return make_segment(info, keys.view(), rows.targets, choice);
}

LambdaSchedule prior_schedule(bool own, bool shared) {
  LambdaSchedule schedule;
  schedule.lambda_max = 0.8;
  schedule.lambda_own = own ? 0.2 : 0.0;
  schedule.lambda_shared = shared ? 0.1 : 0.0;
  return schedule;
}

LambdaSchedule tune_lambdas(Workshop& shop, const Lease& lease, const Samples& dev) {
  const LambdaSchedule prior = prior_schedule(!lease.own.empty(), !lease.shared.empty());
  if (dev.rows() == 0) return prior;
  const ScoredRows rows(dev, shop.head, shop.threads);
  Lease start = lease;
  start.schedule = prior;
  train::TuneOptions options;
  options.prior_rows = kPriorRows;
  return train::tune_schedule(rows.sources(shop.engine, start), prior, options).schedule;
}

ProfileRecord store_profile(Workshop& shop, const std::string& name, PoolId pool,
                            const ProfileMask& mask, const std::shared_ptr<const Segment>& own,
                            const std::vector<SegmentId>& shared, const Samples& dev,
                            OnExisting on_existing, bool gate) {
  Lease lease;
  lease.pool = shop.store.load_pool(pool);
  lease.mask = mask;
  lease.mask_digest = mask.digest();
  if (own != nullptr) lease.own.push_back(own);
  for (const SegmentId id : shared) {
    for (auto& content : shop.store.load_list(id)) lease.shared.push_back(std::move(content));
  }

  ProfileDraft draft;
  draft.name = name;
  draft.pool = pool;
  draft.mask = mask;
  draft.schedule = tune_lambdas(shop, lease, dev);
  draft.schedule.gate =
      gate && lease.pool->gate() != nullptr && !(lease.own.empty() && lease.shared.empty());
  draft.segments = shared;
  if (own != nullptr) draft.own_segments.push_back(own);
  return shop.store.put_profile(draft, on_existing);
}

ProfileRecord enrol_person(Workshop& shop, const std::string& name, const PoolRecord& pool,
                           const PersonMaterial& person, const EnrolOptions& options) {
  PEMA_CHECK(person.train.rows() > 0, kInvalidArgument, "person '", person.key,
             "' has an empty history; a profile is learnt from at least one text");
  PEMA_CHECK(pool.info.site == shop.site, kMismatch, "pool '", pool.name, "' reads ",
             to_string(pool.info.site), " features, these are ", to_string(shop.site),
             "; take the texts' features at the pool's site");
  const auto adapters = shop.store.load_pool(pool.id);
  const ProfileMask mask = train::learn_mask(shop.base(), *adapters, person.train.view(),
                                             person.dev.view(), options.mask, shop.progress);
  const auto own =
      options.own_segment ? make_segment(shop.base(), person.train.view(), options.keys) : nullptr;
  return store_profile(shop, name, pool.id, mask, own, options.shared_segments, person.dev.view(),
                       options.on_existing, options.gate);
}

}  // namespace pema::tools
