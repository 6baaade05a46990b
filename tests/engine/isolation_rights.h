/// What the isolation test knows of who may read what.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pema/engine.h"

namespace pema::test {

/// Numbers of texts, each with how many entries it has.
using Texts = std::map<std::int32_t, std::int64_t>;

/// What each generation of each person may read, and what each version of each team's segment has,
/// noted before it is stored.
class Rights {
 public:
  void note(const std::string& name, std::int64_t generation, std::optional<Texts> own,
            std::set<SegmentId> teams) {
    const std::lock_guard lock(mutex_);
    of_[{name, generation}] = {std::move(own), std::move(teams)};
  }
  void note(SegmentId team, std::int64_t version, Texts texts) {
    const std::lock_guard lock(mutex_);
    in_[{team, version}] = std::move(texts);
  }
  /// Every text that the lease may read and must hold, whole.
  [[nodiscard]] Texts of(const Lease& lease) const {
    const std::lock_guard lock(mutex_);
    const auto found = of_.find({lease.name, lease.generation});
    if (found == of_.end()) return {};
    const auto& [own, teams] = found->second;
    Texts texts = own.value_or(Texts{});
    for (const LeasedList& list : lease.lists) {
      EXPECT_TRUE(teams.contains(list.segment)) << lease.name;
      const Texts& of_team = in_.at({list.segment, list.version});
      texts.insert(of_team.begin(), of_team.end());
    }
    EXPECT_EQ(lease.lists.size(), teams.size()) << lease.name;
    return texts;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::int64_t>,
           std::pair<std::optional<Texts>, std::set<SegmentId>>>
      of_;
  std::map<std::pair<SegmentId, std::int64_t>, Texts> in_;
};

/// A team's segment as its writer knows it.
struct Team {
  SegmentId id;
  std::int64_t version = 1;
  std::vector<std::pair<std::int32_t, std::int64_t>> texts;  ///< number and entries, in their order
};

}  // namespace pema::test
