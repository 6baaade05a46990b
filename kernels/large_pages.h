/// Memory for matrices whose rows are read far apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace pema::kernels {

struct FreeLargePages {
  void operator()(std::byte* bytes) const noexcept;
};
using LargePages = std::unique_ptr<std::byte[], FreeLargePages>;

/// `bytes` >= 0 zeroed bytes, aligned to 64; from 2 MB on in large pages where the system has them,
/// because chosen rows lie far apart and with pages of 4 KB each costs address translations. Throws
/// std::bad_alloc. Thread-safety: reentrant.
[[nodiscard]] LargePages allocate_large_pages(std::int64_t bytes);

}  // namespace pema::kernels
