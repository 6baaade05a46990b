#include "src/data/verses.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "tests/data/data_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::data {
namespace {

const std::string kShipped = std::string(PEMA_SOURCE_DIR) + "/data/verses.tsv";

std::vector<History> parse(const std::string& text) {
  std::istringstream in(text);
  return parse_verses(in, "v.tsv");
}

void refuses(const std::string& text, const std::string& words) {
  test::expect_error(
      ErrorCode::kCorrupt, [&] { (void)parse(text); }, words);
}

TEST(Verses, ReadsPairs) {
  const auto books = parse("# c\nA\t1:1\tnew\told\nA\t2:1\tnew 2\told 2\n1 B\t3:4\tn\to");
  ASSERT_EQ(books.size(), 2u);
  ASSERT_EQ(books[0].entries.size(), 2u);
  EXPECT_EQ(books[0].entries[1].id, "A 2:1");
  EXPECT_EQ(books[0].entries[1].prompt, "new 2\n");
  EXPECT_EQ(books[0].entries[1].target, "old 2");
  EXPECT_EQ(books[1].key, "1 B");
}

TEST(Verses, NamesTheLineThatIsWrong) {
  refuses("# c\nA\t1:1\tnew\n", "v.tsv:2: expected 4 columns");
  refuses("A\t1:1\ta\tb\tc\n", "v.tsv:1: expected 4 columns");
  refuses("A\t1:1\t\tb\n", "empty");
  refuses("A\t1:1\ta\tb \n", "spaces");
  refuses("A\t1:1\ta\tb\r\n", "spaces");
  refuses("\n", "4 columns");
  for (const char* place :
       {"1", "1:", ":1", "0:1", "1:0", "1:1000", "1:-1", "1:1a", "x:1", "1:1:1"}) {
    refuses(std::string("A\t") + place + "\ta\tb\n", "chapter:verse");
  }
  refuses("A\t1:2\ta\tb\nA\t1:2\ta\tb\n", "v.tsv:2: the verse is doubled");
  refuses("A\t2:1\ta\tb\nA\t1:2\ta\tb\n", "v.tsv:2: the verse");
  refuses("A\t1:1\ta\tb\nB\t1:1\ta\tb\nA\t1:2\ta\tb\n", "v.tsv:3: the book's verses");
  refuses("A\t1:1\tJ\xF6rg\tb\n", "UTF-8");
  refuses("A\t1:1\ta\t" + std::string(70000, 'x'), "64 KiB");
}

TEST(Verses, SurvivesEveryCutAndFlip) {
  const std::string text = "# c\nA\t1:1\tnew\told\nB\t1:2\tn\xC3\xA9w\told\n";
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = -1; bit < 8; ++bit) {
      std::string damaged = bit < 0 ? text.substr(0, i) : text;
      if (bit >= 0) damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const auto error = test::error_of([&] { EXPECT_LE(parse(damaged).size(), 2u); });
      if (error.has_value()) {
        EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
      }
    }
  }
}

TEST(Verses, TheShippedFileHasTwelveBooksOfCleanPairs) {
  BuildOptions options;
  options.entries = 0;
  const DataSet data = read_verses(kShipped, options);
  EXPECT_EQ(data.source, "verses");
  EXPECT_EQ(data.people.size(), 12u);
  std::size_t verses = 0;
  std::size_t differ = 0;
  for (const Person& book : data.people) {
    EXPECT_GE(book.train.size() + book.dev.size() + book.test.size(), 100u) << book.key;
    for (const auto* part : {&book.train, &book.dev, &book.test}) {
      for (const Example& pair : *part) {
        ++verses;
        differ += pair.prompt != pair.target + "\n" ? 1 : 0;
        for (const std::string& text : {pair.prompt, pair.target}) {
          EXPECT_EQ(text.find_first_of("<>[]{}0123456789"), std::string::npos) << pair.id << text;
        }
      }
    }
  }
  EXPECT_GE(verses, 1500u);
  EXPECT_LE(verses, 2000u);
  EXPECT_GT(differ, verses * 9 / 10);
  EXPECT_FALSE(data.note.empty());
}

TEST(Verses, SaysWhatIsMissing) {
  test::expect_error(
      ErrorCode::kNotFound, [] { (void)read_verses("/nowhere/v.tsv", {}); }, "/nowhere/v.tsv");
  BuildOptions many;
  many.min_entries = 1000;
  test::expect_error(
      ErrorCode::kNotFound, [&] { (void)read_verses(kShipped, many); }, "min_entries");
}

}  // namespace
}  // namespace pema::data
