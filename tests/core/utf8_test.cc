#include "src/core/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace pema::core {
namespace {

TEST(Utf8, AcceptsEveryLengthAndTheEdges) {
  for (const char* text :
       {"", "plain", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "na\xC3\xAFve"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
}

TEST(Utf8, RefusesBadLeadsOverlongFormsSurrogatesAndCutCharacters) {
  for (const char* text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82", "\xF0\x9F\x98",
        "J\xF6rg", "\xC3\x28", "\xE2\x28\xA1", "\xE2\x82\x28"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

TEST(Utf8, NamesTheFirstByteThatIsNot) {
  EXPECT_EQ(first_invalid_utf8(""), -1);
  EXPECT_EQ(first_invalid_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), -1);
  EXPECT_EQ(first_invalid_utf8("\xF4\x8F\xBF\xBF"), -1);  // U+10FFFF
  EXPECT_EQ(first_invalid_utf8("ab\x80"), 2);             // continuation alone
  EXPECT_EQ(first_invalid_utf8("a\xC3"), 1);              // cut
  EXPECT_EQ(first_invalid_utf8("a\xE2\x82"), 1);          // cut
  EXPECT_EQ(first_invalid_utf8("\xC0\xAF"), 0);           // overlong
  EXPECT_EQ(first_invalid_utf8("\xE0\x9F\xBF"), 0);       // overlong
  EXPECT_EQ(first_invalid_utf8("\xF0\x8F\xBF\xBF"), 0);   // overlong
  EXPECT_EQ(first_invalid_utf8("z\xED\xA0\x80"), 1);      // surrogate
  EXPECT_EQ(first_invalid_utf8("\xF4\x90\x80\x80"), 0);   // above U+10FFFF
  EXPECT_EQ(first_invalid_utf8("\xE2\x82z"), 0);          // third byte wrong
}

}  // namespace
}  // namespace pema::core
