/// The rows that a pool's people teach with.
#pragma once

#include <span>
#include <vector>

#include "pema/train/trainer.h"
#include "tools/experiment/material.h"

namespace pema::tools {

/// Which parts of a pool person's texts teach. The dev part never does: it stops training in time.
enum class PoolParts : std::uint8_t {
  kTrain,         ///< for people who are tested later
  kTrainAndTest,  ///< for people whom nobody is tested on
};

/// Copies; `people` must outlive it all the same, for the dev rows. Thread-safety: immutable.
class PoolRows {
 public:
  PoolRows(std::span<const PersonMaterial* const> people, PoolParts parts);
  /// In the order of `people`; views of this object.
  [[nodiscard]] std::vector<train::PoolPerson> people() const;
  /// Everybody's rows in one set.
  [[nodiscard]] SampleSet train() const;
  [[nodiscard]] SampleSet dev() const;

 private:
  std::vector<SampleSet> train_;
  std::vector<const SampleSet*> dev_;
};

}  // namespace pema::tools
