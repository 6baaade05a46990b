// Input: one byte (even: questions, odd: outputs), then the file.
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>

#include "pema/error.h"
#include "src/core/utf8.h"
#include "src/data/lamp_sax.h"
#include "src/data/lamp_tasks.h"
#include "tests/fuzz/repair_object.h"

namespace {

/// What is accepted has an id and UTF-8 texts, and every task can make a pair of it or refuse.
void check(const pema::data::LampItem& item) {
  using pema::fuzz::require;
  require(!item.question.id.empty());
  require(pema::core::is_utf8(item.question.input) && pema::core::is_utf8(item.output));
  for (const auto& history : item.question.profile) {
    require(!history.id.empty());
    for (const char* name :
         {"LaMP_1", "LaMP_2", "LaMP_3", "LaMP_4", "LaMP_5", "LaMP_6", "LaMP_7"}) {
      const auto task = pema::data::LampTask::parse(name);
      const auto pair = task.pair(history);
      if (!pair) continue;
      require(!pair->target.empty() && pema::core::is_utf8(pair->target));
      (void)task.answers(*pair, item.question.input, item.output);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto kind =
      data[0] % 2 == 0 ? pema::data::LampKind::kQuestions : pema::data::LampKind::kOutputs;
  std::istringstream in(std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  try {
    (void)pema::data::parse_lamp(in, "fuzz", kind, [](pema::data::LampItem&& item) {
      check(item);
      return true;
    });
  } catch (const pema::Error& error) {
    pema::fuzz::require(error.code() == pema::ErrorCode::kCorrupt);
  }
  return 0;
}
