// The functions that code compiled with -fsanitize=thread calls for each access. ThreadSanitizer's
// own library is not linked: these tell the emulator's trace instead.
#include <cstddef>
#include <cstdint>

#include "tests/simt/trace_state.h"

using simt::detail::Access;

namespace {

void hooked(const void* p, std::size_t bytes, Access access, const void* pc) {
  simt::detail::block_state.in_hook = true;
  simt::detail::trace_access(p, bytes, access, pc, nullptr);
  simt::detail::block_state.in_hook = false;
}

}  // namespace

// NOLINTBEGIN: the names are the compiler's
#define PEMA_HOOK(name, bytes, access) \
  void name(void* p) { hooked(p, bytes, access, __builtin_return_address(0)); }
#define PEMA_HOOKS(bytes)                                       \
  PEMA_HOOK(__tsan_read##bytes, bytes, Access::kRead)           \
  PEMA_HOOK(__tsan_write##bytes, bytes, Access::kWrite)         \
  PEMA_HOOK(__tsan_unaligned_read##bytes, bytes, Access::kRead) \
  PEMA_HOOK(__tsan_unaligned_write##bytes, bytes, Access::kWrite)

// Host code of an instrumented file may use these; fibers do not preempt, so plain ones will do.
#define PEMA_ATOMICS(bits)                                                                        \
  std::uint##bits##_t __tsan_atomic##bits##_load(const volatile std::uint##bits##_t* p, int) {    \
    return *p;                                                                                    \
  }                                                                                               \
  void __tsan_atomic##bits##_store(volatile std::uint##bits##_t* p, std::uint##bits##_t v, int) { \
    *p = v;                                                                                       \
  }                                                                                               \
  std::uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile std::uint##bits##_t* p,            \
                                                      std::uint##bits##_t v, int) {               \
    const std::uint##bits##_t old = *p;                                                           \
    *p = static_cast<std::uint##bits##_t>(old + v);                                               \
    return old;                                                                                   \
  }

extern "C" {

PEMA_HOOKS(1)
PEMA_HOOKS(2)
PEMA_HOOKS(4)
PEMA_HOOKS(8)
PEMA_HOOKS(16)
PEMA_ATOMICS(8)
PEMA_ATOMICS(32)
PEMA_ATOMICS(64)

void __tsan_read_range(void* p, std::size_t bytes) {
  hooked(p, bytes, Access::kRead, __builtin_return_address(0));
}
void __tsan_write_range(void* p, std::size_t bytes) {
  hooked(p, bytes, Access::kWrite, __builtin_return_address(0));
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

}  // extern "C"
// NOLINTEND
