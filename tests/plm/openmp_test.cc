// The OpenMP executor runs every part once, and an engine on it gives the same bits.
#include "pema/plm/openmp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "kernels/parallel.h"

namespace pema::plm {
namespace {

TEST(OpenMpExecutor, RunsEveryPartOnce) {
  const Executor executor = openmp_executor();
  if (!executor) GTEST_SKIP() << "built without OpenMP, or for ThreadSanitizer";
  for (const std::int64_t parts : {1, 2, 5}) {
    std::vector<std::atomic<int>> visits(static_cast<std::size_t>(parts));
    executor(parts, [&](std::int64_t part) { ++visits[static_cast<std::size_t>(part)]; });
    for (const auto& visit : visits) EXPECT_EQ(visit, 1);
  }
}

TEST(OpenMpExecutor, ThreadPoolsSplitAsOnTheirOwnThreads) {
  const auto starts = [](kernels::ThreadPool& pool) {
    std::vector<std::int64_t> start(100);
    pool.run(100, 1, [&](std::int64_t begin, std::int64_t end) {
      std::fill(start.begin() + begin, start.begin() + end, begin);
    });
    return start;
  };
  kernels::ThreadPool own(3);
  kernels::ThreadPool team(3, openmp_executor());
  EXPECT_EQ(starts(team), starts(own));
}

}  // namespace
}  // namespace pema::plm
