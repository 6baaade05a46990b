/// The one parser behind questions and outputs files: events in, one list item at a time out.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <string>

#include "pema/data/lamp.h"

namespace pema::data {

/// One element of the list, of either kind of file.
struct LampItem {
  Question question;
  std::string output;
  bool has_id = false;
  bool has_input = false;
  bool has_output = false;
};

/// What a file's items must have.
enum class LampKind : std::uint8_t { kQuestions, kOutputs };

/// Largest question, and largest text outside questions, in bytes of JSON.
inline constexpr std::int64_t kMaxQuestionBytes = std::int64_t{64} << 20;
/// Deepest nesting; LaMP needs 5.
inline constexpr int kMaxJsonDepth = 32;

/// Parses `in` to its end, or until `visit` returns false. `name` is used in messages. Returns the
/// wrapper's task or empty. Throws kCorrupt (name, byte offset, what was expected), kIo when the
/// stream reports a failed read. Memory: one item. Thread-safety: reentrant.
std::string parse_lamp(std::istream& in, const std::string& name, LampKind kind,
                       const std::function<bool(LampItem&&)>& visit);

/// The same for a file. Throws kNotFound and kIo as well.
std::string parse_lamp_file(const std::string& path, LampKind kind,
                            const std::function<bool(LampItem&&)>& visit);

}  // namespace pema::data
