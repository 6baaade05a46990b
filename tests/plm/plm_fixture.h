/// A folder that goes away and a tiny model in it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "pema/error.h"
#include "pema/plm/language_model.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_gguf.h"

namespace pema::plm {

class PlmTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name = "tiny.gguf") const {
    return folder_.file(name);
  }

  /// Writes tiny.gguf and opens it.
  std::unique_ptr<LanguageModel> tiny(const test::TinyGguf& tiny_options = {},
                                      ModelOptions options = {}) {
    written_ = test::write_tiny_gguf(path(), tiny_options);
    options.threads = 1;
    return LanguageModel::open(path(), options);
  }

  /// `count` documents of byte tokens, lengths from 2 to 40, one of them without a target.
  static std::vector<Document> documents(std::int64_t count, std::uint32_t seed = 5) {
    std::mt19937 random(seed);
    std::vector<Document> out(count);
    for (std::int64_t d = 0; d < count; ++d) {
      out[d].prompt.resize(1 + random() % 20);
      out[d].target.resize(d == 2 ? 0 : 1 + random() % 20);
      for (auto* part : {&out[d].prompt, &out[d].target}) {
        for (auto& token : *part) token = static_cast<std::int32_t>(random() % 256);
      }
    }
    return out;
  }

  test::TemporaryFolder folder_;
  test::TinyWritten written_;
};

inline std::string read_text(const std::string& path) {
  const auto bytes = test::read_bytes(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void write_text(const std::string& path, const std::string& text) {
  test::write_bytes(path, test::bytes_of(text));
}

/// Largest difference, relative to the largest magnitude of `b`.
inline double difference(std::span<const float> a, std::span<const float> b) {
  double worst = 0;
  double most = 1e-6;
  EXPECT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(a[i]) - b[i]));
    most = std::max(most, std::fabs(static_cast<double>(b[i])));
  }
  return worst / most;
}

/// Runs `statement` and gives the pema::Error it must throw.
template <typename F>
Error error_of(F&& statement) {
  try {
    statement();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no pema::Error was thrown";
  return {ErrorCode::kInternal, ""};
}

}  // namespace pema::plm
