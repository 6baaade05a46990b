#include "kernels/parallel.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "pema/error.h"

namespace pema::kernels {
namespace {

thread_local bool inside_run = false;

}  // namespace

struct ThreadPool::State {
  std::int64_t threads = 1;
  Executor executor;  // in place of workers
  std::mutex mutex;
  std::condition_variable start;
  std::condition_variable done;
  std::uint64_t round = 0;
  std::int64_t waiting_for = 0;
  bool stop = false;
  std::int64_t count = 0;
  std::int64_t length = 0;  // of every range but the last
  const std::function<void(std::int64_t, std::int64_t)>* body = nullptr;
  std::vector<std::exception_ptr> failures;  // [threads]
  std::vector<std::thread> workers;          // [threads - 1]

  void work(std::int64_t part) noexcept {
    const std::int64_t begin = std::min(count, part * length);
    const std::int64_t end = std::min(count, begin + length);
    if (begin == end) return;
    inside_run = true;
    try {
      (*body)(begin, end);
    } catch (...) {
      failures[static_cast<std::size_t>(part)] = std::current_exception();
    }
    inside_run = false;
  }

  void serve(std::int64_t part) {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      start.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
      lock.unlock();
      work(part);
      lock.lock();
      if (--waiting_for == 0) done.notify_one();
    }
  }

  void join() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    start.notify_all();
    for (std::thread& worker : workers) worker.join();
  }
};

ThreadPool::ThreadPool(std::int64_t threads, Executor executor)
    : state_(std::make_unique<State>()) {
  PEMA_CHECK(threads >= 0 && threads <= 1024, kInvalidArgument, "threads is ", threads,
             "; it must lie in [0, 1024], 0 meaning one per hardware thread");
  if (threads == 0) threads = std::max<std::int64_t>(1, std::thread::hardware_concurrency());
  state_->threads = threads;
  state_->failures.resize(static_cast<std::size_t>(threads));
  if (executor) {
    state_->executor = std::move(executor);
    return;
  }
  state_->workers.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (std::int64_t part = 1; part < threads; ++part) {
      state_->workers.emplace_back([state = state_.get(), part] { state->serve(part); });
    }
  } catch (const std::exception& error) {
    state_->join();
    fail(ErrorCode::kIo, "cannot start ", threads, " threads: ", error.what(), "; ask for fewer");
  }
}

ThreadPool::~ThreadPool() { state_->join(); }

std::int64_t ThreadPool::threads() const noexcept { return state_->threads; }

void ThreadPool::run(std::int64_t count, std::int64_t grain,
                     const std::function<void(std::int64_t, std::int64_t)>& body) {
  PEMA_ASSERT(count >= 0 && grain >= 1);
  if (count == 0) return;
  const std::int64_t grains = (count + grain - 1) / grain;
  const std::int64_t per_part = (grains + threads() - 1) / threads();
  if (inside_run || per_part * grain >= count) {
    body(0, count);
    return;
  }
  State& state = *state_;
  {
    const std::lock_guard lock(state.mutex);
    state.count = count;
    state.length = per_part * grain;
    state.body = &body;
    state.waiting_for = threads() - 1;
    std::fill(state.failures.begin(), state.failures.end(), nullptr);
    ++state.round;
  }
  if (state.executor) {
    state.executor((count + state.length - 1) / state.length,
                   [&state](std::int64_t part) { state.work(part); });
  } else {
    state.start.notify_all();
    state.work(0);
    std::unique_lock lock(state.mutex);
    state.done.wait(lock, [&] { return state.waiting_for == 0; });
  }
  for (const std::exception_ptr& failure : state.failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace pema::kernels
