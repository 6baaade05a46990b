/// CUDA's synchronizing device functions in CUDA's (global) scope; part of front.h.
#pragma once

SIMT_INLINE void __syncthreads(SIMT_HERE) { simt::detail::block_barrier({file, line}); }
SIMT_INLINE void __syncwarp(unsigned mask = 0xffffffffU, SIMT_HERE) {
  simt::detail::warp_exchange(simt::detail::WarpOp::kSync, mask, 0, 0, 32, {file, line});
}
SIMT_INLINE unsigned __ballot_sync(unsigned mask, int predicate, SIMT_HERE) {
  return static_cast<unsigned>(simt::detail::warp_exchange(simt::detail::WarpOp::kBallot, mask,
                                                           predicate != 0, 0, 32, {file, line}));
}
SIMT_INLINE int __any_sync(unsigned mask, int predicate, SIMT_HERE) {
  return simt::detail::warp_exchange(simt::detail::WarpOp::kAny, mask, predicate != 0, 0, 32,
                                     {file, line}) != 0;
}
SIMT_INLINE int __all_sync(unsigned mask, int predicate, SIMT_HERE) {
  return simt::detail::warp_exchange(simt::detail::WarpOp::kAll, mask, predicate == 0, 0, 32,
                                     {file, line}) == 0;
}
template <class T>
SIMT_INLINE T __shfl_sync(unsigned mask, T value, int source, int width = 32, SIMT_HERE) {
  return simt::detail::shuffle(simt::detail::WarpOp::kShfl, mask, value, source, width,
                               {file, line});
}
template <class T>
SIMT_INLINE T __shfl_up_sync(unsigned mask, T value, int delta, int width = 32, SIMT_HERE) {
  return simt::detail::shuffle(simt::detail::WarpOp::kShflUp, mask, value, delta, width,
                               {file, line});
}
template <class T>
SIMT_INLINE T __shfl_down_sync(unsigned mask, T value, int delta, int width = 32, SIMT_HERE) {
  return simt::detail::shuffle(simt::detail::WarpOp::kShflDown, mask, value, delta, width,
                               {file, line});
}
template <class T>
SIMT_INLINE T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, SIMT_HERE) {
  return simt::detail::shuffle(simt::detail::WarpOp::kShflXor, mask, value, bits, width,
                               {file, line});
}

template <class T>
T __ldg(const T* p) {
  return *p;
}
template <class T>
SIMT_INLINE T atomicAdd(T* p, T value, SIMT_HERE) {
  return simt::detail::atomic(p, {file, line}, [=](T old) { return old + value; });
}
template <class T>
SIMT_INLINE T atomicMin(T* p, T value, SIMT_HERE) {
  return simt::detail::atomic(p, {file, line}, [=](T old) { return value < old ? value : old; });
}
template <class T>
SIMT_INLINE T atomicMax(T* p, T value, SIMT_HERE) {
  return simt::detail::atomic(p, {file, line}, [=](T old) { return old < value ? value : old; });
}
template <class T>
SIMT_INLINE T atomicOr(T* p, T value, SIMT_HERE) {
  return simt::detail::atomic(p, {file, line}, [=](T old) { return old | value; });
}
template <class T>
SIMT_INLINE T atomicExch(T* p, T value, SIMT_HERE) {
  return simt::detail::atomic(p, {file, line}, [=](T) { return value; });
}
template <class T>
SIMT_INLINE T atomicCAS(T* p, T expected, T value, SIMT_HERE) {
  return simt::detail::atomic(p, {file, line},
                              [=](T old) { return old == expected ? value : old; });
}
