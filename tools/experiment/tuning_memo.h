/// What tuning several profiles of one person has in common, computed once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "pema/model.h"
#include "pema/store.h"
#include "tools/experiment/scoring.h"

namespace pema::tools {

/// Thread-safety: one thread at a time.
class TuningMemo {
 public:
  using Segments = std::vector<std::shared_ptr<const Segment>>;

  /// `dev` with the base model's logits, those of the call before when the rows are the same ones
  /// in memory: whose rows these are must outlive the memo. Valid until the next call.
  [[nodiscard]] const ScoredRows& score(const Samples& dev, const Head& head, std::int64_t threads);
  /// The contents of a shared segment of `store`, which may not change while the memo lives. Throws
  /// as Store::load_list.
  [[nodiscard]] const Segments& shared(const Store& store, SegmentId id);

 private:
  const float* features_ = nullptr;
  std::optional<ScoredRows> rows_;
  std::map<SegmentId, Segments> shared_;
};

}  // namespace pema::tools
