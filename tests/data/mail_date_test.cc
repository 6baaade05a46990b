#include "src/data/mail_date.h"

#include <gtest/gtest.h>

#include <string>

namespace pema::data {
namespace {

constexpr std::int64_t kNoon2006 = 1136239445;  // 2006-01-02 22:04:05 UTC

TEST(MailDate, ReadsTheFormsOfTrailers) {
  for (const char* text : {"Mon, 02 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 -0700",
                           "  Mon,  2 Jan 2006 22:04:05 +0000", "Mon, 2 January 2006 22:04:05 GMT",
                           "Tue, 3 jan 2006 03:34:05 +0530", "Mon, 02 Jan 06 22:04:05 UTC",
                           "Mon, 02 Jan 2006 14:04:05 PST", "Mon, 02 Jan 2006 23:04:05 +0100 (CET)",
                           "Mon, 02 Jan 2006 22:04:05"}) {
    EXPECT_EQ(parse_mail_date(text), kNoon2006) << text;
  }
  EXPECT_EQ(parse_mail_date("Mon, 2 Jan 2006 22:04 +0000"), kNoon2006 - 5);
  EXPECT_EQ(parse_mail_date("1 Jan 1970 00:00:00 +0000"), 0);
  EXPECT_EQ(parse_mail_date("Tue, 29 Feb 2000 00:00:00 +0000"), 951782400);
}

TEST(MailDate, RefusesWhatIsNoDate) {
  for (const char* text : {"",
                           "Mon,",
                           "yesterday",
                           "30 Feb 2006 15:04:05 +0000",
                           "29 Feb 2001 00:00:00 +0000",
                           "0 Jan 2006 15:04:05 +0000",
                           "32 Jan 2006 15:04:05 +0000",
                           "2 Foo 2006 15:04:05 +0000",
                           "2 Jan 2006 25:04:05 +0000",
                           "2 Jan 2006 15:61:05 +0000",
                           "2 Jan 2006 15:04:61 +0000",
                           "2 Jan 2006 15:04:05 +9900",
                           "2 Jan 2006 15:04:05 +0060",
                           "2 Jan 2006 15:04:05 XYZ",
                           "2 Jan 2006 15:04:05 +0000 more",
                           "2 Jan 20060 15:04:05 +0000",
                           "2 Jan 2006 +0000",
                           "1 Jan 1970 00:00:00 +0100",
                           "31 Dec 1969 23:59:59 +0000",
                           "31 Dec 9999 23:59:59 -0100",
                           "2006-01-02 15:04:05"}) {
    EXPECT_EQ(parse_mail_date(text), std::nullopt) << text;
  }
}

TEST(MailDate, EveryPrefixIsADateOrNothing) {
  const std::string text = "Mon, 02 Jan 2006 15:04:05 -0700";
  int accepted = 0;
  for (std::size_t n = 0; n <= text.size(); ++n) {
    accepted += parse_mail_date(text.substr(0, n)).has_value() ? 1 : 0;
  }
  // The whole text, the text without zone (twice: with and without the space), without seconds.
  EXPECT_EQ(accepted, 4);
}

TEST(IsoDate, IsInUtc) {
  EXPECT_EQ(iso_date(0), "1970-01-01");
  EXPECT_EQ(iso_date(kNoon2006), "2006-01-02");
  EXPECT_EQ(iso_date(*parse_mail_date("1 Jan 2020 00:30:00 +0100")), "2019-12-31");
  EXPECT_EQ(iso_date(*parse_mail_date("31 Dec 9999 23:59:59 +0000")), "9999-12-31");
}

}  // namespace
}  // namespace pema::data
