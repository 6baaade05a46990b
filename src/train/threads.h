/// How training uses the cores.
#pragma once

#include <cstdint>
#include <functional>

namespace pema::train {

/// Cores that this process may use, at least 1.
[[nodiscard]] std::int64_t usable_cores() noexcept;

/// While it lives, matrix products use every usable core (OpenBLAS's threads) and torch's own
/// operators one: Debian's OpenBLAS has a pool of threads apart from torch's OpenMP, and each pool
/// would spin while the other works (5 to 30 times slower on a busy machine). Then both are set
/// back.
class ThreadScope {
 public:
  ThreadScope();
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int torch_ = 1;
  int blas_ = 1;
};

/// Calls work(i) for every i in [0, count), on as many threads as there are usable cores, each
/// with products on one thread and without gradients. The first exception is thrown again, after
/// all threads have ended. Requires: calls may run in any order and do not touch one another's
/// memory.
void for_each_in_parallel(std::int64_t count, const std::function<void(std::int64_t)>& work);

}  // namespace pema::train
