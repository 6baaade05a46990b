/// The file in which `pema tune` keeps a machine's costs. Format: docs/formats/machine.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pema/costs.h"
#include "pema/planner.h"

namespace pema::tools {

/// Costs, and what they were measured on.
struct MachineFile {
  std::string cpu;
  std::int64_t threads = 1;
  std::string version;   ///< of pema
  std::string measured;  ///< UTC, "2026-11-26T16:20:59Z"
  std::string model;     ///< its name; sizes below
  std::int64_t hidden = 0;
  std::int64_t vocab = 0;
  MachineCosts costs;
  std::optional<MeasuredDevice> device{};  ///< its first GPU; nothing: not measured on one
};

/// The processor's name as the system gives it, "unknown processor" where it does not.
[[nodiscard]] std::string processor_name();
/// The threads that an engine has when it is asked for `asked` (0: one per hardware thread).
[[nodiscard]] std::int64_t thread_count(std::int64_t asked);
/// Where the costs of a processor and a number of threads lie: in `folder`, one file for each pair
/// and version of pema, so that a newer pema starts from its built-in costs.
[[nodiscard]] std::string machine_file_path(const std::string& folder, const std::string& cpu,
                                            std::int64_t threads);

/// The file's bytes.
[[nodiscard]] std::string encode_machine_file(const MachineFile& file);
/// The reverse. Throws kCorrupt (not such a file, a wrong checksum, missing or impossible values)
/// or kUnsupported (a newer format), naming `name` and the fix.
[[nodiscard]] MachineFile decode_machine_file(std::string_view bytes, const std::string& name);

/// The file of this processor, `threads` threads and this version of pema; nothing when there is
/// none. Throws as decode_machine_file, kIo, or kMismatch when it was measured on another
/// processor, with other threads or by another version, naming the file and the fix: a file that is
/// there and cannot be used is never passed over.
[[nodiscard]] std::optional<MachineFile> load_machine_file(const std::string& path,
                                                           const std::string& cpu,
                                                           std::int64_t threads);

/// Writes it, entirely or not at all, making the folder. Throws kIo, kDiskFull.
void save_machine_file(const MachineFile& file, const std::string& path);

}  // namespace pema::tools
