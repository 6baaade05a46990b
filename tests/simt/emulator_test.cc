// The emulator runs kernels as CUDA defines them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/cuda/simt.h"
#include "tests/simt/emulated_buffer.h"
#include "tests/simt/emulated_test.h"

namespace simt {
namespace {

constexpr unsigned kAll = 0xffffffffU;

class EmulatorTest : public Emulated {};
INSTANTIATE_TEST_SUITE_P(Orders, EmulatorTest, ::testing::ValuesIn(kOrders), order_name);

void write_indices(uint3* threads, uint3* blocks) {
  const unsigned in_block = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned i = block * blockDim.x * blockDim.y * blockDim.z + in_block;
  threads[i] = threadIdx;
  blocks[i] = blockIdx;
}

TEST_P(EmulatorTest, EveryThreadOfEveryBlockRunsOnce) {
  const dim3 grid(3, 2, 2);
  const dim3 block(5, 3, 2);
  std::vector<uint3> threads(12 * 30, uint3{99, 99, 99});
  std::vector<uint3> blocks = threads;
  launch(write_indices, grid, block, 0, threads.data(), blocks.data());
  for (unsigned i = 0; i < threads.size(); ++i) {
    const unsigned t = i % 30;
    const unsigned b = i / 30;
    EXPECT_EQ(threads[i].x, t % 5);
    EXPECT_EQ(threads[i].y, t / 5 % 3);
    EXPECT_EQ(threads[i].z, t / 15);
    EXPECT_EQ(blocks[i].x, b % 3);
    EXPECT_EQ(blocks[i].y, b / 3 % 2);
    EXPECT_EQ(blocks[i].z, b / 6);
  }
}

void write_order(int* counter, int* order) {
  order[atomicAdd(counter, 1)] =
      warpSize * 0 + static_cast<int>(threadIdx.x + blockIdx.x * blockDim.x);
}

TEST_P(EmulatorTest, ThreadsAndBlocksRunInTheOrderAskedFor) {
  std::vector<int> order(64);
  int counter = 0;
  launch(write_order, 2, 32, 0, &counter, order.data());
  std::vector<int> expected(64);
  std::iota(expected.begin(), expected.end(), 0);
  if (GetParam() == Order::kRandom) {
    EXPECT_NE(order, expected);
    std::sort(order.begin(), order.end());
  } else if (GetParam() == Order::kReverse) {
    std::reverse(expected.begin(), expected.end());
  }
  EXPECT_EQ(order, expected);
}

template <int kBlock>
void reverse_blocks(const int* in, int* out) {
  SIMT_SHARED(int, tile, kBlock);
  SIMT_DYN_SHARED(int, copy);
  const unsigned i = blockIdx.x * kBlock + threadIdx.x;
  tile[threadIdx.x] = in[i];
  __syncthreads();
  copy[threadIdx.x] = tile[kBlock - 1 - threadIdx.x];
  __syncthreads();
  out[i] = copy[threadIdx.x];
}

TEST_P(EmulatorTest, BarriersOrderSharedMemory) {
  std::vector<int> in(3 * 100);
  std::iota(in.begin(), in.end(), 0);
  std::vector<int> out(in.size());
  launch(reverse_blocks<100>, 3, 100, 100 * sizeof(int), in.data(), out.data());
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(out[i], i / 100 * 100 + 99 - i % 100);
  }
}

void all_shuffles(int width, int argument, int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_sync(kAll, lane, argument, width);
  out[32 + lane] = __shfl_up_sync(kAll, lane, argument, width);
  out[64 + lane] = __shfl_down_sync(kAll, lane, argument, width);
  out[96 + lane] = __shfl_xor_sync(kAll, lane, argument, width);
}

TEST_P(EmulatorTest, ShufflesBringWhatCudaDefines) {
  for (const int width : {1, 2, 4, 8, 16, 32}) {
    for (int argument = 0; argument < 32; ++argument) {
      std::vector<int> out(128);
      launch(all_shuffles, 1, 32, 0, width, argument, out.data());
      for (int lane = 0; lane < 32; ++lane) {
        const int first = lane / width * width;
        const int end = first + width;
        EXPECT_EQ(out[lane], first + argument % width);
        EXPECT_EQ(out[32 + lane], lane - argument >= first ? lane - argument : lane);
        EXPECT_EQ(out[64 + lane], lane + argument < end ? lane + argument : lane);
        EXPECT_EQ(out[96 + lane], (lane ^ argument) < end ? lane ^ argument : lane);
      }
    }
  }
}

void all_votes(unsigned* out) {
  const unsigned lane = threadIdx.x % 32;
  const bool odd = lane % 2 == 1;
  out[threadIdx.x] = __ballot_sync(kAll, odd);
  out[64 + threadIdx.x] = static_cast<unsigned>(__any_sync(kAll, odd) * 2 + __all_sync(kAll, odd));
  // Two halves of a warp, each on its own.
  if (lane < 16) {
    out[128 + threadIdx.x] = __ballot_sync(0x0000ffffU, 1);
  } else {
    out[128 + threadIdx.x] = __ballot_sync(0xffff0000U, lane > 20);
  }
  const unsigned long long wide = __shfl_sync(kAll, 0x100000000ULL + lane, 3);
  out[192 + threadIdx.x] = static_cast<unsigned>(wide >> 32U) + static_cast<unsigned>(wide);
}

TEST_P(EmulatorTest, VotesSeeTheLanesOfTheMask) {
  std::vector<unsigned> out(256);
  launch(all_votes, 1, 64, 0, out.data());
  for (unsigned t = 0; t < 64; ++t) {
    EXPECT_EQ(out[t], 0xaaaaaaaaU);
    EXPECT_EQ(out[64 + t], 2U);
    EXPECT_EQ(out[128 + t], t % 32 < 16 ? 0x0000ffffU : 0xffe00000U);
    EXPECT_EQ(out[192 + t], 4U);
  }
}

void read_poison(float* out) {
  SIMT_SHARED(float, never_written, 8);
  out[blockIdx.x] = never_written[3];
  never_written[3] = 0;
}

TEST_P(EmulatorTest, SharedMemoryIsNaNInEveryBlock) {
  std::vector<float> out(3);
  launch(read_poison, 3, 1, 0, out.data());
  EXPECT_THAT(out, ::testing::Each(::testing::IsNan()));
}

void copy_late(const float* in, float* out, int wait) {
  SIMT_SHARED(float, tile, 8);
  cp_async16(tile, in);
  cp_async_commit();
  cp_async16(tile + 4, in + 4);
  cp_async_commit();
  if (wait == 1) {
    cp_async_wait<1>();
  } else if (wait == 0) {
    cp_async_wait<0>();
  }
  out[0] = tile[0];
  out[1] = tile[7];
}

TEST_P(EmulatorTest, AsyncCopiesLandAtTheLastLegalMoment) {
  const std::vector<float> values = {0, 1, 2, 3, 4, 5, 6, 7};
  EmulatedBuffer<const float> in("in", values);
  EmulatedBuffer<float> out("out", 2);
  launch(copy_late, 1, 1, 0, in.data(), out.data(), -1);
  EXPECT_THAT(out[0], ::testing::IsNan());
  launch(copy_late, 1, 1, 0, in.data(), out.data(), 1);
  EXPECT_EQ(out[0], 0);
  EXPECT_THAT(out[1], ::testing::IsNan());
  launch(copy_late, 1, 1, 0, in.data(), out.data(), 0);
  EXPECT_EQ(out[1], 7);
}

void fill_stack(float* out) {
  float local[2048];
  for (int i = 0; i < 2048; ++i) {
    local[i] = out[0] + static_cast<float>(i);
  }
  __syncthreads();
  out[1 + threadIdx.x] = local[threadIdx.x];
}

TEST_P(EmulatorTest, EveryThreadHasItsOwnStack) {
  EmulatedBuffer<float> out("out", 1025);
  out[0] = 1;
  launch(fill_stack, 1, 1024, 0, out.data());
  for (int t = 0; t < 1024; ++t) {
    EXPECT_EQ(out[1 + t], static_cast<float>(t + 1));
  }
}

}  // namespace
}  // namespace simt
