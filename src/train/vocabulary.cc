#include "src/train/vocabulary.h"

#include <algorithm>
#include <numeric>

namespace pema::train {

Vocabulary choose_vocabulary(std::span<const Samples> sets, std::span<const double> mass,
                             std::int64_t size) {
  std::vector<char> chosen(mass.size(), 0);
  std::int64_t count = 0;
  for (const Samples& set : sets) {
    for (const std::int32_t target : set.targets) {
      char& flag = chosen[static_cast<std::size_t>(target)];
      count += flag == 0 ? 1 : 0;
      flag = 1;
    }
  }
  std::vector<std::int64_t> order(mass.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return mass[static_cast<std::size_t>(a)] > mass[static_cast<std::size_t>(b)];
  });
  for (std::size_t i = 0; i < order.size() && count < size; ++i) {
    char& flag = chosen[static_cast<std::size_t>(order[i])];
    count += flag == 0 ? 1 : 0;
    flag = 1;
  }
  Vocabulary result;
  result.position_of.assign(mass.size(), -1);
  for (std::size_t word = 0; word < chosen.size(); ++word) {
    if (chosen[word] == 0) continue;
    result.position_of[word] = static_cast<std::int64_t>(result.words.size());
    result.words.push_back(static_cast<std::int64_t>(word));
  }
  return result;
}

Vocabulary full_vocabulary(std::int64_t vocab) {
  Vocabulary result;
  result.words.resize(static_cast<std::size_t>(vocab));
  std::iota(result.words.begin(), result.words.end(), 0);
  result.position_of = result.words;
  return result;
}

}  // namespace pema::train
