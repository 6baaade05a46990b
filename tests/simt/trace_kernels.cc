#include "tests/simt/trace_kernels.h"

#include "kernels/cuda/simt.h"

namespace simt {
namespace {

constexpr unsigned kAll = 0xffffffffU;

void faulty(Fault fault, int threads, const float* in, float* out, int* counter) {
  SIMT_SHARED(float, tile, 64);
  SIMT_SHARED(float, total, 1);
  const int t = static_cast<int>(threadIdx.x);
  const int neighbour = (t + 1) % threads;
  if (!(fault == Fault::kReadUnwritten && t == 7)) {
    tile[t] = ldvec<float>(in + t);  // tile written
  }
  if (fault != Fault::kReadUnordered) {
    __syncthreads();
  }
  const float got = tile[neighbour];  // tile read
  if (fault != Fault::kOverwriteUnordered) {
    __syncthreads();
  }
  tile[t] = got;  // tile overwritten
  if (fault == Fault::kWriteUnordered || t == 0) {
    total[0] = 1.0F;  // total written
  }
  __syncthreads();

  // Within a warp.
  tile[t] = got + 1.0F;  // warp write
  if (fault == Fault::kShuffleForSyncwarp) {
    __shfl_sync(kAll, got, 0);
  } else if (fault == Fault::kPartialSyncwarp) {
    if (t % 32 < 16) {
      __syncwarp(0x0000ffffU);
    } else {
      __syncwarp(0xffff0000U);
    }
  } else if (fault != Fault::kNoSyncwarp) {
    __syncwarp();
  }
  const float mate = tile[t ^ 16];  // warp read

  const float* past = tile;
  if (fault == Fault::kReadPastShared && t == 9) {
    past += 55;
  }
  float sum = mate + past[t];  // maybe past tile
  past = in;
  if (fault == Fault::kReadPastBuffer && t == 3) {
    past += 61;
  }
  sum += past[t];  // maybe past in
  if (fault == Fault::kWritePastBuffer && t == 2) {
    out[64] = 0;  // past out
  }
  if (fault == Fault::kMisaligned && t == 1) {
    sum += *reinterpret_cast<const float*>(reinterpret_cast<const char*>(in) + 2);  // misaligned
  }
  if (fault == Fault::kNoAtomic) {
    counter[0] += 1;  // not atomic
  } else if (fault == Fault::kNoAtomicAcrossBlocks) {
    if (t == 0) {
      counter[0] += 1;  // not atomic across blocks
    }
  } else {
    atomicAdd(counter, 1);
  }
  out[static_cast<int>(blockIdx.x) * threads + t] = sum;
}

void async_pair(bool wait, bool barrier, const float* in, float* out) {
  SIMT_SHARED(float, tile, 4);
  if (threadIdx.x == 0) {
    cp_async16(tile, in);  // copy issued
    cp_async_commit();
    if (wait) {
      cp_async_wait<0>();
    }
  }
  if (barrier) {
    __syncthreads();
  }
  if (threadIdx.x == 33) {
    out[0] = tile[2];  // copy read
  }
}

void loads(Pattern pattern, const float* in, float* out) {
  const int lane = static_cast<int>(threadIdx.x);
  float sum = 0;
  switch (pattern) {
    case Pattern::kCoalesced:
      sum = in[lane];
      break;
    case Pattern::kVector: {
      const float4 v = ldvec<float4>(in + lane * 4);
      sum = v.x + v.y + v.z + v.w;
      break;
    }
    case Pattern::kStrided:
      sum = in[lane * 8];
      break;
    case Pattern::kShifted:
      sum = in[lane + 1];
      break;
    case Pattern::kBroadcast:
      sum = in[5];
      break;
    case Pattern::kDivergentLoop:  // odd lanes skip the first load of a round
      for (int round = 0; round < 4; ++round) {
        if (lane % 2 == 0) {
          sum += in[round * 64 + lane];
        }
        __syncwarp();
        sum += in[round * 64 + 32 + lane];
        __syncwarp();
      }
      break;
  }
  out[lane] = sum;
}

void banks(int stride, bool vectors, float* out) {
  SIMT_SHARED(float, tile, 32 * 33);
  const int lane = static_cast<int>(threadIdx.x);
  if (vectors) {
    stvec(tile + 4 * lane * stride, float4{1, 2, 3, 4});
  } else {
    tile[lane * stride] = 1;
  }
  out[lane] = 0;
}

void write_one(float* p) {
  p[threadIdx.x] = 1;  // read only
}

}  // namespace

void run_faulty(Fault fault, int blocks, int threads, const float* in, float* out, int* counter) {
  launch(faulty, static_cast<unsigned>(blocks), static_cast<unsigned>(threads), 0, fault, threads,
         in, out, counter);
}
void run_async(bool wait, bool barrier, const float* in, float* out) {
  launch(async_pair, 1, 64, 0, wait, barrier, in, out);
}
void run_loads(Pattern pattern, const float* in, float* out) {
  launch(loads, 1, 32, 0, pattern, in, out);
}
void run_banks(int stride, bool vectors, float* out) {
  launch(banks, 1, 32, 0, stride, vectors, out);
}
void run_write(float* read_only) { launch(write_one, 1, 32, 0, read_only); }

}  // namespace simt
