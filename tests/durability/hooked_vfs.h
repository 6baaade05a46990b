/// SQLite's half of HookedDisk.
#pragma once

#include <cstdint>

#include "tests/durability/hooked_disk.h"

namespace pema::test {

/// Makes a VFS that asks `hook` the default of this process, or takes it away again (null). It
/// stands on the system's own, whose shared memory and locks it uses, so logs work as in
/// production.
void use_hooked_vfs(DiskHook* hook);

/// A number that no other open file has.
[[nodiscard]] std::uint64_t next_disk_handle();

}  // namespace pema::test
