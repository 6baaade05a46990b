/// People who each repeat a letter of their own: something to learn.
#pragma once

#include <string>

#include "pema/data/dataset.h"

namespace pema::test {

/// `people` of them, each with so many entries in train, dev and test.
[[nodiscard]] inline data::DataSet letter_people(int people, int train, int dev, int test) {
  data::DataSet data;
  data.source = "changelogs";
  data.task = "PEMA_changelog";
  for (int i = 0; i < people; ++i) {
    data::Person person;
    person.key = "person-" + std::to_string(i);
    const std::string word(6, static_cast<char>('a' + i));
    for (int entry = 0; entry < train + dev + test; ++entry) {
      auto& part = entry < train ? person.train : entry < train + dev ? person.dev : person.test;
      part.push_back({std::to_string(i) + "-" + std::to_string(entry),
                      "2020-01-0" + std::to_string(entry + 1), "say:\n",
                      word + std::to_string(entry)});
    }
    data.people.push_back(std::move(person));
  }
  data.digest = data::dataset_digest(data);
  return data;
}

}  // namespace pema::test
