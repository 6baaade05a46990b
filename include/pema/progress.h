/// Long work says how far it is and can be asked to stop.
#pragma once

#include <cstdint>
#include <string_view>

#include "pema/error.h"

namespace pema {

/// Receiver of progress. Pass null where nobody watches.
/// Thread-safety: called from the thread that does the work; `stop_requested` may read what a
/// signal handler set.
class Progress {
 public:
  virtual ~Progress() = default;
  /// `done` of `total` `unit`s ("tokens", "epochs") of `stage` are finished; total 0 means unknown.
  /// Called at least at the start (done = 0) and the end of a stage; must be cheap.
  virtual void report(std::string_view stage, std::int64_t done, std::int64_t total,
                      std::string_view unit) = 0;
  /// True when the user asked to stop; work then ends with kInterrupted at its next safe point.
  [[nodiscard]] virtual bool stop_requested() const { return false; }
};

/// Reports, then throws kInterrupted when a stop was requested. A null `progress` does nothing.
inline void checkpoint(Progress* progress, std::string_view stage, std::int64_t done,
                       std::int64_t total, std::string_view unit) {
  if (progress == nullptr) return;
  progress->report(stage, done, total, unit);
  PEMA_CHECK(!progress->stop_requested(), kInterrupted, "interrupted while doing: ", stage,
             "; what was finished is kept, run the same command again to go on");
}

}  // namespace pema
