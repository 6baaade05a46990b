#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "src/data/lamp_sax.h"
#include "tests/support/expect_error.h"

namespace pema::data {
namespace {

const std::string kText =
    R"({"task": "LaMP_3", "golds": [{"id": "1", "input": "q\u20ac", "profile": [{"id": 5, "text": "a", "score": 4.5}]}, {"id": 2, "input": "r"}]})";

/// Number of items, or -1 when the text is refused; anything but kCorrupt fails the test.
int items_in(const std::string& text) {
  std::istringstream in(text);
  int items = 0;
  const auto error = test::error_of([&] {
    (void)parse_lamp(in, "file.json", LampKind::kQuestions, [&](LampItem&& item) {
      EXPECT_FALSE(item.question.id.empty());
      ++items;
      return true;
    });
  });
  if (!error) return items;
  EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
  EXPECT_LT(std::string(error->what()).size(), 1000u);
  return -1;
}

TEST(LampCorruption, EveryCutIsRefused) {
  EXPECT_EQ(items_in(kText), 2);
  for (std::size_t n = 0; n < kText.size(); ++n) EXPECT_EQ(items_in(kText.substr(0, n)), -1) << n;
}

TEST(LampCorruption, EveryFlippedBitIsRefusedOrReadsAsAnotherText) {
  int refused = 0;
  for (std::size_t i = 0; i < kText.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = kText;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const int items = items_in(damaged);
      EXPECT_LE(items, 2);
      refused += items < 0 ? 1 : 0;
    }
  }
  // The top bit alone always breaks UTF-8, and every bracket or quote breaks the grammar.
  EXPECT_GT(refused, static_cast<int>(kText.size()));
}

}  // namespace
}  // namespace pema::data
