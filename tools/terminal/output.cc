#include "tools/terminal/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <streambuf>

#include "pema/error.h"

namespace pema::tools {
namespace {

/// Writes everything or returns errno.
int write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// A stream over print() or print_error(), for CLI11's help.
class PrintBuffer : public std::streambuf {
 public:
  explicit PrintBuffer(bool error) : error_(error) {}

 protected:
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    put({text, static_cast<std::size_t>(count)});
    return count;
  }
  int_type overflow(int_type character) override {
    if (character != traits_type::eof()) {
      const char byte = traits_type::to_char_type(character);
      put({&byte, 1});
    }
    return traits_type::not_eof(character);
  }

 private:
  void put(std::string_view text) {
    if (error_) {
      print_error(text);
    } else {
      print(text);
    }
  }
  bool error_;
};

std::ostream& stream(bool error) {
  static PrintBuffer output_buffer(false);
  static PrintBuffer error_buffer(true);
  static std::ostream output_stream(&output_buffer);
  static std::ostream error_stream(&error_buffer);
  // Without this bit an exception thrown by the buffer would only set badbit.
  output_stream.exceptions(std::ios::badbit);
  return error ? error_stream : output_stream;
}

bool is_terminal(int descriptor) noexcept {
  const char* kind = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && (kind == nullptr || std::strcmp(kind, "dumb") != 0);
}

}  // namespace

void print(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == 0) return;
  if (error == EPIPE) throw OutputClosed{};
  fail(error == ENOSPC || error == EFBIG || error == EDQUOT ? ErrorCode::kDiskFull : ErrorCode::kIo,
       "cannot write to standard output: ", std::strerror(error));
}

void print_error(std::string_view text) noexcept { write_all(STDERR_FILENO, text); }

std::ostream& standard_output_stream() { return stream(false); }
std::ostream& standard_error_stream() { return stream(true); }

bool output_is_terminal() noexcept { return is_terminal(STDOUT_FILENO); }
bool error_is_terminal() noexcept { return is_terminal(STDERR_FILENO); }
bool input_is_terminal() noexcept { return ::isatty(STDIN_FILENO) == 1; }

int terminal_columns() noexcept {
  struct winsize size {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace pema::tools
