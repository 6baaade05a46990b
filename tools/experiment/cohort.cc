#include "tools/experiment/cohort.h"

#include "pema/error.h"

namespace pema::tools {

Cohort split_people(std::int64_t people) {
  PEMA_CHECK(
      people >= 8, kInvalidArgument, people,
      " people are too few for a pool and new people; at least 8 with enough entries are needed");
  Cohort cohort;
  for (std::int64_t i = 0; i < people; ++i) {
    const std::int64_t place = i % 11;
    auto& group = place == 3 || place == 7 || place == 10 ? cohort.fresh : cohort.pool;
    group.push_back(static_cast<std::size_t>(i));
  }
  return cohort;
}

void leave_out_new_people(data::DataSet& data) {
  std::vector<data::Person> kept;
  for (const std::size_t index : split_people(static_cast<std::int64_t>(data.people.size())).pool) {
    kept.push_back(std::move(data.people[index]));
  }
  data.people = std::move(kept);
  data.digest = data::dataset_digest(data);
}

}  // namespace pema::tools
