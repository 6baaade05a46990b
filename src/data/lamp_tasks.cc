#include "src/data/lamp_tasks.h"

#include <algorithm>
#include <utility>

#include "pema/error.h"

namespace pema::data {
namespace {

constexpr int kCitation = 1;
constexpr int kLabel = 2;
constexpr int kPaperTitle = 5;
constexpr int kTweet = 7;

/// Share of a tweet's words that the prompt gives away; LaMP-style training uses 10 to 25 %.
constexpr std::size_t kTweetWordsPerPromptWord = 5;

struct Rule {
  std::string_view before;  ///< the question's words ahead of the item's text
  const char* text;         ///< field with the text
  const char* target;       ///< field with what is to be learnt
};

constexpr Rule kMovies = {
    "Which tag does this movie relate to among the following tags? Just answer with the tag name "
    "without further explanation. tags: [sci-fi, based on a book, comedy, action, twist ending, "
    "dystopia, dark comedy, classic, psychology, fantasy, romance, thought-provoking, social "
    "commentary, violence, true story] description: ",
    "description", "tag"};
constexpr Rule kNews = {
    "Which category does this article relate to among the following categories? Just answer with "
    "the category name without further explanation. categories: [food & drink, sports, education, "
    "parents, religion, travel, business, crime, science & technology, culture & arts, "
    "entertainment, politics, women, style & beauty, healthy living] article: ",
    "text", "category"};
constexpr Rule kRules[] = {
    {"Write an abstract for the paper with the title: ", "title", "abstract"},
    {},
    {"What is the score of the following review on a scale of 1 to 5? just answer with 1, 2, 3, 4, "
     "or 5 without further explanation. review: ",
     "text", "score"},
    {"Generate a headline for the following article: ", "text", "title"},
    {"Generate a title for the following abstract of a paper: ", "abstract", "title"},
    {"Generate a subject for the following email: ", "text", "title"},
    {"Complete the following tweet: ", "text", nullptr},
};

const Rule& rule_for(int number, const ProfileItem& item) {
  if (number != kLabel) return kRules[number - 1];
  return item.field("category").empty() ? kMovies : kNews;
}

bool blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

LampPair make_pair(std::string_view before, std::string_view text, std::string_view target) {
  LampPair pair;
  pair.prompt = message(before, text, kPromptEnd);
  pair.target = target;
  pair.text_offset = static_cast<std::int64_t>(before.size());
  pair.text_size = static_cast<std::int64_t>(text.size());
  return pair;
}

/// The first fifth of the words, one at least, and the rest.
std::optional<LampPair> tweet_pair(std::string_view before, std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  std::size_t words = 0;
  for (std::size_t at = text.find_first_not_of(kSpaces); at != text.npos;
       at = text.find_first_not_of(kSpaces,
                                   std::min(text.find_first_of(kSpaces, at), text.size()))) {
    ++words;
  }
  if (words < 2) return std::nullopt;
  const std::size_t given = std::max<std::size_t>(1, words / kTweetWordsPerPromptWord);
  const std::size_t start = text.find_first_not_of(kSpaces);
  std::size_t end = start;
  for (std::size_t i = 0; i < given; ++i) {
    end = text.find_first_of(kSpaces, text.find_first_not_of(kSpaces, end));
  }
  const std::size_t rest = text.find_first_not_of(kSpaces, end);
  return make_pair(before, text.substr(start, end - start), text.substr(rest));
}

}  // namespace

LampTask LampTask::parse(std::string_view name) {
  std::string normal(name);
  std::replace(normal.begin(), normal.end(), '-', '_');
  const bool known =
      normal.size() == 6 && normal.starts_with("LaMP_") && normal[5] >= '1' && normal[5] <= '7';
  PEMA_CHECK(known, kUnsupported, "the task \"", name,
             "\" is unknown; LaMP_1 to LaMP_7 can be read (give the right one with --task)");
  return LampTask(normal[5] - '0');
}

std::string LampTask::name() const { return message("LaMP_", number_); }

std::optional<LampPair> LampTask::pair(const ProfileItem& item) const {
  const Rule& rule = rule_for(number_, item);
  const std::string& text = item.field(rule.text);
  if (blank(text)) return std::nullopt;
  if (number_ == kTweet) return tweet_pair(rule.before, text);
  const std::string& target = item.field(rule.target);
  if (blank(target)) return std::nullopt;
  if (number_ == kCitation || number_ == kPaperTitle) {
    constexpr std::string_view kNoAbstract = "No abstract available";
    const std::string& abstract = item.field("abstract");
    if (abstract.starts_with(kNoAbstract) && abstract.size() <= kNoAbstract.size() + 1) {
      return std::nullopt;
    }
  }
  return make_pair(rule.before, text, target);
}

bool LampTask::answers(const LampPair& item, std::string_view prompt, std::string_view gold) const {
  const std::string_view text = std::string_view(item.prompt)
                                    .substr(static_cast<std::size_t>(item.text_offset),
                                            static_cast<std::size_t>(item.text_size));
  if (number_ == kTweet) {
    return gold.size() > text.size() + item.target.size() && gold.starts_with(text) &&
           gold.ends_with(item.target);
  }
  return number_ != kCitation && item.target == gold && prompt.find(text) != prompt.npos;
}

}  // namespace pema::data
