#include "tools/commands/prompt_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "pema/error.h"
#include "src/core/utf8.h"
#include "tools/terminal/signals.h"

namespace pema::tools {
namespace {

/// Closes a descriptor that was opened here.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : number_(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    const int error = errno;
    PEMA_CHECK(number_ >= 0 || error != ENOENT, kNotFound, "there is no file ", path);
    PEMA_CHECK(number_ >= 0, kIo, "cannot open ", path, ": ", std::strerror(error));
  }
  ~Descriptor() {
    if (number_ != STDIN_FILENO) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

}  // namespace

std::string read_text(const std::string& path, std::int64_t limit) {
  const std::string name = path == "-" ? "standard input" : path;
  const Descriptor file(path);
  std::string text;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t count = ::read(file.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      PEMA_CHECK(!interrupted(), kInterrupted, "interrupted while reading ", name);
      continue;
    }
    PEMA_CHECK(count >= 0, kIo, "cannot read ", name, ": ", std::strerror(errno));
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    PEMA_CHECK(static_cast<std::int64_t>(text.size()) <= limit, kInvalidArgument, name,
               " has more than ", limit, " bytes; split it");
  }
}

bool read_line(std::string& line) {
  line.clear();
  for (;;) {
    char byte = 0;
    const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
    if (count < 0 && errno == EINTR && !interrupted()) continue;
    if (count <= 0) return count == 0 && !line.empty();
    if (byte == '\n') return true;
    line.push_back(byte);
  }
}

void require_utf8(const std::string& text, const std::string& what) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t size = core::utf8_character_bytes(rest);
    PEMA_CHECK(size > 0, kInvalidArgument, what, " is not UTF-8: the byte at offset ",
               text.size() - rest.size(),
               " begins no character; convert it, for example with iconv");
    rest.remove_prefix(size);
  }
}

}  // namespace pema::tools
