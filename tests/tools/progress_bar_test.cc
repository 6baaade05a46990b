#include "tools/terminal/progress_bar.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

using namespace std::chrono_literals;
using Kind = ProgressStyle::Kind;

/// A bar with a clock that the test moves and a text that the test reads.
class ProgressBarTest : public ::testing::Test {
 protected:
  ProgressStyle style(Kind kind, int columns = 80) {
    ProgressStyle style;
    style.kind = kind;
    style.columns = [columns] { return columns; };
    style.write = [this](std::string_view text) { written_ += text; };
    style.now = [this] { return now_; };
    style.stop_requested = [this] { return stop_; };
    return style;
  }
  [[nodiscard]] std::int64_t lines() const {
    return std::count(written_.begin(), written_.end(), '\n');
  }

  std::string written_;
  ProgressStyle::Clock::time_point now_{};
  bool stop_ = false;
};

TEST_F(ProgressBarTest, LinesComePerFivePercentAndAreOrdinaryText) {
  ProgressBar bar(style(Kind::kLines));
  for (int done = 0; done <= 1000; ++done) {
    bar.report("reading", done, 1000, "tokens");
    now_ += 100ms;
  }
  EXPECT_EQ(lines(), 21);
  EXPECT_EQ(written_.find('\r'), std::string::npos);
  EXPECT_EQ(written_.find('\x1b'), std::string::npos);
  EXPECT_EQ(written_.substr(0, written_.find('\n')), "reading: 0 %, 0 of 1000 tokens");
  EXPECT_NE(written_.find("reading: 50 %, 500 of 1000 tokens, 10.0/s, 50 s left"),
            std::string::npos)
      << written_;
  EXPECT_NE(written_.find("1000 of 1000 tokens, 10.0/s, took 1 min 40 s\n"), std::string::npos);
}

TEST_F(ProgressBarTest, ShortStagesSayTwoLines) {
  ProgressBar bar(style(Kind::kLines));
  for (int done = 0; done <= 1000; ++done) bar.report("reading", done, 1000, "tokens");
  EXPECT_EQ(lines(), 2);
}

TEST_F(ProgressBarTest, SlowStagesSayALineEveryTenSeconds) {
  ProgressBar bar(style(Kind::kLines));
  for (int done = 0; done < 60; ++done) {
    bar.report("reading", done, 100000, "tokens");
    now_ += 1s;
  }
  EXPECT_EQ(lines(), 6);
}

TEST_F(ProgressBarTest, UnknownTotalsHaveNoShare) {
  ProgressBar bar(style(Kind::kLines));
  bar.report("counting", 0, 0, "files");
  EXPECT_EQ(written_, "counting: 0 files\n");
}

TEST_F(ProgressBarTest, CachedWorkDoesNotCountAsRate) {
  ProgressBar bar(style(Kind::kLines));
  bar.report("reading", 900, 1000, "tokens");
  now_ += 10s;
  bar.report("reading", 950, 1000, "tokens");
  EXPECT_NE(written_.find("950 of 1000 tokens, 5.0/s, 10 s left"), std::string::npos) << written_;
}

TEST_F(ProgressBarTest, ABarIsRedrawnTenTimesASecondAndEndsItsLine) {
  ProgressBar bar(style(Kind::kBar));
  for (int done = 0; done <= 1000; ++done) {
    bar.report("reading", done, 1000, "tokens");
    now_ += 10ms;
  }
  const auto redraws = std::count(written_.begin(), written_.end(), '\r');
  EXPECT_GE(redraws, 100);
  EXPECT_LE(redraws, 103);
  EXPECT_EQ(lines(), 1);
  EXPECT_TRUE(written_.ends_with("took 10 s\n")) << written_;
  EXPECT_NE(written_.find("[############............] 50 %"), std::string::npos);
}

TEST_F(ProgressBarTest, ABarNeverFillsTheLastColumn) {
  ProgressBar bar(style(Kind::kBar, 20));
  bar.report("a long name \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
             0, 1000, "tokens");
  const std::string line = written_.substr(written_.find("\x1b[K") + 3);
  EXPECT_EQ(text_columns(line), 19);
  EXPECT_EQ(printable(line), line);
}

TEST_F(ProgressBarTest, FinishEndsABarOnce) {
  ProgressBar bar(style(Kind::kBar));
  bar.report("reading", 0, 10, "tokens");
  bar.finish();
  bar.finish();
  EXPECT_EQ(lines(), 1);
}

TEST_F(ProgressBarTest, ANewStageBeginsANewLine) {
  ProgressBar bar(style(Kind::kBar));
  bar.report("reading", 0, 10, "tokens");
  bar.report("writing", 0, 10, "tokens");
  EXPECT_EQ(lines(), 1);
  EXPECT_NE(written_.find("writing"), std::string::npos);
}

TEST_F(ProgressBarTest, QuietWritesNothingAndStillStops) {
  ProgressBar bar(style(Kind::kNone));
  checkpoint(&bar, "reading", 5, 10, "tokens");
  stop_ = true;
  test::expect_error(
      ErrorCode::kInterrupted, [&] { checkpoint(&bar, "reading", 6, 10, "tokens"); }, "reading");
  EXPECT_EQ(written_, "");
}

}  // namespace
}  // namespace pema::tools
