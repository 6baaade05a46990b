#include "tools/text_stream.h"

#include <algorithm>
#include <utility>

#include "src/core/utf8.h"

namespace pema::tools {
namespace {

/// Longest suffix of `text` that is a proper prefix of `stop`.
std::size_t possible_stop(std::string_view text, std::string_view stop) noexcept {
  for (std::size_t size = std::min(text.size(), stop.size() - 1); size > 0; --size) {
    if (text.ends_with(stop.substr(0, size))) return size;
  }
  return 0;
}

}  // namespace

std::size_t complete_prefix(std::string_view bytes) noexcept {
  for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const std::size_t start = bytes.size() - back;
    if (core::utf8_is_unfinished(bytes.substr(start))) return start;
  }
  return bytes.size();
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t size = core::utf8_character_bytes(bytes);
    text += size > 0 ? bytes.substr(0, size) : std::string_view("\xef\xbf\xbd");
    bytes.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return text;
}

TextStream::TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string TextStream::push(std::string_view bytes) {
  if (stopped_) return {};
  held_ += bytes;
  std::size_t end = std::string::npos;
  for (const std::string& stop : stops_) end = std::min(end, held_.find(stop));
  if (end != std::string::npos) {
    stopped_ = true;
    held_.resize(end);
    return finish();
  }
  std::size_t ready = complete_prefix(held_);
  for (const std::string& stop : stops_) {
    ready = std::min(ready, held_.size() - possible_stop(held_, stop));
  }
  std::string text = replace_invalid_utf8(std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
  return text;
}

std::string TextStream::finish() {
  std::string text = replace_invalid_utf8(held_);
  held_.clear();
  return text;
}

}  // namespace pema::tools
