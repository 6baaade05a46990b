/// From dated texts to people with a train, a dev and a test part.
#pragma once

#include <string>
#include <vector>

#include "pema/data/dataset.h"

namespace pema::data {

/// One person's texts before they are split, oldest first.
struct History {
  std::string key;
  std::vector<Example> entries;
};

/// Throws kInvalidArgument, naming the option and its range: people >= 0, min_entries >= 3,
/// entries 0 (all) or >= 3, train in (0, 1), dev in [0, 1), train + dev < 1.
void check_options(const BuildOptions& options);

/// Leaves out histories with fewer than min_entries, ranks the others by their number of entries
/// (ties by key), keeps the first `people`, cuts each to its newest `entries` and splits it:
/// train = round(train n), dev = max(1, round(dev n)), test the rest; where that leaves no test
/// entry, train gives one up, and dev after it. Requires check_options. Thread-safety: pure.
[[nodiscard]] std::vector<Person> split_people(std::vector<History> histories,
                                               const BuildOptions& options);

/// The most entries that any history has; 0 without histories. For messages.
[[nodiscard]] std::int64_t longest_history(const std::vector<History>& histories) noexcept;

}  // namespace pema::data
