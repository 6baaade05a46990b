/// Everything that the store asks of a disk goes past a hook: the calls of core::FileSystem, and
/// those of SQLite through a VFS above the system's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace pema::test {

enum class DiskCall {
  kOpen,      ///< `path`, made when it is missing; `file` is its handle from now on
  kRead,      ///< only SQLite's: objects are read through mappings
  kWrite,     ///< `bytes` at `offset` of `file`; offset -1: at the end
  kTruncate,  ///< `file` to `offset` bytes
  kSync,      ///< `file`
  kSyncFile,  ///< `path`
  kSyncFolder,
  kRename,  ///< `path` to `other`
  kLink,    ///< `other` becomes a name of `path`
  kUnlink,
  kMakeFolder,
  kRemoveFolder,
  kMapLog,  ///< SQLite maps the log's index
};

/// One call.
struct DiskEvent {
  DiskCall call = DiskCall::kOpen;
  std::string path{};
  std::string other{};
  std::uint64_t file = 0;
  std::int64_t offset = 0;
  std::span<const std::byte> bytes{};
};

/// Thread-safety: called by whoever uses the disk; tests use one thread.
class DiskHook {
 public:
  virtual ~DiskHook() = default;
  /// An errno lets the call fail with it before anything happens; 0 lets it happen.
  virtual int before(const DiskEvent& event) = 0;
  /// It happened.
  virtual void after(const DiskEvent& event) = 0;
};

/// While it lives, every disk call of this process goes past the hook, and nothing is really synced
/// (the hook is told). One at a time. Stores that are open when it ends must be closed before.
class HookedDisk {
 public:
  explicit HookedDisk(DiskHook& hook);
  ~HookedDisk();
  HookedDisk(const HookedDisk&) = delete;
  HookedDisk& operator=(const HookedDisk&) = delete;
};

}  // namespace pema::test
