#include "tools/experiment/pool_rows.h"

namespace pema::tools {

PoolRows::PoolRows(std::span<const PersonMaterial* const> people, PoolParts parts) {
  train_.reserve(people.size());
  dev_.reserve(people.size());
  for (const PersonMaterial* person : people) {
    std::vector<const SampleSet*> sets = {&person->train};
    if (parts == PoolParts::kTrainAndTest) sets.push_back(&person->test);
    train_.push_back(SampleSet::concatenate(sets));
    dev_.push_back(&person->dev);
  }
}

std::vector<train::PoolPerson> PoolRows::people() const {
  std::vector<train::PoolPerson> people;
  people.reserve(train_.size());
  for (std::size_t i = 0; i < train_.size(); ++i) {
    people.push_back({train_[i].view(), dev_[i]->view()});
  }
  return people;
}

SampleSet PoolRows::train() const {
  std::vector<const SampleSet*> sets;
  sets.reserve(train_.size());
  for (const SampleSet& set : train_) sets.push_back(&set);
  return SampleSet::concatenate(sets);
}

SampleSet PoolRows::dev() const { return SampleSet::concatenate(dev_); }

}  // namespace pema::tools
