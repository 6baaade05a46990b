#include "tools/experiment/pool_rows.h"

namespace pema::tools {

std::vector<train::PoolPerson> PoolRows::people() const {
  std::vector<train::PoolPerson> result;
  result.reserve(people_.size());
  for (const PersonMaterial* person : people_) {
    train::PoolPerson teacher{person->train.view(), person->dev.view()};
    if (parts_ == PoolParts::kTrainAndTest) teacher.query = person->test.view();
    result.push_back(teacher);
  }
  return result;
}

SampleSet PoolRows::train() const {
  std::vector<const SampleSet*> sets;
  for (const PersonMaterial* person : people_) {
    sets.push_back(&person->train);
    if (parts_ == PoolParts::kTrainAndTest) sets.push_back(&person->test);
  }
  return SampleSet::concatenate(sets);
}

SampleSet PoolRows::dev() const {
  std::vector<const SampleSet*> sets;
  sets.reserve(people_.size());
  for (const PersonMaterial* person : people_) sets.push_back(&person->dev);
  return SampleSet::concatenate(sets);
}

}  // namespace pema::tools
