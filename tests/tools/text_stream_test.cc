#include "tools/text_stream.h"

#include <gtest/gtest.h>

#include "pema/error.h"
#include "src/core/utf8.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kReplacement = "\xef\xbf\xbd";

/// What comes out when `bytes` go in one at a time.
std::string one_by_one(TextStream& stream, const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += stream.push({&byte, 1});
  return text + stream.finish();
}

TEST(TextStream, HoldsAnUnfinishedCharacter) {
  TextStream stream;
  EXPECT_EQ(stream.push("na\xc3"), "na");
  EXPECT_EQ(stream.push("\xaf"), "\xc3\xaf");
  EXPECT_EQ(stream.push("\xf0\x9f\x98"), "");
  EXPECT_EQ(stream.push("\x80!"), "\xf0\x9f\x98\x80!");
}

TEST(TextStream, AnyCutGivesTheSameText) {
  const std::string text =
      "Gr\xc3\xbc\xc3\x9f"
      "e \xe2\x82\xac \xf0\x9f\x98\x80 end";
  TextStream stream;
  EXPECT_EQ(one_by_one(stream, text), text);
}

TEST(TextStream, ReplacesWhatIsNoCharacter) {
  TextStream stream;
  EXPECT_EQ(stream.push("a\xff"
                        "b"),
            std::string("a") + kReplacement + "b");
  EXPECT_EQ(stream.push("\xe2\x82"), "");
  // The third byte does not continue the character: both held bytes are replaced.
  EXPECT_EQ(stream.push("x"), std::string(kReplacement) + kReplacement + "x");
  EXPECT_EQ(stream.push("\xc3"), "");
  EXPECT_EQ(stream.finish(), kReplacement);
}

TEST(TextStream, StopsBeforeAStopString) {
  TextStream stream({"\n\n", "END"});
  EXPECT_EQ(stream.push("one E"), "one ");
  EXPECT_EQ(stream.push("N"), "");
  EXPECT_EQ(stream.push("V\n"), "ENV");
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(stream.push("\nmore"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.push("nothing"), "");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, TheEarliestStopStringWins) {
  TextStream stream({"three", "two"});
  EXPECT_EQ(stream.push("one two three"), "one ");
}

TEST(TextStream, WhatLookedLikeAStopComesOutAtTheEnd) {
  TextStream stream({"ENDING"});
  EXPECT_EQ(stream.push("the END"), "the ");
  EXPECT_EQ(stream.finish(), "END");
}

TEST(TextStream, EmptyStopStringsDoNothing) {
  TextStream stream({""});
  EXPECT_EQ(stream.push("text"), "text");
  EXPECT_FALSE(stream.stopped());
}

TEST(Utf8, KnowsCharactersFromOtherBytes) {
  EXPECT_EQ(core::utf8_character_bytes("a"), 1U);
  EXPECT_EQ(core::utf8_character_bytes("\xe2\x82\xac"), 3U);
  EXPECT_EQ(core::utf8_character_bytes(""), 0U);
  for (const char* bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xc3", "\xc3("}) {
    EXPECT_EQ(core::utf8_character_bytes(bad), 0U);
  }
}

TEST(Utf8, KnowsWhatCouldStillBecomeACharacter) {
  EXPECT_TRUE(core::utf8_is_unfinished("\xf0\x9f"));
  EXPECT_FALSE(core::utf8_is_unfinished("\xed\xa0"));  // a surrogate already
  EXPECT_FALSE(core::utf8_is_unfinished("a"));
  EXPECT_FALSE(core::utf8_is_unfinished("\xff"));
}

TEST(Printable, ShowsWhatWouldMoveTheCursor) {
  EXPECT_EQ(printable("al\x1b[2Jice\n"), "al\\x1b[2Jice\\x0a");
  EXPECT_EQ(printable("\xc3\xa9\xff"), "\xc3\xa9\\xff");
}

TEST(Format, Bytes) {
  EXPECT_EQ(parse_bytes("1000000"), 1'000'000);
  EXPECT_EQ(parse_bytes("1.5K"), 1536);
  EXPECT_EQ(parse_bytes("2GiB"), std::int64_t{2} << 30);
  EXPECT_EQ(parse_bytes("3MB"), 3 << 20);
  for (const char* wrong : {"", "M", "-1", "1X", "1 M", "1MiBs", "9e99", "nan", "inf", "0x10"}) {
    EXPECT_THROW((void)parse_bytes(wrong), Error) << wrong;
  }
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(98362432), "94 MiB");
}

TEST(Format, Durations) {
  EXPECT_EQ(format_duration(0.42), "0.4 s");
  EXPECT_EQ(format_duration(12.3), "12 s");
  EXPECT_EQ(format_duration(59.7), "1 min 00 s");
  EXPECT_EQ(format_duration(200), "3 min 20 s");
  EXPECT_EQ(format_duration(7500), "2 h 05 min");
  EXPECT_EQ(format_duration(-1), "?");
}

TEST(Format, Rates) {
  EXPECT_EQ(format_rate(12.34), "12.3");
  EXPECT_EQ(format_rate(950), "950");
  EXPECT_EQ(format_rate(12345), "12.3k");
  EXPECT_EQ(format_rate(4.5e6), "4.5M");
}

TEST(Table, PadsByCharactersAndAlignsNumbers) {
  Table table({"NAME", ">N"});
  table.add({"\xc3\xa9va", "7"});
  table.add({"bob", "123"});
  EXPECT_EQ(table.text(), "NAME    N\n\xc3\xa9va     7\nbob   123\n");
}

}  // namespace
}  // namespace pema::tools
