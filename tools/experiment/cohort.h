/// Who makes the pool and who is new: the two groups never share a person.
#pragma once

#include <cstdint>
#include <vector>

#include "pema/data/dataset.h"

namespace pema::tools {

/// Indices into DataSet::people (most entries first).
struct Cohort {
  std::vector<std::size_t> pool;
  std::vector<std::size_t> fresh;  ///< new people, never seen in pool training
};

/// Three of each eleven people in a row are new (numbers 3, 7 and 10), so both groups have people
/// with many and with few entries; 88 people give the 64 + 24 of design.md section 4. Throws
/// kInvalidArgument for fewer than 8 people.
[[nodiscard]] Cohort split_people(std::int64_t people);

/// Leaves only the pool's people. Throws as split_people.
void leave_out_new_people(data::DataSet& data);

}  // namespace pema::tools
