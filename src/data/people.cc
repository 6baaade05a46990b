#include "src/data/people.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "pema/error.h"

namespace pema::data {
namespace {

std::int64_t count(const History& history) noexcept {
  return static_cast<std::int64_t>(history.entries.size());
}

Person split(History history, const BuildOptions& options) {
  const std::int64_t kept =
      options.entries == 0 ? count(history) : std::min(count(history), options.entries);
  const std::int64_t skipped = count(history) - kept;
  const auto n = static_cast<double>(kept);
  const std::int64_t dev =
      std::clamp<std::int64_t>(std::llround(options.split.dev * n), 1, kept - 2);
  const std::int64_t train =
      std::clamp<std::int64_t>(std::llround(options.split.train * n), 1, kept - dev - 1);

  Person person;
  person.key = std::move(history.key);
  const auto first = std::make_move_iterator(history.entries.begin() + skipped);
  person.train.assign(first, first + train);
  person.dev.assign(first + train, first + train + dev);
  person.test.assign(first + train + dev, std::make_move_iterator(history.entries.end()));
  return person;
}

}  // namespace

void check_options(const BuildOptions& options) {
  PEMA_CHECK(options.people >= 0, kInvalidArgument, "people is ", options.people,
             "; give a number >= 0 (0: everybody)");
  PEMA_CHECK(options.min_entries >= 3, kInvalidArgument, "min_entries is ", options.min_entries,
             "; a person needs at least 3 entries, one each for train, dev and test");
  PEMA_CHECK(options.entries == 0 || options.entries >= 3, kInvalidArgument, "entries is ",
             options.entries, "; give 0 (all) or at least 3, one each for train, dev and test");
  const TimeSplit& split = options.split;
  PEMA_CHECK(split.train > 0 && split.train < 1 && split.dev >= 0 && split.train + split.dev < 1,
             kInvalidArgument, "the split is train ", split.train, " and dev ", split.dev,
             "; train must be in (0, 1), dev in [0, 1) and their sum below 1");
}

std::vector<Person> split_people(std::vector<History> histories, const BuildOptions& options) {
  std::erase_if(histories, [&](const History& h) { return count(h) < options.min_entries; });
  std::sort(histories.begin(), histories.end(), [](const History& a, const History& b) {
    return count(a) != count(b) ? count(a) > count(b) : a.key < b.key;
  });
  if (options.people > 0 && static_cast<std::int64_t>(histories.size()) > options.people) {
    histories.resize(static_cast<std::size_t>(options.people));
  }
  std::vector<Person> people;
  people.reserve(histories.size());
  for (History& history : histories) people.push_back(split(std::move(history), options));
  return people;
}

std::int64_t longest_history(const std::vector<History>& histories) noexcept {
  std::int64_t longest = 0;
  for (const History& history : histories) longest = std::max(longest, count(history));
  return longest;
}

}  // namespace pema::data
