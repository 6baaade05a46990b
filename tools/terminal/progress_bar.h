/// Progress for people: a bar on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "pema/progress.h"

namespace pema::tools {

/// How and where progress is shown.
struct ProgressStyle {
  enum class Kind : std::uint8_t {
    kNone,   ///< nothing, only Ctrl-C is answered
    kLines,  ///< one line per 5 %, or per 10 s when that comes later, and the last
    kBar,    ///< one line that is redrawn ten times a second at most
  };
  using Clock = std::chrono::steady_clock;
  Kind kind = Kind::kLines;
  std::function<int()> columns;                 ///< of the terminal, asked at each redraw
  std::function<void(std::string_view)> write;  ///< receives text and control characters
  std::function<Clock::time_point()> now;       ///< a clock
  std::function<bool()> stop_requested;         ///< Ctrl-C
};

/// The style for standard error as it is: bar on a terminal, lines elsewhere, none when `quiet`.
[[nodiscard]] ProgressStyle progress_style(bool quiet);

/// Shows stage, share done, rate and time left. Thread-safety: one thread at a time.
class ProgressBar : public Progress {
 public:
  explicit ProgressBar(ProgressStyle style);
  ~ProgressBar() override;
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void report(std::string_view stage, std::int64_t done, std::int64_t total,
              std::string_view unit) override;
  [[nodiscard]] bool stop_requested() const override { return style_.stop_requested(); }
  /// Ends the line of a bar that is being drawn; the next report starts a new one.
  void finish();

 private:
  using TimePoint = ProgressStyle::Clock::time_point;
  void start_stage(std::string_view stage, std::int64_t done, TimePoint now);
  [[nodiscard]] bool line_is_due(std::int64_t done, std::int64_t total, TimePoint now) const;
  void draw_line(std::int64_t done, std::int64_t total, std::string_view unit, TimePoint now);
  void draw_bar(std::int64_t done, std::int64_t total, std::string_view unit, TimePoint now);
  [[nodiscard]] std::string tail(std::int64_t done, std::int64_t total, std::string_view unit,
                                 TimePoint now) const;

  ProgressStyle style_;
  std::string stage_;
  bool active_ = false;     ///< a stage has begun and not ended
  bool drawn_ = false;      ///< a bar stands on the current line
  std::int64_t first_ = 0;  ///< done at the stage's start: cached work does not count as rate
  std::int64_t shown_ = 0;  ///< done at the last line or redraw
  TimePoint started_;
  TimePoint last_;
};

}  // namespace pema::tools
