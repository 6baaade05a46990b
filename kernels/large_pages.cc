#include "kernels/large_pages.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace pema::kernels {
namespace {

constexpr std::int64_t kLargePage = std::int64_t{2} << 20;
constexpr std::int64_t kAlignment = 64;

}  // namespace

void FreeLargePages::operator()(std::byte* bytes) const noexcept { std::free(bytes); }

LargePages allocate_large_pages(std::int64_t bytes) {
  const std::int64_t page = bytes >= kLargePage ? kLargePage : kAlignment;
  const std::int64_t whole = (std::max(bytes, page) + page - 1) / page * page;
  const auto size = static_cast<std::size_t>(whole);
  LargePages pages(
      static_cast<std::byte*>(std::aligned_alloc(static_cast<std::size_t>(page), size)));
  if (!pages) throw std::bad_alloc();
#ifdef __linux__
  if (page == kLargePage) static_cast<void>(::madvise(pages.get(), size, MADV_HUGEPAGE));
#endif
  std::memset(pages.get(), 0, size);
  return pages;
}

}  // namespace pema::kernels
