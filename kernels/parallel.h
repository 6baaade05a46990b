/// A small pool of threads with a static split: which thread does which part depends only on the
/// count, never on timing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "pema/executor.h"

namespace pema::kernels {

/// Thread-safety: one caller at a time. A `run` inside a `run` works, serially.
class ThreadPool {
 public:
  /// `threads` >= 1 threads including the caller's; 0 means one per hardware thread.
  /// Throws kInvalidArgument on a negative number or more than 1024.
  /// With an `executor` no thread is started: it runs the parts, at most `threads` in a call.
  explicit ThreadPool(std::int64_t threads = 0, Executor executor = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] std::int64_t threads() const noexcept;

  /// Calls body(begin, end) on ranges that cover [0, count) once, at most one per thread, each but
  /// the last a multiple of `grain` long; returns when all are done. Bodies must not share what
  /// they write. The exception of the lowest range that threw is thrown again here.
  void run(std::int64_t count, std::int64_t grain,
           const std::function<void(std::int64_t begin, std::int64_t end)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pema::kernels
