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

class TuningMemo;

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
  TuningMemo* memo = nullptr;  ///< null: each tuning for itself

  [[nodiscard]] train::Base base() const { return {&model, &head, site, scores}; }
};

struct EnrolOptions {
  train::MaskOptions mask;
  bool own_segment = true;                 ///< keep the person's own text as recall memory
  KeyChoice keys;                          ///< how that stores its keys
  std::vector<SegmentId> shared_segments;  ///< what the profile may read besides
  bool gate = true;  ///< the pool's gate weighs the sources, where it has one and there is memory
  /// Once the dev part has chosen epoch and lambdas it teaches and is remembered too (train::
  /// refit_mask); false: it is held back.
  bool refit = true;
  OnExisting on_existing = OnExisting::kRefuse;
};

/// A recall segment of a person's or a public text. Null when `rows` is empty.
[[nodiscard]] std::shared_ptr<const Segment> make_segment(const train::Base& base,
                                                          const Samples& rows,
                                                          const KeyChoice& choice = {});

/// Where the tuning of lambdas begins, and stays without dev rows: four fifths of the model part
/// are personal, a fifth of all comes from own and a tenth from shared memory.
[[nodiscard]] LambdaSchedule prior_schedule(bool own, bool shared);

/// What a person's texts gave.
struct PersonParts {
  PoolId pool;
  ProfileMask mask;
  std::shared_ptr<const Segment> own;  ///< null: none
};
/// The same twice: from the train part, for tuning on the dev part, and from both, for use.
struct RefitParts {
  PersonParts held_out;
  PersonParts all;
};

/// The train and the dev part, oldest first.
[[nodiscard]] SampleSet older_rows(const PersonMaterial& person);

/// The schedule with the least NLL on the person's dev rows, which `parts` have not seen, with the
/// shared segments `shared`, under a prior; the prior itself where there are no rows. With `gate`
/// the pool's gate weighs instead, where the pool has one and there is a segment.
[[nodiscard]] LambdaSchedule tune_lambdas(Workshop& shop, const PersonParts& parts,
                                          const std::vector<SegmentId>& shared, const Samples& dev,
                                          bool gate = false);

/// A profile of these parts, to be stored.
[[nodiscard]] ProfileDraft make_draft(const std::string& name, const PersonParts& parts,
                                      const std::vector<SegmentId>& shared,
                                      const LambdaSchedule& schedule);

/// The person's mask over `pool`; without `refit` both are the one from the train part. Throws
/// kInvalidArgument (no train rows), kMismatch (site), as train::refit_mask.
[[nodiscard]] train::RefitMask learn_person_mask(Workshop& shop, const PoolRecord& pool,
                                                 const PersonMaterial& person,
                                                 const train::MaskOptions& options,
                                                 bool refit = true);

/// One person: mask over `pool` and own segment from the train rows, lambdas from the dev rows,
/// then mask and segment from both; one profile. A person without train rows is kInvalidArgument
/// (nothing to learn from). Nothing is stored when it throws; an interrupt keeps cached features
/// only.
ProfileRecord enrol_person(Workshop& shop, const std::string& name, const PoolRecord& pool,
                           const PersonMaterial& person, const EnrolOptions& options);

}  // namespace pema::tools
