#include "tools/experiment/enrolment.h"

#include <array>

#include "pema/error.h"
#include "pema/train/tune.h"
#include "tools/experiment/tuning_memo.h"

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

SampleSet older_rows(const PersonMaterial& person) {
  return SampleSet::concatenate(std::array{&person.train, &person.dev});
}

LambdaSchedule tune_lambdas(Workshop& shop, const PersonParts& parts,
                            const std::vector<SegmentId>& shared, const Samples& dev, bool gate) {
  Lease lease;
  lease.pool = shop.store.load_pool(parts.pool);
  lease.mask = parts.mask;
  lease.mask_digest = parts.mask.digest();
  if (parts.own != nullptr) lease.own.push_back(parts.own);
  TuningMemo alone;
  TuningMemo& memo = shop.memo != nullptr ? *shop.memo : alone;
  for (const SegmentId id : shared) {
    const TuningMemo::Segments& contents = memo.shared(shop.store, id);
    lease.shared.insert(lease.shared.end(), contents.begin(), contents.end());
  }
  lease.schedule = prior_schedule(!lease.own.empty(), !lease.shared.empty());

  LambdaSchedule schedule = lease.schedule;
  if (dev.rows() > 0) {
    const ScoredRows& rows = memo.score(dev, shop.head, shop.threads);
    train::TuneOptions options;
    options.prior_rows = kPriorRows;
    schedule =
        train::tune_schedule(rows.sources(shop.engine, lease), lease.schedule, options).schedule;
  }
  schedule.gate =
      gate && lease.pool->gate() != nullptr && !(lease.own.empty() && lease.shared.empty());
  return schedule;
}

ProfileDraft make_draft(const std::string& name, const PersonParts& parts,
                        const std::vector<SegmentId>& shared, const LambdaSchedule& schedule) {
  ProfileDraft draft;
  draft.name = name;
  draft.pool = parts.pool;
  draft.mask = parts.mask;
  draft.schedule = schedule;
  draft.segments = shared;
  if (parts.own != nullptr) draft.own_segments.push_back(parts.own);
  return draft;
}

train::RefitMask learn_person_mask(Workshop& shop, const PoolRecord& pool,
                                   const PersonMaterial& person, const train::MaskOptions& options,
                                   bool refit) {
  PEMA_CHECK(person.train.rows() > 0, kInvalidArgument, "person '", person.key,
             "' has an empty history; a profile is learnt from at least one text");
  PEMA_CHECK(pool.info.site == shop.site, kMismatch, "pool '", pool.name, "' reads ",
             to_string(pool.info.site), " features, these are ", to_string(shop.site),
             "; take the texts' features at the pool's site");
  const auto adapters = shop.store.load_pool(pool.id);
  train::MaskOptions how = options;
  how.retired = pool.retired;
  if (refit) {
    return train::refit_mask(shop.base(), *adapters, person.train.view(), person.dev.view(), how,
                             shop.progress);
  }
  const ProfileMask mask = train::learn_mask(shop.base(), *adapters, person.train.view(),
                                             person.dev.view(), how, shop.progress);
  return {mask, mask};
}

ProfileRecord enrol_person(Workshop& shop, const std::string& name, const PoolRecord& pool,
                           const PersonMaterial& person, const EnrolOptions& options) {
  const train::RefitMask mask = learn_person_mask(shop, pool, person, options.mask, options.refit);
  PersonParts parts{pool.id, mask.held_out, nullptr};
  if (options.own_segment) {
    parts.own = make_segment(shop.base(), person.train.view(), options.keys);
  }
  const LambdaSchedule schedule =
      tune_lambdas(shop, parts, options.shared_segments, person.dev.view(), options.gate);
  if (options.refit) {
    parts.mask = mask.all;
    if (options.own_segment) {
      parts.own = make_segment(shop.base(), older_rows(person).view(), options.keys);
    }
  }
  return shop.store.put_profile(make_draft(name, parts, options.shared_segments, schedule),
                                options.on_existing);
}

}  // namespace pema::tools
