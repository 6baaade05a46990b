#include "src/data/changelog_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/data/data_fixture.h"

namespace pema::data {
namespace {

constexpr const char* kTrailer =
    " -- Ann Example <ann@example.org>  Mon, 02 Jan 2006 15:04:05 -0700\n";

EntryFault fault_of(const std::string& text) {
  const auto entries = parse_changelog(text);
  EXPECT_EQ(entries.size(), 1u) << text;
  return entries.empty() ? EntryFault::kNone : entries[0].fault;
}

TEST(ChangelogParser, ReadsAnEntry) {
  const auto entries = parse_changelog(
      "libx++ (2:1.0~rc1-3+b1) experimental unstable; urgency=HIGH, closes=1\n\n  [ Team ]\n"
      "  * First,\n    continued.  \n\n  * Second.\r\n\n" +
      std::string(kTrailer));
  ASSERT_EQ(entries.size(), 1u);
  const ChangelogEntry& entry = entries[0];
  EXPECT_EQ(entry.fault, EntryFault::kNone);
  EXPECT_EQ(entry.source, "libx++");
  EXPECT_EQ(entry.version, "2:1.0~rc1-3+b1");
  EXPECT_EQ(entry.distributions, "experimental unstable");
  EXPECT_EQ(entry.urgency, "high");
  EXPECT_EQ(entry.text, "[ Team ]\n* First,\ncontinued.\n* Second.");
  EXPECT_EQ(entry.name, "Ann Example");
  EXPECT_EQ(entry.mail, "ann@example.org");
  EXPECT_EQ(entry.utc_seconds, 1136239445);
}

TEST(ChangelogParser, TellsDebianChangelogsFromOthers) {
  EXPECT_TRUE(parse_changelog("").empty());
  EXPECT_TRUE(parse_changelog("2004-01-01  Ann  <ann@example.org>\n\n\t* file.c: Fix.\n").empty());
  EXPECT_TRUE(parse_changelog("Version 1.0\n" + test::entry("x", 1, "Ann", 1)).empty());
  EXPECT_EQ(parse_changelog("\n# comment\n" + test::entry("x", 1, "Ann", 1)).size(), 1u);
}

TEST(ChangelogParser, NamesTheFault) {
  const std::string header = "x (1) unstable; urgency=low\n";
  EXPECT_EQ(fault_of(header + "  * A.\n -- Ann <a@b>  Mon, 99 Jan 2006 15:04:05 -0700\n"),
            EntryFault::kBadDate);
  EXPECT_EQ(fault_of(header + "  * J\xF6rg.\n" + kTrailer), EntryFault::kNotUtf8);
  EXPECT_EQ(fault_of(header + "  * A.\n -- J\xF6rg <a@b>  2 Jan 2006 15:04:05 -0700\n"),
            EntryFault::kNotUtf8);
  EXPECT_EQ(fault_of(header + "  * A.\n"), EntryFault::kMalformed);
  EXPECT_EQ(fault_of(header + "  * A.\n -- Ann\n"), EntryFault::kMalformed);
  EXPECT_EQ(fault_of(header + "  * A.\n -- <>  2 Jan 2006 15:04:05 -0700\n"),
            EntryFault::kMalformed);
  EXPECT_EQ(fault_of(header + "  * A.\nfree text\n" + kTrailer), EntryFault::kMalformed);
  EXPECT_EQ(fault_of(header + "\n" + kTrailer), EntryFault::kEmpty);
  EXPECT_EQ(fault_of("x (1+b1) sid; urgency=low, binary-only=yes\n  * Rebuild.\n" +
                     std::string(kTrailer)),
            EntryFault::kMachine);
  EXPECT_EQ(fault_of(header + "  * A.\n" + kTrailer), EntryFault::kNone);
}

TEST(ChangelogParser, AMissingTrailerSpoilsOnlyItsEntry) {
  const auto entries =
      parse_changelog("x (3) unstable; urgency=low\n  * Lost.\n" + test::entries("x", 2, "Ann") +
                      "Local variables:\nmode: x\n");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].fault, EntryFault::kMalformed);
  EXPECT_EQ(entries[1].fault, EntryFault::kNone);
  EXPECT_EQ(entries[2].fault, EntryFault::kNone);
}

TEST(ChangelogParser, IndentedSignaturesAreText) {
  const auto entries =
      parse_changelog("x (1) sid; urgency=low\n  * A.\n  -- Bob <b@c>\n" + std::string(kTrailer));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].text, "* A.\n-- Bob <b@c>");
  EXPECT_EQ(entries[0].name, "Ann Example");
}

TEST(ChangelogParser, AHeaderWithoutUrgencyIsUnknown) {
  const auto entries = parse_changelog("x (1) sid; closes=1\n  * A.\n" + std::string(kTrailer));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].urgency, "unknown");
}

TEST(ChangelogParser, SurvivesEveryFlippedByteAndEveryCut) {
  const std::string text = test::entries("source", 2, "Ann Example");
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_LE(parse_changelog(text.substr(0, i)).size(), 2u);
    for (const char mask : {'\x01', '\x20', '\x7F', '\xFF'}) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      EXPECT_LE(parse_changelog(damaged).size(), 3u);
    }
  }
}

}  // namespace
}  // namespace pema::data
