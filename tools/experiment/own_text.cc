#include "tools/experiment/own_text.h"

#include <algorithm>

#include "pema/error.h"
#include "tools/commands/prompt_source.h"

namespace pema::tools {
namespace {

constexpr std::int64_t kTextLimit = std::int64_t{1} << 28;
constexpr std::size_t kNamedKeys = 5;

/// Paragraphs without leading and trailing newlines, in order.
std::vector<std::string> paragraphs(const std::string& text) {
  std::vector<std::string> found;
  std::string current;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    const bool blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
    if (!blank) {
      if (!current.empty()) current += '\n';
      current += line;
    } else if (!current.empty()) {
      found.push_back(std::move(current));
      current.clear();
    }
    at = end + 1;
  }
  if (!current.empty()) found.push_back(std::move(current));
  return found;
}

}  // namespace

data::Person read_own_texts(const std::vector<std::string>& files) {
  data::Person person;
  for (const std::string& file : files) {
    const std::string text = read_text(file, kTextLimit);
    require_utf8(text, file);
    for (std::string& paragraph : paragraphs(text)) {
      const std::string id = message(file, ", paragraph ", person.train.size() + 1);
      person.train.push_back({id, "", "\n", std::move(paragraph)});
    }
  }
  PEMA_CHECK(!person.train.empty(), kInvalidArgument, files.empty() ? "(no file)" : files.front(),
             ": an empty history; a profile is learnt from at least one paragraph of text");
  if (person.train.size() >= 4) {
    const std::size_t dev = std::max<std::size_t>(1, person.train.size() * 15 / 100);
    const auto first = person.train.end() - static_cast<std::ptrdiff_t>(dev);
    person.dev.assign(first, person.train.end());
    person.train.erase(first, person.train.end());
  }
  return person;
}

data::Person choose_person(const data::DataSet& data, const std::string& key, bool everything) {
  const auto found =
      std::find_if(data.people.begin(), data.people.end(),
                   [&](const data::Person& person) { return key.empty() || person.key == key; });
  if (found == data.people.end() || (key.empty() && data.people.size() > 1)) {
    std::string keys;
    for (std::size_t i = 0; i < std::min(kNamedKeys, data.people.size()); ++i) {
      keys += (i == 0 ? "" : ", ") + data.people[i].key;
    }
    fail(key.empty() ? ErrorCode::kInvalidArgument : ErrorCode::kNotFound,
         key.empty() ? "there are several people; choose one with --person"
                     : message("there is no person '", key, "'"),
         "; of ", data.people.size(), " the first are: ", keys);
  }
  data::Person person = *found;
  if (everything) {
    // The newest texts tune the lambdas, everything before them teaches.
    person.train.insert(person.train.end(), person.dev.begin(), person.dev.end());
    person.dev = std::move(person.test);
    person.test.clear();
  }
  return person;
}

}  // namespace pema::tools
