/// A power cut at any moment, on a disk that drops, tears and reorders what was not synced.
#include <gtest/gtest.h>

#include <filesystem>

#include "bench/durability/store_script.h"
#include "pema/error.h"
#include "tests/durability/amount.h"
#include "tests/durability/simulated_disk.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {
namespace {

using durability::StoreScript;

/// What a cut left, and how far the script was.
struct Cut {
  DiskImage image;
  std::int64_t acknowledged = 0;
};

/// Cuts the power before one call in `every`, and goes on.
class Cuts : public DiskHook {
 public:
  Cuts(std::string root, std::uint64_t seed, std::uint64_t every)
      : random_(seed), every_(every), disk_(std::move(root)) {}

  int before(const DiskEvent& event) override {
    if (event.call == DiskCall::kRead || event.call == DiskCall::kMapLog) return 0;
    if (random_() % every_ == 0) cut();
    return 0;
  }
  void after(const DiskEvent& event) override { disk_.apply(event); }
  void cut() { cuts.push_back({disk_.survivors(random_), acknowledged}); }

  std::int64_t acknowledged = 0;
  std::vector<Cut> cuts;

 private:
  std::mt19937_64 random_;
  std::uint64_t every_;
  SimulatedDisk disk_;
};

struct Sums {
  std::int64_t cuts = 0;
  std::int64_t lost = 0;       // acknowledged steps that were gone
  std::int64_t in_flight = 0;  // cuts after which the step in flight was there
};

/// States that a store may be in after a cut: in durable mode what was acknowledged, with or
/// without the step in flight; in fast mode any earlier state too.
void check(const Cut& cut, const std::vector<std::string>& states, Durability durability,
           const std::string& folder, Sums& sums) {
  write_image(cut.image, folder);
  const auto last =
      std::min<std::int64_t>(cut.acknowledged + 1, static_cast<std::int64_t>(states.size()) - 1);
  const std::int64_t first = durability == Durability::kDurable ? cut.acknowledged : 0;
  const std::vector<std::string> allowed(states.begin() + first, states.begin() + last + 1);
  std::int64_t found = 0;
  ASSERT_EQ(durability::check_store(folder + "/store", allowed, found), "");
  // A backup is synced whatever the mode; those that are complete are whole, and of some state.
  ASSERT_EQ(
      durability::check_backups(folder + "/backups", {states.begin(), states.begin() + last + 1}),
      "");
  // A folder is noted, and on the disk, before the first of its backups is.
  ASSERT_EQ(durability::check_note(folder + "/store", folder + "/backups"), "");
  ++sums.cuts;
  sums.lost += std::max<std::int64_t>(0, cut.acknowledged - first - found);
  sums.in_flight += first + found > cut.acknowledged ? 1 : 0;
}

void run(std::uint64_t seed, std::int64_t steps, Durability durability, Sums& sums) {
  const TemporaryFolder folder;
  const std::string live = folder.file("live");
  std::filesystem::create_directories(live);
  StoreScript script(live, seed, durability);
  script.create();
  script.close();
  std::vector<std::string> states;
  Cuts cuts(live, seed, 12);
  {
    const HookedDisk hooked(cuts);
    states.push_back(durability::describe(script.store()));
    for (std::int64_t step = 0; step < steps; ++step) {
      ASSERT_NO_THROW(script.perform(step)) << script.name_of(step);
      cuts.acknowledged = step + 1;
      states.push_back(durability::describe(script.store()));
    }
    script.close();
    cuts.cut();
  }
  for (const Cut& cut : cuts.cuts) {
    check(cut, states, durability, folder.file("left"), sums);
    ASSERT_FALSE(::testing::Test::HasFatalFailure())
        << "seed " << seed << " after " << cut.acknowledged << " steps, "
        << script.name_of(cut.acknowledged);
  }
}

/// A store whose creation was cut is there, or can be created; once the call returned it is there.
TEST(PowerLossAtCreation, LeavesAStoreOrRoomForOne) {
  const TemporaryFolder folder;
  const std::string live = folder.file("live");
  const std::string left = folder.file("left");
  std::filesystem::create_directories(live);
  Cuts cuts(live, 3, 1);
  {
    const HookedDisk hooked(cuts);
    for (const Durability durability : {Durability::kDurable, Durability::kFast}) {
      const std::string name = durability == Durability::kFast ? "/fast" : "/durable";
      static_cast<void>(Store::open(live + name, OpenMode::kCreate, {durability}));
      ++cuts.acknowledged;
      cuts.cut();
    }
  }
  EXPECT_GT(cuts.cuts.size(), 40U);
  for (const Cut& cut : cuts.cuts) {
    write_image(cut.image, left);
    std::int64_t there = 0;
    for (const char* const name : {"/durable", "/fast"}) {
      try {
        EXPECT_TRUE(Store::open(left + name, OpenMode::kReadWrite).verify().empty());
        ++there;
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kCorrupt)
            << error.what();
        EXPECT_NO_THROW(static_cast<void>(Store::open(left + name, OpenMode::kCreate)));
      }
    }
    EXPECT_GE(there, cut.acknowledged);
  }
}

class PowerLoss : public ::testing::TestWithParam<Durability> {};

TEST_P(PowerLoss, KeepsWhatWasPromisedAtEveryCut) {
  const std::int64_t wanted = amount("PEMA_POWER_CUTS", 150);
  Sums sums;
  for (std::uint64_t seed = 1; sums.cuts < wanted; ++seed) {
    run(seed, 24, GetParam(), sums);
    ASSERT_FALSE(HasFatalFailure());
  }
  RecordProperty("cuts", static_cast<int>(sums.cuts));
  RecordProperty("lost", static_cast<int>(sums.lost));
  std::printf("%lld cuts: %lld acknowledged steps lost, the step in flight was there %lld times\n",
              static_cast<long long>(sums.cuts), static_cast<long long>(sums.lost),
              static_cast<long long>(sums.in_flight));
  if (GetParam() == Durability::kDurable) {
    EXPECT_EQ(sums.lost, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, PowerLoss,
                         ::testing::Values(Durability::kDurable, Durability::kFast),
                         [](const auto& mode) {
                           return mode.param == Durability::kDurable ? "durable" : "fast";
                         });

}  // namespace
}  // namespace pema::test
