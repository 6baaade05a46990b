/// How an item of a LaMP history becomes a training pair, task by task (docs/data.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pema/data/lamp.h"

namespace pema::data {

/// A training pair made of one history item.
struct LampPair {
  std::string prompt;
  std::string target;
  std::int64_t text_offset = 0;  ///< where the item's own text starts in `prompt`
  std::int64_t text_size = 0;    ///< and how many bytes it has
};

/// The rules of one task. Thread-safety: immutable.
class LampTask {
 public:
  /// `name`: "LaMP_1" to "LaMP_7" ("-" is read as "_"). Throws kUnsupported for other names.
  [[nodiscard]] static LampTask parse(std::string_view name);
  /// "LaMP_4".
  [[nodiscard]] std::string name() const;
  /// Nothing for an item that lacks a text or a label, an abstract that is said to be missing, and
  /// a tweet of one word. Task 2 is news where the item has a `category`, movies where it has a
  /// `tag`.
  [[nodiscard]] std::optional<LampPair> pair(const ProfileItem& item) const;
  /// True when `item`, made of a history item, answers the question (`prompt`, `gold`), so that
  /// training on it would leak: the same target, and the item's text within the question.
  [[nodiscard]] bool answers(const LampPair& item, std::string_view prompt,
                             std::string_view gold) const;

 private:
  explicit LampTask(int number) : number_(number) {}
  int number_;
};

/// What follows every prompt of a LaMP task; the target comes next.
inline constexpr char kPromptEnd = '\n';

}  // namespace pema::data
