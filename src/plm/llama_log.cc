#include "src/plm/llama_log.h"

#include <exception>
#include <mutex>

#include "llama.h"

namespace pema::plm {
namespace {

constexpr std::size_t kMaxLogBytes = 4096;
thread_local LogScope* innermost = nullptr;
thread_local bool last_was_kept = false;

}  // namespace

void keep_log_text(const char* text) {
  if (innermost == nullptr || innermost->text_.size() >= kMaxLogBytes) return;
  try {
    innermost->text_ += text;
  } catch (const std::exception&) {
    // The log only decorates an error message; llama.cpp must not see an exception from here.
  }
}

namespace {

void receive(ggml_log_level level, const char* text, void* /*unused*/) {
  const bool keep = level == GGML_LOG_LEVEL_CONT
                        ? last_was_kept
                        : level == GGML_LOG_LEVEL_WARN || level == GGML_LOG_LEVEL_ERROR;
  last_was_kept = keep;
  if (keep) keep_log_text(text);
}

}  // namespace

void start_llama() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(receive, nullptr);
    llama_backend_init();
  });
}

LogScope::LogScope() noexcept : outer_(innermost) { innermost = this; }

LogScope::~LogScope() { innermost = outer_; }

std::string LogScope::quote() const {
  if (text_.empty()) return "";
  std::string line = "; llama.cpp says: " + text_;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return line;
}

}  // namespace pema::plm
