/// Standard output and standard error, unbuffered, with failures noticed.
#pragma once

#include <ostream>
#include <string_view>

namespace pema::tools {

/// The reader of standard output went away (`pema ... | head`): end quietly.
struct OutputClosed {};

/// Writes all of `text` to standard output. Throws OutputClosed on EPIPE, kDiskFull or kIo.
void print(std::string_view text);

/// Writes `text` to standard error; failures are ignored, there is nowhere to report them.
void print_error(std::string_view text) noexcept;

/// The same two as streams, for libraries that print help to a stream.
[[nodiscard]] std::ostream& standard_output_stream();
[[nodiscard]] std::ostream& standard_error_stream();

/// True when standard output (or error) is a terminal that understands cursor movement.
[[nodiscard]] bool output_is_terminal() noexcept;
[[nodiscard]] bool error_is_terminal() noexcept;
[[nodiscard]] bool input_is_terminal() noexcept;

/// Columns of the terminal behind standard error; 80 when it does not say.
[[nodiscard]] int terminal_columns() noexcept;

}  // namespace pema::tools
