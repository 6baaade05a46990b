// The trace sees every access of instrumented kernels: races whatever the schedule, reads of what
// was never written, accesses past an end, and traffic.
#include "tests/simt/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/simt/emulated_buffer.h"
#include "tests/simt/emulated_test.h"
#include "tests/simt/trace_kernels.h"

namespace simt {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string at(std::string_view mark) { return "at " + line_of("trace_kernels.cc", mark); }

class TraceTest : public Emulated {
 protected:
  std::string text_of(Fault fault, int blocks = 1, int threads = 64) {
    counter_[0] = 0;
    return breach_of([&] {
      const Trace trace;
      run_faulty(fault, blocks, threads, in_.data(), out_.data(), counter_.data());
    });
  }

  EmulatedBuffer<const float> in_{"in", std::vector<float>(64, 2.0F)};
  EmulatedBuffer<float> out_{"out", 64};
  EmulatedBuffer<int> counter_{"counter", 1};
};
INSTANTIATE_TEST_SUITE_P(Orders, TraceTest, ::testing::ValuesIn(kOrders), order_name);

TEST_P(TraceTest, ARightKernelIsClean) {
  EXPECT_EQ(text_of(Fault::kNothing), "");
  EXPECT_EQ(out_[63], 8.0F);
  EXPECT_EQ(text_of(Fault::kNothing, 2, 32), "");
  EXPECT_EQ(counter_[0], 64);
}

TEST_P(TraceTest, RacesInSharedMemoryNameBothSides) {
  const auto both = [](std::string_view one, std::string_view other) {
    return AllOf(HasSubstr("race on 'tile' element "), HasSubstr("block (0,0,0) thread ("),
                 HasSubstr(at(one)), HasSubstr(at(other)), HasSubstr("nothing orders the two"));
  };
  // In forward order thread t reads what thread t + 1 has not written yet.
  EXPECT_THAT(text_of(Fault::kReadUnordered),
              AnyOf(both("tile written", "tile read"),
                    AllOf(HasSubstr("read before it was written"), HasSubstr(at("tile read")))));
  EXPECT_THAT(text_of(Fault::kOverwriteUnordered), both("tile overwritten", "tile read"));
  EXPECT_THAT(text_of(Fault::kWriteUnordered),
              AllOf(HasSubstr("race on 'total' element 0"), HasSubstr(at("total written"))));
}

TEST_P(TraceTest, OnlySyncwarpOverBothLanesOrdersAWarp) {
  for (const Fault fault :
       {Fault::kNoSyncwarp, Fault::kShuffleForSyncwarp, Fault::kPartialSyncwarp}) {
    EXPECT_THAT(text_of(fault), AllOf(HasSubstr("race on 'tile' element "),
                                      HasSubstr(at("warp write")), HasSubstr(at("warp read"))));
  }
}

TEST_P(TraceTest, UnwrittenSharedMemoryIsReported) {
  EXPECT_THAT(
      text_of(Fault::kReadUnwritten),
      AllOf(HasSubstr("'tile' element 7 is read before it was written"),
            HasSubstr("block (0,0,0) thread (6,0,0), warp 0 lane 6"), HasSubstr(at("tile read"))));
}

TEST_P(TraceTest, AccessesPastAnEndAreReported) {
  EXPECT_THAT(text_of(Fault::kReadPastShared),
              AllOf(HasSubstr("byte 256 of 'tile' is read, which has 256"),
                    HasSubstr("thread (9,0,0)"), HasSubstr(at("maybe past tile"))));
  EXPECT_THAT(text_of(Fault::kReadPastBuffer),
              AllOf(HasSubstr("byte 256 of 'in' is read"), HasSubstr("thread (3,0,0)"),
                    HasSubstr(at("maybe past in"))));
  EXPECT_THAT(text_of(Fault::kWritePastBuffer),
              AllOf(HasSubstr("byte 256 of 'out' is written"), HasSubstr("thread (2,0,0)"),
                    HasSubstr(at("past out"))));
}

TEST_P(TraceTest, MisalignedScalarsAreReported) {
  EXPECT_THAT(text_of(Fault::kMisaligned),
              AllOf(HasSubstr("misaligned access of 4 bytes in 'in'"), HasSubstr("thread (1,0,0)"),
                    HasSubstr(at("misaligned"))));
}

TEST_P(TraceTest, BuffersAreWatchedAcrossBlocksToo) {
  EXPECT_THAT(text_of(Fault::kNoAtomic),
              AllOf(HasSubstr("race on 'counter' element 0"), HasSubstr(at("not atomic"))));
  EXPECT_THAT(text_of(Fault::kNoAtomicAcrossBlocks, 2, 32),
              AllOf(HasSubstr("race on 'counter' element 0"), HasSubstr("another block's thread 0"),
                    HasSubstr(at("not atomic across blocks"))));
  EXPECT_THAT(breach_of([&] {
                const Trace trace;
                run_write(const_cast<float*>(in_.data()));
              }),
              AllOf(HasSubstr("'in' is read only"), HasSubstr(at("read only"))));
}

TEST_P(TraceTest, AsyncCopiesMustHaveLandedAndBeOrdered) {
  const auto text = [&](bool wait, bool barrier) {
    return breach_of([&] {
      const Trace trace;
      run_async(wait, barrier, in_.data(), out_.data());
    });
  };
  EXPECT_EQ(text(true, true), "");
  EXPECT_THAT(text(false, true),
              AllOf(HasSubstr("while cp.async is on its way"), HasSubstr("thread (33,0,0)"),
                    HasSubstr(at("copy issued")), HasSubstr(at("copy read"))));
  EXPECT_THAT(text(true, false),
              AnyOf(AllOf(HasSubstr("race on 'tile' element 2"), HasSubstr(at("copy issued")),
                          HasSubstr(at("copy read"))),
                    HasSubstr("read before it was written")));
}

TEST_P(TraceTest, SectorsAreCountedPerRequest) {
  EmulatedBuffer<const float> in("rows", std::vector<float>(1024, 1.0F));
  const auto loads = [&](Pattern pattern) {
    const Trace trace;
    run_loads(pattern, in.data(), out_.data());
    EXPECT_EQ(trace.buffer("out").stores.sectors, 4U);
    EXPECT_EQ(trace.buffer("out").unique_stored, 4U);
    EXPECT_EQ(trace.buffer("nobody").loads.requests, 0U);
    return trace.buffer("rows");
  };
  const auto expect = [&](Pattern pattern, std::uint64_t requests, std::uint64_t sectors,
                          std::uint64_t ideal, std::uint64_t unique) {
    const BufferTraffic traffic = loads(pattern);
    EXPECT_EQ(traffic.loads.requests, requests);
    EXPECT_EQ(traffic.loads.sectors, sectors);
    EXPECT_EQ(traffic.loads.ideal, ideal);
    EXPECT_EQ(traffic.unique_loaded, unique);
    EXPECT_EQ(traffic.stores.requests, 0U);
  };
  expect(Pattern::kCoalesced, 1, 4, 4, 4);
  expect(Pattern::kVector, 1, 16, 16, 16);
  expect(Pattern::kStrided, 1, 32, 4, 32);
  expect(Pattern::kShifted, 1, 5, 4, 5);
  expect(Pattern::kBroadcast, 1, 1, 1, 1);
  expect(Pattern::kDivergentLoop, 8, 32, 24, 32);
}

TEST_P(TraceTest, BankConflictsAreCountedPerPhase) {
  const auto shared = [&](int stride, bool vectors) {
    const Trace trace;
    run_banks(stride, vectors, out_.data());
    EXPECT_EQ(trace.shared().requests, 1U);
    return std::pair(trace.shared().phases, trace.shared().waves);
  };
  using Counts = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(shared(1, false), Counts(1, 1));
  EXPECT_EQ(shared(2, false), Counts(1, 2));
  EXPECT_EQ(shared(32, false), Counts(1, 32));
  EXPECT_EQ(shared(33, false), Counts(1, 1));
  EXPECT_EQ(shared(1, true), Counts(4, 4));
  EXPECT_EQ(shared(8, true), Counts(4, 32));
}

TEST(TraceObjectTest, ThereIsOneAtATime) {
  const Trace trace;
  EXPECT_THROW(const Trace second, std::logic_error);
  EXPECT_EQ(trace.accesses(), 0U);
}

}  // namespace
}  // namespace simt
