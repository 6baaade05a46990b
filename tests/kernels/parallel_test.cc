// Ranges cover everything once; exceptions arrive; a pool survives them.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "kernels/parallel.h"
#include "tests/support/expect_error.h"

namespace pema::kernels {
namespace {

using test::expect_error;

TEST(ThreadPool, EveryIndexIsVisitedOnceInRangesOfTheGrain) {
  for (const std::int64_t threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::int64_t count : {0, 1, 2, 15, 16, 17, 100, 1000}) {
      for (const std::int64_t grain : {1, 7, 64}) {
        std::vector<int> visits(static_cast<std::size_t>(count));
        pool.run(count, grain, [&](std::int64_t begin, std::int64_t end) {
          EXPECT_LT(begin, end);
          EXPECT_EQ(begin % grain, 0);
          EXPECT_TRUE(end == count || end % grain == 0);
          for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        for (const int visit : visits) ASSERT_EQ(visit, 1);
      }
    }
  }
}

TEST(ThreadPool, TheLowestFailureIsThrownAndThePoolGoesOn) {
  ThreadPool pool(4);
  for (int repeat = 0; repeat < 50; ++repeat) {
    expect_error(
        ErrorCode::kCorrupt,
        [&] {
          pool.run(400, 1, [&](std::int64_t begin, std::int64_t) {
            if (begin >= 100) fail(ErrorCode::kCorrupt, "part at ", begin);
          });
        },
        "part at 100");
    std::atomic<std::int64_t> sum = 0;
    pool.run(10, 1, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
    EXPECT_EQ(sum, 10);
  }
}

TEST(ThreadPool, ARunInsideARunIsSerial) {
  ThreadPool pool(3);
  std::atomic<std::int64_t> sum = 0;
  pool.run(9, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      pool.run(5, 1, [&](std::int64_t b, std::int64_t e) { sum += e - b; });
    }
  });
  EXPECT_EQ(sum, 45);
}

TEST(ThreadPool, ImpossibleNumbersAreRefused) {
  expect_error(
      ErrorCode::kInvalidArgument, [] { ThreadPool pool(-1); }, "threads");
  expect_error(
      ErrorCode::kInvalidArgument, [] { ThreadPool pool(1025); }, "threads");
  EXPECT_GE(ThreadPool(0).threads(), 1);
}

TEST(ThreadPool, AnExecutorRunsThePartsAndFailuresArrive) {
  std::int64_t calls = 0;
  std::int64_t most = 0;
  // Backwards, on the calling thread.
  const Executor executor = [&](std::int64_t parts, const std::function<void(std::int64_t)>& part) {
    ++calls;
    most = std::max(most, parts);
    for (std::int64_t i = parts - 1; i >= 0; --i) part(i);
  };
  ThreadPool pool(3, executor);
  EXPECT_EQ(pool.threads(), 3);
  for (const std::int64_t count : {1, 2, 3, 4, 100}) {
    std::vector<int> visits(static_cast<std::size_t>(count));
    pool.run(count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    for (const int visit : visits) ASSERT_EQ(visit, 1);
  }
  EXPECT_EQ(calls, 4);  // one item needs nobody
  EXPECT_EQ(most, 3);
  expect_error(ErrorCode::kCorrupt, [&] {
    pool.run(9, 1, [](std::int64_t begin, std::int64_t) {
      if (begin == 3) fail(ErrorCode::kCorrupt, "the second part");
      if (begin == 6) fail(ErrorCode::kIo, "the third part");
    });
  });
}

}  // namespace
}  // namespace pema::kernels
