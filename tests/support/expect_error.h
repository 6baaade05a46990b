/// Checks that code throws pema::Error with a code and, optionally, words in its message.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "pema/error.h"

namespace pema::test {

/// The Error that `action` throws, or nothing when it returns. Other exceptions pass through.
template <typename Action>
[[nodiscard]] std::optional<Error> error_of(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

/// Expects `action` to throw an Error with `code` whose message contains `words`.
template <typename Action>
void expect_error(ErrorCode code, Action&& action, const std::string& words = {}) {
  const std::optional<Error> error = error_of(std::forward<Action>(action));
  ASSERT_TRUE(error.has_value()) << "nothing was thrown; expected " << to_string(code);
  EXPECT_EQ(to_string(error->code()), to_string(code)) << error->what();
  EXPECT_THAT(error->what(), ::testing::HasSubstr(words));
}

}  // namespace pema::test
