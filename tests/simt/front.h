/// The emulator's side of kernels/cuda/simt.h: CUDA's thread names, barriers, warp operations and
/// shared memory, carried out by fibers, one per CUDA thread, on one CPU thread.
///
/// Every breach of CUDA's rules stops the launch with simt::Breach, whose text names block, thread
/// and line. Thread-safety: none; one launch at a time in a process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <tuple>

#include "tests/simt/front_types.h"
#include "tests/simt/sanitizers.h"

#define PEMA_GLOBAL
#define PEMA_DEVICE inline
#define SIMT_RESTRICT __restrict__
#define __launch_bounds__(...)
// A reference to an array, so that UBSan checks its bounds; the memory is the block's own.
#define SIMT_SHARED(T, name, n)                             \
  T(&name)                                                  \
  [n] = *static_cast<T(*)[n]>(::simt::detail::shared_array( \
      {__PRETTY_FUNCTION__, #name, sizeof(T) * (n), sizeof(T)}, {__FILE__, __LINE__}))
#define SIMT_DYN_SHARED(T, name) \
  T* const name = static_cast<T*>(::simt::detail::dynamic_shared(sizeof(T), {__FILE__, __LINE__}))

#if defined(SIMT_TRACED)  // accesses made here are recorded by hand
#define SIMT_UNTRACED __attribute__((noinline, no_sanitize("thread")))
#else
#define SIMT_UNTRACED inline
#endif
#define SIMT_INLINE inline __attribute__((always_inline))
// The caller's place as default arguments.
#define SIMT_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
inline constexpr int warpSize = 32;

namespace simt {

/// A breach of CUDA's rules by the kernel that was launched.
class Breach : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Order { kForward, kReverse, kRandom };

/// How launches run. order: of the threads between barriers, and of the blocks.
struct Config {
  Order order = Order::kForward;
  std::uint64_t seed = 1;  ///< of kRandom
};
inline Config cfg;

namespace detail {

struct Site {
  const char* file;
  int line;
};
struct SharedDeclaration {
  const char* function;
  const char* name;
  std::size_t bytes;
  std::size_t element;
};
enum class WarpOp { kSync, kBallot, kAny, kAll, kShfl, kShflUp, kShflDown, kShflXor };
enum class Access { kRead, kWrite, kAtomic };

void run(dim3 grid, dim3 block, std::size_t dynamic_bytes, void (*body)(void*), void* context);
void* shared_array(const SharedDeclaration& declaration, Site site);
void* dynamic_shared(std::size_t element, Site site);
void block_barrier(Site site);
/// Returns the ballot, or the 64 bits that the shuffle brought.
std::uint64_t warp_exchange(WarpOp op, unsigned mask, std::uint64_t value, int argument, int width,
                            Site site);
/// Checks alignment; in the trace build also records the access.
void checked_access(const void* p, std::size_t bytes, Access access, Site site);
void cp_async(void* shared_dst, const void* global_src, Site site);
void cp_async_commit_group();
void cp_async_wait_group(int newest, Site site);

template <class V>
SIMT_UNTRACED V copy_from(const void* p) {
  V v;
  std::memcpy(&v, p, sizeof(V));
  return v;
}
template <class V>
SIMT_UNTRACED void copy_to(void* p, const V& v) {
  std::memcpy(p, &v, sizeof(V));
}
template <class T>
SIMT_UNTRACED T shuffle(WarpOp op, unsigned mask, T value, int argument, int width, Site site) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "CUDA shuffles words of 4 or 8 bytes");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = warp_exchange(op, mask, bits, argument, width, site);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
/// Replaces *p by change(*p) and returns the old value: atomic, since fibers do not preempt.
template <class T, class Change>
SIMT_UNTRACED T atomic(T* p, Site site, Change change) {
  checked_access(p, sizeof(T), Access::kAtomic, site);
  const T old = copy_from<T>(p);
  copy_to<T>(p, change(old));
  return old;
}

}  // namespace detail

/// Runs kernel(args...) for every thread of the grid and returns when all have. dyn_bytes: dynamic
/// shared memory per block. Throws Breach; std::invalid_argument for a launch CUDA refuses.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t dyn_bytes,
            Arguments&&... args) {
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> parameters;
  };
  Call call{kernel, std::tuple<Parameters...>(static_cast<Parameters>(args)...)};
  detail::run(
      grid, block, dyn_bytes,
      [](void* context) {
        auto& c = *static_cast<Call*>(context);
        std::apply(c.kernel, c.parameters);
      },
      &call);
}

template <class V>
SIMT_INLINE V ldvec(const void* p, SIMT_HERE) {
  detail::checked_access(p, sizeof(V), detail::Access::kRead, {file, line});
  return detail::copy_from<V>(p);
}
template <class V>
SIMT_INLINE V ldvec_ro(const void* p, SIMT_HERE) {
  return ldvec<V>(p, file, line);
}
template <class V>
SIMT_INLINE void stvec(void* p, const V& v, SIMT_HERE) {
  detail::checked_access(p, sizeof(V), detail::Access::kWrite, {file, line});
  detail::copy_to<V>(p, v);
}
SIMT_INLINE void cp_async16(void* shared_dst, const void* global_src, SIMT_HERE) {
  detail::cp_async(shared_dst, global_src, {file, line});
}
inline void cp_async_commit() { detail::cp_async_commit_group(); }
template <int n>
void cp_async_wait(SIMT_HERE) {
  detail::cp_async_wait_group(n, {file, line});
}

}  // namespace simt

#include "tests/simt/front_device.h"
