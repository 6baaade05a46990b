/// llama.cpp's log, kept quiet and quotable.
#pragma once

#include <string>

namespace pema::plm {

/// Starts llama.cpp once per process and sends its log here instead of to stderr. Thread-safe.
void start_llama();

/// While alive, collects the warnings and errors that llama.cpp logs on this thread. Scopes nest;
/// the innermost one collects. Thread-safety: lives on one thread's stack.
class LogScope {
 public:
  LogScope() noexcept;
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;
  /// "" or "; llama.cpp says: ..." on one line.
  [[nodiscard]] std::string quote() const;

 private:
  friend void keep_log_text(const char* text);
  std::string text_;
  LogScope* outer_;
};

}  // namespace pema::plm
