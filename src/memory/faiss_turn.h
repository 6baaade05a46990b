/// How this library calls FAISS: one caller at a time, on one OpenMP thread.
#pragma once

#include <omp.h>

#include <mutex>

namespace pema::memory {

/// While it lives, nobody else is in FAISS, and OpenMP has one thread here: two parallel regions
/// at once spin against each other, and one thread's sums have one order.
class FaissTurn {
 public:
  FaissTurn() : lock_(mutex()), before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~FaissTurn() { omp_set_num_threads(before_); }
  FaissTurn(const FaissTurn&) = delete;
  FaissTurn& operator=(const FaissTurn&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  std::lock_guard<std::mutex> lock_;
  int before_;
};

}  // namespace pema::memory
