/// SQLite result codes as pema::Error.
#pragma once

#include <string>
#include <string_view>

struct sqlite3;

namespace pema::profiles::sqlite {

/// The result code without its extension, SQLITE_BUSY for SQLITE_BUSY_SNAPSHOT.
[[nodiscard]] constexpr int primary_code(int code) noexcept { return code & 0xff; }

/// Throws the error for `code` (see Database::raise). `handle` may be null; it gives SQLite's own
/// words and the system's errno. Thread-safety: as the handle.
[[noreturn]] void raise_error(int code, sqlite3* handle, const std::string& path,
                              std::string_view doing);

}  // namespace pema::profiles::sqlite
