/// The few names device code is written in. Under nvcc they are CUDA's own or thin wrappers;
/// under any other compiler they are the emulator's (tests/simt), so that one text is compiled
/// for the GPU and run, checked, on a CPU.
///
///   PEMA_GLOBAL, PEMA_DEVICE    a kernel; a device function
///   SIMT_SHARED(T, name, n)     shared T name[n], 16-byte aligned
///   SIMT_DYN_SHARED(T, name)    T* const name, the launch's dynamic shared memory, 16-byte aligned
///   simt::ldvec<V>(p)           one vector load (V of 4, 8 or 16 bytes); ldvec_ro: read-only path
///   simt::stvec<V>(p, v)        one vector store; nvcc may take it apart (pieces.cuh, store_piece)
///   simt::cp_async16(dst, src)  16 bytes from global to shared memory, asynchronously
///   simt::half_t, bf16_t        two-byte storage; to_float(x), from_float<T>(f): to nearest even
///   PEMA_SEEDED(n)              true where the tests compile defect n in
///
/// Besides these: threadIdx and its kind, __syncthreads, __syncwarp, __shfl_*_sync, __ballot_sync,
/// __any_sync, __all_sync, __popc, __ffs, __clz, __ldg, atomics, expf and its kind.
/// Not to be used: std::, exceptions, anything between blocks except atomics.
#pragma once

#ifdef PEMA_SEEDED_DEFECT
#define PEMA_SEEDED(n) ((n) == PEMA_SEEDED_DEFECT)
#else
#define PEMA_SEEDED(n) false
#endif

#ifdef __CUDACC__

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#define PEMA_GLOBAL __global__
#define PEMA_DEVICE __device__ __forceinline__
#define SIMT_RESTRICT __restrict__
#define SIMT_SHARED(T, name, n) __shared__ __align__(16) T name[n]
#define SIMT_DYN_SHARED(T, name)                                       \
  extern __shared__ __align__(16) unsigned char simt_dynamic_shared[]; \
  T* const name = reinterpret_cast<T*>(simt_dynamic_shared)

namespace simt {

struct half_t {
  unsigned short bits;
};
struct bf16_t {
  unsigned short bits;
};

PEMA_DEVICE float to_float(float x) { return x; }
PEMA_DEVICE float to_float(signed char x) { return static_cast<float>(x); }
PEMA_DEVICE float to_float(half_t x) { return __half2float(__ushort_as_half(x.bits)); }
PEMA_DEVICE float to_float(bf16_t x) {
  return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}

template <class T>
PEMA_DEVICE T from_float(float x);
template <>
PEMA_DEVICE float from_float<float>(float x) {
  return x;
}
template <>
PEMA_DEVICE half_t from_float<half_t>(float x) {
  return half_t{__half_as_ushort(__float2half_rn(x))};
}
template <>
PEMA_DEVICE bf16_t from_float<bf16_t>(float x) {
  return bf16_t{__bfloat16_as_ushort(__float2bfloat16_rn(x))};
}

template <class V>
PEMA_DEVICE V ldvec(const void* p) {
  return *static_cast<const V*>(p);
}
template <class V>
PEMA_DEVICE V ldvec_ro(const void* p) {
  return __ldg(static_cast<const V*>(p));
}
template <class V>
PEMA_DEVICE void stvec(void* p, const V& v) {
  *static_cast<V*>(p) = v;
}

PEMA_DEVICE void cp_async16(void* shared_dst, const void* global_src) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(shared_dst))),
               "l"(global_src)
               : "memory");
}
PEMA_DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Waits until at most n of this thread's newest groups are still on their way.
template <int n>
PEMA_DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}

}  // namespace simt

#else

#include "tests/simt/front.h"

#endif
