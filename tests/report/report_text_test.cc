#include "tools/report/report_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "pema/error.h"
#include "tools/report/report_style.h"
#include "tools/report/report_svg.h"

namespace pema::tools::report {
namespace {

const std::string kMinus = "\xE2\x88\x92";
const std::string kBad = "\xEF\xBF\xBD";

TEST(ReportText, EscapesEveryCharacterThatMarkupReads) {
  EXPECT_EQ(escape("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(escape("&lt;"), "&amp;lt;");
}

TEST(ReportText, KeepsValidTextAndReplacesTheRest) {
  EXPECT_EQ(clean("Z\xC3\xBCrich \xE4\xB8\xAD \xF0\x9F\x99\x82\t\n"),
            "Z\xC3\xBCrich \xE4\xB8\xAD \xF0\x9F\x99\x82\t\n");
  EXPECT_EQ(clean("a\r\nb"), "a\nb");
  EXPECT_EQ(clean(std::string("a\0b", 3)), "a" + kBad + "b");
  EXPECT_EQ(clean("\x1b[31m"), kBad + "[31m");
  EXPECT_EQ(clean("\xC2\x85"), kBad);                               // C1 control
  EXPECT_EQ(clean("\xE2\x80\xAE"), kBad);                           // right-to-left override
  EXPECT_EQ(clean("\xEF\xBF\xBF"), kBad);                           // noncharacter U+FFFF
  EXPECT_EQ(clean("\xC0\xAF"), kBad + kBad);                        // overlong slash
  EXPECT_EQ(clean("\xED\xA0\x80"), kBad + kBad + kBad);             // surrogate
  EXPECT_EQ(clean("\xF4\x90\x80\x80"), kBad + kBad + kBad + kBad);  // beyond U+10FFFF
  EXPECT_EQ(clean("ab\xE2\x82"), "ab" + kBad + kBad);               // cut short
}

TEST(ReportText, EveryTwoByteInputBecomesCleanText) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string raw = {static_cast<char>(a), static_cast<char>(b)};
      const std::string once = clean(raw);
      EXPECT_EQ(clean(once), once) << a << " " << b;
      EXPECT_EQ(escape(raw).find('<'), std::string::npos);
    }
  }
}

TEST(ReportText, ShortensByCodePoints) {
  EXPECT_EQ(shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(shorten("abcdefg", 6), "abcde\xE2\x80\xA6");
  EXPECT_EQ(shorten("\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F", 3), "\xC3\xA4\xC3\xB6\xE2\x80\xA6");
  EXPECT_EQ(prefix("\xC3\xA4\xC3\xB6", 1), "\xC3\xA4");
  EXPECT_EQ(prefix("ab", 9), "ab");
}

TEST(ReportText, WritesNumbersForReaders) {
  EXPECT_EQ(fixed(4.4674, 3), "4.467");
  EXPECT_EQ(fixed(-0.5, 1), kMinus + "0.5");
  EXPECT_EQ(fixed(-0.0001, 3), "0.000");
  EXPECT_EQ(fixed(999, 0), "999");
  EXPECT_EQ(fixed(1383000, 0), "1,383,000");
  EXPECT_EQ(fixed(-1234.5, 1), kMinus + "1,234.5");
  EXPECT_EQ(fixed(1e15, 0), "1,000,000,000,000,000");
  EXPECT_EQ(signed_fixed(0.25, 2), "+0.25");
  EXPECT_EQ(signed_fixed(0.001, 2), "0.00");
  EXPECT_EQ(signed_fixed(-0.25, 2), kMinus + "0.25");
  EXPECT_EQ(trimmed(0.50, 3), "0.5");
  EXPECT_EQ(trimmed(100, 1), "100");
  EXPECT_EQ(coordinate(-0.001), "0");
  EXPECT_EQ(coordinate(12.5), "12.5");
}

TEST(ReportText, WritesSizesAndTimes) {
  EXPECT_EQ(byte_size(0), "0 B");
  EXPECT_EQ(byte_size(128), "128 B");
  EXPECT_EQ(byte_size(36864), "36.9 kB");
  EXPECT_EQ(byte_size(1.383e6), "1.38 MB");
  EXPECT_EQ(byte_size(1e15), "1,000 TB");
  EXPECT_EQ(duration(2.14), "2.1 s");
  EXPECT_EQ(duration(59.7), "1 min 00 s");
  EXPECT_EQ(duration(320), "5 min 20 s");
  EXPECT_EQ(duration(3725), "1 h 02 min");
}

TEST(ReportText, ATableRefusesARowOfAnotherWidth) {
  EXPECT_NE(table("<cap>", {{"a", false}}, {{"1"}}).find("&lt;cap&gt;"), std::string::npos);
  EXPECT_THROW((void)table("", {{"a", false}, {"b", true}}, {{"1"}}), Error);
}

TEST(ReportSvg, TicksAreRoundAndInside) {
  EXPECT_EQ(ticks(0, 1, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(ticks(3, 3, 5), std::vector<double>{3});
  EXPECT_EQ(ticks(-1, 1, 4), (std::vector<double>{-1, -0.5, 0, 0.5, 1}));
  EXPECT_EQ(tick_digits(ticks(0, 1, 5)), 1);
  EXPECT_EQ(tick_digits(ticks(0, 5000, 5)), 0);
  for (const double span : {1e-6, 0.03, 1.0, 7.7, 1e9}) {
    const std::vector<double> values = ticks(1, 1 + span, 6);
    EXPECT_GE(values.size(), 3U) << span;
    EXPECT_LE(values.size(), 14U) << span;
  }
}

/// WCAG relative luminance of "#rrggbb".
double luminance(const std::string& hex) {
  const auto channel = [&](std::size_t at) {
    const double c = std::stoi(hex.substr(at, 2), nullptr, 16) / 255.0;
    return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

double contrast(const std::string& a, const std::string& b) {
  const double x = luminance(a) + 0.05;
  const double y = luminance(b) + 0.05;
  return x > y ? x / y : y / x;
}

TEST(ReportStyle, ColoursMeetAaInLightDarkAndPrint) {
  const std::string css(style_sheet());
  EXPECT_EQ(css.find('<'), std::string::npos);
  EXPECT_EQ(css.find('&'), std::string::npos);
  std::size_t at = 0;
  int schemes = 0;
  while ((at = css.find("--bg:", at)) != std::string::npos) {
    const std::string scheme = css.substr(at, css.find('}', at) - at);
    const auto colour = [&](const std::string& name) {
      return scheme.substr(scheme.find("--" + name + ": ") + name.size() + 4, 7);
    };
    for (const std::string& back : {colour("bg"), colour("panel")}) {
      for (const char* ink : {"ink", "muted", "link"}) {
        EXPECT_GE(contrast(colour(ink), back), 4.5) << ink << " on " << back;
      }
      for (const char* mark : {"s1", "s2", "base", "axis"}) {
        EXPECT_GE(contrast(colour(mark), back), 3.0) << mark << " on " << back;
      }
    }
    ++schemes;
    ++at;
  }
  EXPECT_EQ(schemes, 3);
}

}  // namespace
}  // namespace pema::tools::report
