// Breaches of CUDA's rules are reported with block, thread and line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "kernels/cuda/simt.h"
#include "tests/simt/emulated_buffer.h"
#include "tests/simt/emulated_test.h"

namespace simt {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr unsigned kAll = 0xffffffffU;

std::string place(std::string_view mark) { return "at " + line_of("breach_test.cc", mark); }

class BreachTest : public Emulated {};
INSTANTIATE_TEST_SUITE_P(Orders, BreachTest, ::testing::ValuesIn(kOrders), order_name);

void diverge() {
  if (blockIdx.x == 1 && threadIdx.x == 37) {
    __syncthreads();  // barrier of one
  } else {
    __syncthreads();  // barrier of the others
  }
}

TEST_P(BreachTest, BarriersInDifferentPlacesAreReported) {
  const std::string text = breach_of([] { launch(diverge, 2, 64, 0); });
  EXPECT_THAT(text,
              AllOf(HasSubstr("__syncthreads at different places"), HasSubstr("block (1,0,0)"),
                    HasSubstr("thread (37,0,0), warp 1 lane 5"), HasSubstr(place("barrier of one")),
                    HasSubstr(place("barrier of the others"))));
}

void return_early() {
  if (threadIdx.x == 40) {
    return;
  }
  __syncthreads();  // barrier too late
}

TEST_P(BreachTest, BarriersAfterAReturnAreReported) {
  EXPECT_THAT(breach_of([] { launch(return_early, 1, 64, 0); }),
              AllOf(HasSubstr("not reached by thread (40,0,0), which has returned"),
                    HasSubstr("block (0,0,0)"), HasSubstr(place("barrier too late"))));
}

void shuffle_after_return(int* out) {
  if (threadIdx.x >= 27) {
    return;
  }
  out[threadIdx.x] = __shfl_down_sync(kAll, 1, 16);  // shuffle of a full mask
}

TEST_P(BreachTest, LanesThatNeverComeAreADeadlock) {
  std::vector<int> out(32);
  EXPECT_THAT(breach_of([&] { launch(shuffle_after_return, 1, 32, 0, out.data()); }),
              AllOf(HasSubstr("deadlock; warp 0 in __shfl_down_sync"),
                    HasSubstr("mask ffffffff arrived 07ffffff"), HasSubstr("block (0,0,0) thread"),
                    HasSubstr(place("shuffle of a full mask"))));
}

void misuse(int which) {
  const unsigned lane = threadIdx.x % 32;
  if (which == 0 && lane == 9) {
    __syncwarp(0xffU);  // outside of the mask
  } else if (which == 1) {
    __syncwarp(kAll);  // absent lanes
  } else if (which == 2) {
    if (lane < 16) {
      __ballot_sync(0xffffU, 1);
      __shfl_sync(0xffffU, 1, 20);  // lane outside of the mask
    }
  } else if (which == 3) {
    if (lane == 3) {
      __ballot_sync(kAll, 1);  // ballot of one
    } else {
      __any_sync(kAll, 1);  // any of the others
    }
  } else if (which == 4) {
    __syncwarp(lane == 5 ? 0x21U : 0x3fU);  // two masks
  } else if (which == 5) {
    __shfl_sync(kAll, 1, 0, 12);  // width
  }
}

TEST_P(BreachTest, MisuseOfWarpOperationsIsReported) {
  const auto text_of = [](int which, unsigned threads) {
    return breach_of([&] { launch(misuse, 1, threads, 0, which); });
  };
  EXPECT_THAT(text_of(0, 32),
              AllOf(HasSubstr("__syncwarp by a lane outside of its mask 000000ff"),
                    HasSubstr("thread (9,0,0)"), HasSubstr(place("outside of the mask"))));
  EXPECT_THAT(text_of(1, 40), AllOf(HasSubstr("names absent lanes; the warp has 000000ff"),
                                    HasSubstr(place("absent lanes"))));
  EXPECT_EQ(text_of(1, 64), "");
  const std::string outside = text_of(2, 32);
  EXPECT_THAT(outside, AllOf(HasSubstr("__shfl_sync reads lane 20"),
                             HasSubstr(place("lane outside of the mask"))));
  EXPECT_THAT(text_of(3, 32),
              AllOf(HasSubstr("lanes of one mask disagree"), HasSubstr("block (0,0,0) thread"),
                    HasSubstr(place("ballot of one")), HasSubstr(place("any of the others"))));
  EXPECT_THAT(text_of(4, 6),
              AllOf(HasSubstr("lanes of one mask disagree"), HasSubstr(place("two masks"))));
  EXPECT_THAT(text_of(5, 32), AllOf(HasSubstr("width of 12"), HasSubstr(place("width"))));
}

void load_unaligned(const float* in, float* out) {
  const float4 v = ldvec<float4>(in + threadIdx.x);  // unaligned load
  out[threadIdx.x] = v.x;
}

TEST_P(BreachTest, MisalignedVectorsAreReported) {
  EmulatedBuffer<float> in("rows", 16);
  EmulatedBuffer<float> out("out", 16);
  EXPECT_THAT(breach_of([&] { launch(load_unaligned, 1, 4, 0, in.data(), out.data()); }),
              AllOf(HasSubstr("misaligned access of 16 bytes"), HasSubstr("in 'rows'"),
                    HasSubstr("block (0,0,0) thread ("), HasSubstr(place("unaligned load"))));
}

void copy_badly(float* p, int which) {
  SIMT_SHARED(float, tile, 8);
  float* const dst = which == 0 ? p : tile + (which == 1 ? 1 : 8);
  cp_async16(dst, p);  // bad copy
}

TEST_P(BreachTest, AsyncCopiesToTheWrongPlaceAreReported) {
  EmulatedBuffer<float> p("p", 16);
  for (const int which : {0, 1, 2}) {
    EXPECT_THAT(breach_of([&] { launch(copy_badly, 1, 1, 0, p.data(), which); }),
                AllOf(HasSubstr(which == 1 ? "misaligned" : "outside of shared memory"),
                      HasSubstr("block (0,0,0) thread (0,0,0)"), HasSubstr(place("bad copy"))));
  }
}

void overrun_shared(int index) {
  SIMT_SHARED(int, counts, 5);
  SIMT_SHARED(int, others, 5);
  int* const p = counts;
  p[index] = 1;
  others[0] = 2;
}
void overrun_buffer(float* p, int index) { p[index] = 1; }

#if defined(SIMT_ASAN)
TEST_P(BreachTest, AsanSeesOneElementTooFar) {
  EmulatedBuffer<float> p("p", 5);
  EXPECT_DEATH(launch(overrun_shared, 1, 1, 0, 5), "use-after-poison");
  EXPECT_DEATH(launch(overrun_shared, 1, 1, 0, -1), "use-after-poison");
  EXPECT_DEATH(launch(overrun_buffer, 1, 1, 0, p.data(), 5), "use-after-poison");
  EXPECT_DEATH(launch(overrun_buffer, 1, 1, 0, p.data(), -1), "use-after-poison");
}
#else
TEST_P(BreachTest, WritesOneElementTooFarAreReportedAfterTheBlock) {
  EmulatedBuffer<float> p("p", 5);
  EXPECT_THAT(breach_of([] { launch(overrun_shared, 1, 1, 0, 5); }),
              HasSubstr("'counts' was overrun in block (0,0,0): byte 20 of 20 was written"));
  EXPECT_THAT(breach_of([] { launch(overrun_shared, 1, 1, 0, -1); }), HasSubstr("byte -4 of 20"));
  EXPECT_THAT(breach_of([&] { launch(overrun_buffer, 2, 1, 0, p.data(), 5); }),
              HasSubstr("'p' was overrun in block"));
  EXPECT_THAT(breach_of([&] { launch(overrun_buffer, 1, 1, 0, p.data(), -2); }),
              HasSubstr("byte -8 of 20"));
}
#endif

void too_much_shared() {
  SIMT_SHARED(float, big, 48 * 256 + 1);  // too big
  big[0] = 0;
}

TEST_P(BreachTest, LaunchesThatNoGpuTakesAreRefused) {
  EXPECT_THROW(launch(diverge, 1, 1025, 0), std::invalid_argument);
  EXPECT_THROW(launch(diverge, 1, dim3(1, 1, 65), 0), std::invalid_argument);
  EXPECT_THROW(launch(diverge, 0, 32, 0), std::invalid_argument);
  EXPECT_THROW(launch(diverge, dim3(1, 65536), 32, 0), std::invalid_argument);
  EXPECT_THROW(launch(diverge, 1, 32, 228 * 1024), std::invalid_argument);
  EXPECT_THAT(breach_of([] { launch(too_much_shared, 1, 1, 0); }),
              AllOf(HasSubstr("48 KiB"), HasSubstr(place("too big"))));
}

void vote(unsigned* out) { out[threadIdx.x] = __ballot_sync(kAll, threadIdx.x % 2 == 1); }

TEST_P(BreachTest, ALaunchAfterABreachRuns) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_NE(breach_of([] { launch(diverge, 2, 64, 0); }), "");
    std::vector<unsigned> out(64);
    launch(vote, 1, 64, 0, out.data());
    EXPECT_EQ(out[63], 0xaaaaaaaaU);
  }
}

}  // namespace
}  // namespace simt
