/// Memory that C++ frees is zeroed first, in the whole program that links pema::clean_heap: names
/// in strings, masks in vectors, messages of errors leave no copies on the heap. Without it the
/// library zeroes what SQLite frees, and nothing else (docs/decisions/0018-leaving.md: what it
/// costs, and why not type by type). Nothing under a sanitizer, which watches freed memory itself.
#include <malloc.h>
#include <string.h>  // explicit_bzero

#include <cstddef>
#include <cstdlib>
#include <new>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

void free_zeroed(void* block) noexcept {
  if (block == nullptr) return;
  explicit_bzero(block, ::malloc_usable_size(block));
  std::free(block);
}

}  // namespace

// glibc's and libstdc++'s operator new, every form of it, takes its memory from malloc's family.
void operator delete(void* block) noexcept { free_zeroed(block); }
void operator delete[](void* block) noexcept { free_zeroed(block); }
void operator delete(void* block, std::size_t) noexcept { free_zeroed(block); }
void operator delete[](void* block, std::size_t) noexcept { free_zeroed(block); }
void operator delete(void* block, std::align_val_t) noexcept { free_zeroed(block); }
void operator delete[](void* block, std::align_val_t) noexcept { free_zeroed(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { free_zeroed(block); }
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { free_zeroed(block); }

#endif
