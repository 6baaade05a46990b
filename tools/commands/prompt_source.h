/// Text from an argument, a file or standard input.
#pragma once

#include <cstdint>
#include <string>

namespace pema::tools {

/// All bytes of a file, or of standard input when `path` is "-". Throws kNotFound, kIo, or
/// kInvalidArgument when there are more than `limit` bytes; names the path.
[[nodiscard]] std::string read_text(const std::string& path, std::int64_t limit);

/// One line from standard input without its newline; false at the end or when a signal came.
[[nodiscard]] bool read_line(std::string& line);

/// Throws kInvalidArgument, naming `what` and the byte offset, unless `text` is UTF-8.
void require_utf8(const std::string& text, const std::string& what);

}  // namespace pema::tools
