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

/// `people` must outlive it. Thread-safety: immutable.
class PoolRows {
 public:
  PoolRows(std::span<const PersonMaterial* const> people, PoolParts parts)
      : people_(people), parts_(parts) {}

  /// For train_pool, in the order of `people`: masks learn from the train part alone, the test part
  /// is the query set. Views of the people's rows.
  [[nodiscard]] std::vector<train::PoolPerson> people() const;
  /// A copy of everybody's rows in one set, person by person, oldest first.
  [[nodiscard]] SampleSet train() const;
  [[nodiscard]] SampleSet dev() const;

 private:
  std::span<const PersonMaterial* const> people_;
  PoolParts parts_;
};

}  // namespace pema::tools
