/// Enrolment on cached features: learn what a person needs, tune their lambdas, store the profile.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pema/engine.h"
#include "pema/plm/language_model.h"
#include "pema/store.h"
#include "pema/train/trainer.h"
#include "tools/experiment/material.h"
#include "tools/key_choice.h"

namespace pema::tools {

/// The open things that training and enrolment work with. Thread-safety: one thread at a time.
struct Workshop {
  Store& store;
  const ModelInfo& model;
  const Head& head;
  FeatureSite site;
  Engine& engine;
  LeaseBook& leases;
  train::BaseScores* scores = nullptr;  ///< null: computed anew in each training call
  std::int64_t threads = 0;
  Progress* progress = nullptr;

  [[nodiscard]] train::Base base() const { return {&model, &head, site, scores}; }
};

struct EnrolOptions {
  train::MaskOptions mask;
  bool own_segment = true;                 ///< keep the person's own text as recall memory
  KeyChoice keys;                          ///< how that stores its keys
  std::vector<SegmentId> shared_segments;  ///< what the profile may read besides
  bool gate = true;  ///< the pool's gate weighs the sources, where it has one and there is memory
  OnExisting on_existing = OnExisting::kRefuse;
};

/// A recall segment of a person's or a public text. Null when `rows` is empty.
[[nodiscard]] std::shared_ptr<const Segment> make_segment(const train::Base& base,
                                                          const Samples& rows,
                                                          const KeyChoice& choice = {});

/// Where the tuning of lambdas begins, and stays without dev rows: four fifths of the model part
/// are personal, a fifth of all comes from own and a tenth from shared memory.
[[nodiscard]] LambdaSchedule prior_schedule(bool own, bool shared);

/// The schedule with the least NLL on the person's dev rows, under a prior; the prior itself where
/// there are none.
[[nodiscard]] LambdaSchedule tune_lambdas(Workshop& shop, const Lease& lease, const Samples& dev);

/// Stores `mask` over `pool` with tuned lambdas under `name`; with `gate` the pool's gate weighs
/// instead of them, where the pool has one and the profile reads a segment. Throws as
/// Store::put_profile.
ProfileRecord store_profile(Workshop& shop, const std::string& name, PoolId pool,
                            const ProfileMask& mask, const std::shared_ptr<const Segment>& own,
                            const std::vector<SegmentId>& shared, const Samples& dev,
                            OnExisting on_existing, bool gate = false);

/// One person: mask over `pool` from the train rows, own segment, lambdas from the dev rows, one
/// profile. A person without train rows is kInvalidArgument (nothing to learn from). Nothing is
/// stored when it throws; an interrupt keeps cached features only.
ProfileRecord enrol_person(Workshop& shop, const std::string& name, const PoolRecord& pool,
                           const PersonMaterial& person, const EnrolOptions& options);

}  // namespace pema::tools
