#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <streambuf>
#include <string>

#include "pema/data/lamp.h"
#include "src/data/lamp_sax.h"
#include "tests/data/data_fixture.h"
#include "tests/support/expect_error.h"

namespace pema::data {
namespace {

/// Largest resident size of this process so far, in KiB.
std::int64_t peak_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "VmHWM:") continue;
    std::int64_t kib = 0;
    status >> kib;
    return kib;
  }
  return -1;
}

/// Resets VmHWM to the present size, so that earlier tests in this process do not hide growth.
bool reset_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

// Sanitizers keep freed memory back (ASan 256 MB), so the peak says nothing there; the bound is
// then not checked and a tenth of the file is enough to look for errors.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kQuestions = 100;
constexpr bool kMeasured = false;
#else
constexpr int kQuestions = 1000;
constexpr bool kMeasured = true;
#endif

TEST(LampLarge, AFileOver100MbNeedsTheMemoryOfOneQuestion) {
  test::TemporaryFolder folder;
  const std::string path = folder.file("train_questions.json");
  Question question{"", "user", "Generate a headline for the following article: x", "", {}};
  for (int i = 0; i < 100; ++i) {
    question.profile.push_back({std::to_string(i),
                                "2020-01-01",
                                {{"title", "a title"}, {"text", std::string(1000, 'x')}}});
  }
  ASSERT_TRUE(reset_peak());
  const std::int64_t before = peak_kib();
  ASSERT_GT(before, 0);
  QuestionWriter writer(path);
  for (int i = 0; i < kQuestions; ++i) {
    question.id = std::to_string(i);
    writer.add(question);
  }
  writer.close();
  ASSERT_GT(std::filesystem::file_size(path), std::uintmax_t{100'000} * kQuestions);
  int questions = 0;
  std::size_t items = 0;
  (void)read_questions(path, [&](Question&& read) {
    ++questions;
    items += read.profile.size();
    return true;
  });
  EXPECT_EQ(questions, kQuestions);
  EXPECT_EQ(items, std::size_t{100} * kQuestions);
  if (kMeasured) {
    EXPECT_LT(peak_kib() - before, 64 * 1024);
  }
}

/// An endless text: a start, then one byte for ever.
class Endless : public std::streambuf {
 public:
  Endless(std::string start, char byte) : start_(std::move(start)), fill_(1 << 16, byte) {
    setg(start_.data(), start_.data(), start_.data() + start_.size());
  }

 protected:
  int_type underflow() override {
    setg(fill_.data(), fill_.data(), fill_.data() + fill_.size());
    return traits_type::to_int_type(fill_[0]);
  }

 private:
  std::string start_;
  std::string fill_;
};

TEST(LampLarge, AnEndlessTextIsRefusedAfter64Mib) {
  for (const auto& [start, byte] : {std::pair<std::string, char>{R"([{"id": "1", "input": ")", 'x'},
                                    {R"([{"id": "1", "input": "q"},)", ' '},
                                    {R"({"task": ")", 'x'}}) {
    Endless endless(start, byte);
    std::istream in(&endless);
    test::expect_error(
        ErrorCode::kCorrupt,
        [&] {
          (void)parse_lamp(in, "file.json", LampKind::kQuestions, [](LampItem&&) { return true; });
        },
        "larger than 64 MiB");
  }
}

TEST(LampLarge, AHugeDamagedStringMakesAShortMessage) {
  std::string text = R"([{"id": "1", "input": ")" + std::string(1 << 20, 'x') + "\n\"}]";
  std::istringstream in(text);
  const auto error = test::error_of([&] {
    (void)parse_lamp(in, "file.json", LampKind::kQuestions, [](LampItem&&) { return true; });
  });
  ASSERT_TRUE(error.has_value());
  EXPECT_LT(std::string(error->what()).size(), 600u);
}

}  // namespace
}  // namespace pema::data
