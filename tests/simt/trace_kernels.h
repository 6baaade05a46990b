/// Small kernels for trace_test.cc; compiled with pema_simt_traced, so that only their host entries
/// are seen elsewhere.
#pragma once

#include <cstdint>

namespace simt {

/// What a kernel does wrongly; kNothing runs the same kernel as it should be.
enum class Fault {
  kNothing,
  kReadUnordered,
  kWriteUnordered,
  kOverwriteUnordered,
  kNoSyncwarp,
  kShuffleForSyncwarp,
  kPartialSyncwarp,
  kReadUnwritten,
  kReadPastShared,
  kReadPastBuffer,
  kWritePastBuffer,
  kMisaligned,
  kNoAtomic,
  kNoAtomicAcrossBlocks,
};

/// out: [64] float, counter: one int. Two blocks of 32, or one of 64 threads.
void run_faulty(Fault fault, int blocks, int threads, const float* in, float* out, int* counter);

/// Another thread reads what a thread copies with cp.async. wait: the copier waits; barrier: after
/// that.
void run_async(bool wait, bool barrier, const float* in, float* out);

enum class Pattern { kCoalesced, kVector, kStrided, kShifted, kBroadcast, kDivergentLoop };

/// One warp. in: [1024], out: [32]; one load per lane in the pattern.
void run_loads(Pattern pattern, const float* in, float* out);

/// One warp writes shared memory at stride words and reads vectors of four.
void run_banks(int stride, bool vectors, float* out);

/// One warp writes to a buffer that may not be written to.
void run_write(float* read_only);

}  // namespace simt
