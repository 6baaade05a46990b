#include "src/train/threads.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <cblas.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace pema::train {

std::int64_t usable_cores() noexcept {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const bool known = sched_getaffinity(0, sizeof(cores), &cores) == 0;
  return known ? std::max<std::int64_t>(1, CPU_COUNT(&cores)) : 1;
}

ThreadScope::ThreadScope() : torch_(at::get_num_threads()), blas_(openblas_get_num_threads()) {
  at::set_num_threads(1);
  openblas_set_num_threads(static_cast<int>(usable_cores()));
}

ThreadScope::~ThreadScope() {
  at::set_num_threads(torch_);
  openblas_set_num_threads(blas_);
}

void for_each_in_parallel(std::int64_t count, const std::function<void(std::int64_t)>& work) {
  const int blas_threads = openblas_get_num_threads();
  openblas_set_num_threads(1);
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_lock;
  const auto run = [&] {
    const at::NoGradGuard no_grad;  // gradient mode belongs to a thread
    try {
      for (std::int64_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      const std::lock_guard lock(failure_lock);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> helpers;
    const std::int64_t threads = std::min(count, usable_cores());
    for (std::int64_t t = 1; t < threads; ++t) helpers.emplace_back(run);
    run();
  }
  openblas_set_num_threads(blas_threads);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace pema::train
