#include "tools/terminal/progress_bar.h"

#include <algorithm>
#include <utility>

#include "tools/terminal/output.h"
#include "tools/terminal/signals.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kLine = std::chrono::seconds(10);
constexpr int kBarCells = 24;

double seconds_between(ProgressStyle::Clock::time_point from, ProgressStyle::Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string percent(std::int64_t done, std::int64_t total) {
  return message(std::clamp<std::int64_t>(done * 100 / total, 0, 100), " %");
}

}  // namespace

ProgressStyle progress_style(bool quiet) {
  ProgressStyle style;
  style.kind = quiet                 ? ProgressStyle::Kind::kNone
               : error_is_terminal() ? ProgressStyle::Kind::kBar
                                     : ProgressStyle::Kind::kLines;
  style.columns = terminal_columns;
  style.write = [](std::string_view text) { print_error(text); };
  style.now = [] { return ProgressStyle::Clock::now(); };
  style.stop_requested = interrupted;
  return style;
}

ProgressBar::ProgressBar(ProgressStyle style) : style_(std::move(style)) {}

ProgressBar::~ProgressBar() {
  try {
    finish();
  } catch (...) {  // a destructor must not throw; the line then stays unfinished
  }
}

void ProgressBar::start_stage(std::string_view stage, std::int64_t done, TimePoint now) {
  finish();
  stage_ = stage;
  active_ = true;
  first_ = shown_ = done;
  started_ = last_ = now;
}

void ProgressBar::report(std::string_view stage, std::int64_t done, std::int64_t total,
                         std::string_view unit) {
  if (style_.kind == ProgressStyle::Kind::kNone) return;
  const TimePoint now = style_.now();
  const bool starts = !active_ || stage != stage_ || done < shown_;
  if (starts) start_stage(stage, done, now);
  const bool ends = total > 0 && done >= total;
  if (style_.kind == ProgressStyle::Kind::kLines) {
    if (starts || ends || line_is_due(done, total, now)) draw_line(done, total, unit, now);
  } else if (starts || ends || now - last_ >= kRedraw) {
    draw_bar(done, total, unit, now);
  }
  if (ends) {
    finish();
    active_ = false;
  }
}

bool ProgressBar::line_is_due(std::int64_t done, std::int64_t total, TimePoint now) const {
  // Both at least 5 % and a second since the last line, or ten seconds: short stages say little.
  if (now - last_ >= kLine) return true;
  return total > 0 && (done - shown_) * 20 >= total && now - last_ >= std::chrono::seconds(1);
}

std::string ProgressBar::tail(std::int64_t done, std::int64_t total, std::string_view unit,
                              TimePoint now) const {
  std::string text = total > 0 ? message(done, " of ", total, " ", unit) : message(done, " ", unit);
  const double elapsed = seconds_between(started_, now);
  if (elapsed > 0 && done > first_) {
    const double rate = static_cast<double>(done - first_) / elapsed;
    text += message(", ", format_rate(rate), "/s");
    if (total > 0 && done >= total) {
      text += message(", took ", format_duration(elapsed));
    } else if (total > 0) {
      text += message(", ", format_duration(static_cast<double>(total - done) / rate), " left");
    }
  }
  return text;
}

void ProgressBar::draw_line(std::int64_t done, std::int64_t total, std::string_view unit,
                            TimePoint now) {
  const std::string share = total > 0 ? percent(done, total) + ", " : "";
  style_.write(message(stage_, ": ", share, tail(done, total, unit, now), "\n"));
  shown_ = done;
  last_ = now;
}

void ProgressBar::draw_bar(std::int64_t done, std::int64_t total, std::string_view unit,
                           TimePoint now) {
  std::string line = stage_ + " ";
  if (total > 0) {
    const auto filled =
        static_cast<int>(std::clamp<std::int64_t>(done * kBarCells / total, 0, kBarCells));
    line += "[";
    for (int i = 0; i < kBarCells; ++i) line += i < filled ? '#' : '.';
    line += "] " + percent(done, total) + " ";
  }
  line += tail(done, total, unit, now);
  // One column stays free: a full last column would wrap on some terminals.
  const auto width = static_cast<std::size_t>(std::max(style_.columns() - 1, 1));
  while (text_columns(line) > static_cast<int>(width)) {
    while ((static_cast<unsigned char>(line.back()) & 0xc0) == 0x80) line.pop_back();
    line.pop_back();
  }
  style_.write("\r\x1b[K" + line);
  drawn_ = true;
  shown_ = done;
  last_ = now;
}

void ProgressBar::finish() {
  if (!drawn_) return;
  drawn_ = false;
  style_.write("\n");
}

}  // namespace pema::tools
