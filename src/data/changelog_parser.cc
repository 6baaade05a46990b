#include "src/data/changelog_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "src/core/utf8.h"
#include "src/data/mail_date.h"

namespace pema::data {
namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}
bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_name(char c) noexcept { return is_word(c) || c == '+' || c == '-' || c == '.'; }

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

/// Takes the leading part of `rest` that consists of `accept` characters.
template <typename Accept>
std::string_view take(std::string_view& rest, Accept accept) noexcept {
  const auto end = std::find_if_not(rest.begin(), rest.end(), accept);
  const std::string_view taken = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(taken.size());
  return taken;
}

/// Sets urgency and the build daemons' mark from "key=value, key=value".
void read_settings(std::string_view settings, ChangelogEntry& entry) {
  entry.urgency = "unknown";
  while (!settings.empty()) {
    const std::size_t comma = settings.find(',');
    const std::string_view setting = settings.substr(0, comma);
    settings.remove_prefix(comma == std::string_view::npos ? settings.size() : comma + 1);
    const std::size_t equals = setting.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string key = lower(trim(setting.substr(0, equals)));
    const std::string value = lower(trim(setting.substr(equals + 1)));
    if (key == "urgency" && !value.empty()) entry.urgency = value;
    if (key == "binary-only" && value == "yes") entry.fault = EntryFault::kMachine;
  }
}

/// An entry with its header's fields, or nothing when the line is not a header.
std::optional<ChangelogEntry> parse_header(std::string_view text) {
  ChangelogEntry entry;
  if (text.empty() || !is_word(text.front())) return std::nullopt;
  entry.source = take(text, is_name);
  if (take(text, is_space).empty() || text.empty() || text.front() != '(') return std::nullopt;
  text.remove_prefix(1);
  entry.version = take(text, [](char c) { return !is_space(c) && c != '(' && c != ')'; });
  if (entry.version.empty() || text.empty() || text.front() != ')') return std::nullopt;
  text.remove_prefix(1);
  while (!take(text, is_space).empty()) {
    const std::string_view distribution = take(text, is_name);
    if (distribution.empty()) break;
    if (!entry.distributions.empty()) entry.distributions += ' ';
    entry.distributions += distribution;
  }
  if (entry.distributions.empty() || text.empty() || text.front() != ';') return std::nullopt;
  read_settings(text.substr(1), entry);
  return entry;
}

}  // namespace

bool ChangelogParser::line(std::string_view text) {
  const std::string_view content = trim(text);
  if (content.empty()) return true;
  if (std::optional<ChangelogEntry> header = parse_header(text)) {
    close_entry();
    current_ = std::move(*header);
    open_ = seen_header_ = true;
    utf8_ = core::is_utf8(text);
    return true;
  }
  const bool comment = content.front() == '#' && !is_space(text.front());
  if (!seen_header_) return comment;
  if (!open_ || comment) return true;
  utf8_ = utf8_ && core::is_utf8(text);
  if (text.starts_with(" -- ") || text.starts_with("-- ") || content == "--") {
    trailer(content.substr(2));
  } else if (is_space(text.front())) {
    if (!current_.text.empty()) current_.text += '\n';
    current_.text += content;
  } else if (current_.fault == EntryFault::kNone) {
    current_.fault = EntryFault::kMalformed;
  }
  return true;
}

void ChangelogParser::trailer(std::string_view text) {
  const std::size_t open = text.rfind('<');
  const std::size_t close = open == std::string_view::npos ? open : text.find('>', open);
  EntryFault fault = EntryFault::kNone;
  if (close == std::string_view::npos) {
    fault = EntryFault::kMalformed;
  } else {
    current_.name = trim(text.substr(0, open));
    current_.mail = trim(text.substr(open + 1, close - open - 1));
    const std::optional<std::int64_t> seconds = parse_mail_date(text.substr(close + 1));
    current_.utc_seconds = seconds.value_or(0);
    if (current_.name.empty() && current_.mail.empty()) fault = EntryFault::kMalformed;
    if (!seconds) fault = EntryFault::kBadDate;
  }
  if (fault == EntryFault::kNone && current_.text.empty()) fault = EntryFault::kEmpty;
  // What was wrong first is what is reported, except that nothing can be said about unreadable
  // text.
  if (current_.fault == EntryFault::kNone) current_.fault = fault;
  if (!utf8_) current_.fault = EntryFault::kNotUtf8;
  entries_.push_back(std::move(current_));
  open_ = false;
}

void ChangelogParser::close_entry() {
  if (!open_) return;
  current_.fault = utf8_ ? EntryFault::kMalformed : EntryFault::kNotUtf8;
  entries_.push_back(std::move(current_));
  open_ = false;
}

void ChangelogParser::finish() { close_entry(); }

std::vector<ChangelogEntry> parse_changelog(std::string_view text) {
  ChangelogParser parser;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (!parser.line(text.substr(0, end))) return {};
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  parser.finish();
  return std::move(parser.entries());
}

}  // namespace pema::data
