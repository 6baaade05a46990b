/// Ctrl-C, closed descriptors and full disks, so that none of them ends the program half-way.
#pragma once

namespace pema::tools {

/// SIGINT and SIGTERM set a flag, the second of them ends the process at once with status 130.
/// SIGPIPE and SIGXFSZ are ignored: writing then fails with EPIPE or EFBIG, which become errors.
void install_signal_handlers() noexcept;

/// True after SIGINT or SIGTERM. Async-signal-safe, any thread.
[[nodiscard]] bool interrupted() noexcept;

/// Forgets an interrupt that was answered (chat: Ctrl-C ends the answer, not the program).
void clear_interrupt() noexcept;

/// Opens /dev/null on descriptors 0 to 2 that are closed, so that no file of a store is opened
/// there and written to by a print. A closed standard output stays unwritable.
void prepare_descriptors() noexcept;

}  // namespace pema::tools
