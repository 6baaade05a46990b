/// A disk that refuses one call, at every call index in turn.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "bench/durability/store_script.h"
#include "pema/backup.h"
#include "pema/error.h"
#include "tests/durability/amount.h"
#include "tests/durability/hooked_disk.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {
namespace {

using durability::describe;
using durability::StoreScript;

/// Counts calls and lets call number `refused` fail.
class Fault : public DiskHook {
 public:
  Fault(std::int64_t refused, int error) : refused_(refused), error_(error) {}
  int before(const DiskEvent& event) override {
    if (!counting || ++calls_ != refused_) return 0;
    call = event.call;
    return error_;
  }
  void after(const DiskEvent& /*event*/) override {}
  [[nodiscard]] bool met() const { return calls_ >= refused_; }
  [[nodiscard]] std::int64_t calls() const { return calls_; }

  DiskCall call = DiskCall::kOpen;
  bool counting = false;  ///< off while the test looks at what happened

 private:
  std::int64_t refused_;
  std::int64_t calls_ = 0;
  int error_;
};

/// A store that every run starts from, and what the script makes of it without a fault.
struct FaultTest : ::testing::Test {
  static constexpr std::uint64_t kSeed = 65;
  static constexpr std::int64_t kSteps = 18;

  TemporaryFolder folder;
  std::string live = folder.file("live");
  std::string start = folder.file("start");
  std::vector<std::string> states;
  std::int64_t calls = 0;
  std::map<std::string, std::int64_t> silent;  ///< refusals that no call told, by what was refused

  FaultTest() {
    std::filesystem::create_directories(live);
    StoreScript script(live, kSeed, Durability::kDurable);
    script.create();
    script.close();
    std::filesystem::copy(live, start, std::filesystem::copy_options::recursive);
    Fault none(-1, 0);
    const HookedDisk hooked(none);
    states.push_back(describe(script.store()));
    for (std::int64_t step = 0; step < kSteps; ++step) {
      none.counting = true;
      script.perform(step);
      none.counting = false;
      states.push_back(describe(script.store()));
    }
    none.counting = true;
    script.close();
    calls = none.calls();
  }

  void begin_again() const {
    std::filesystem::remove_all(live);
    std::filesystem::copy(start, live, std::filesystem::copy_options::recursive);
  }

  /// True when a backup said that it could not be noted, or was noted as it is: what refused the
  /// first note is made up for by the second.
  static bool told_by_note(StoreScript& script, std::int64_t step) {
    if (script.name_of(step).find("back up") == std::string::npos) return false;
    if (!script.unnoted().empty()) return true;
    const std::vector<BackupRecord> backups = list_backups(script.backup_folder());
    const std::vector<BackupFolder> folders = script.store().backup_folders();
    return !backups.empty() && folders.size() == 1 && folders[0].newest == backups.back().time &&
           folders[0].backups == std::ssize(backups);
  }

  /// One run with call `index` refused.
  void run(std::int64_t index, int error) {
    begin_again();
    Fault fault(index, error);
    const HookedDisk hooked(fault);
    StoreScript script(live, kSeed, Durability::kDurable);
    for (std::int64_t step = 0; step < kSteps; ++step) {
      const std::string where =
          message("call ", index, " of ", calls, " (", static_cast<int>(fault.call),
                  ") with errno ", error, ", ", script.name_of(step));
      bool happened = true;
      const bool met = fault.met();
      try {
        fault.counting = true;
        script.perform(step);
        fault.counting = false;
        if (!met && fault.met() && !told_by_note(script, step)) {
          ++silent[message(script.name_of(step), fault.call == DiskCall::kLink ? " link" : "")];
        }
      } catch (const Error& failure) {
        happened = false;
        fault.counting = false;
        ASSERT_TRUE(fault.met()) << where << ": " << failure.what();
        ASSERT_TRUE(failure.code() == ErrorCode::kDiskFull || failure.code() == ErrorCode::kIo)
            << where << ": " << failure.what();
        if (fault.call == DiskCall::kWrite) {
          ASSERT_EQ(failure.code() == ErrorCode::kDiskFull, error == ENOSPC)
              << where << ": " << failure.what();
        }
        ASSERT_TRUE(script.store().verify().empty()) << where << ": " << failure.what();
        const std::string state = describe(script.store());
        const auto before = static_cast<std::size_t>(step);
        // An error means that it did not happen; an erasure may say that a file is still there, and
        // merging goes on after each of its parts.
        const std::string name = script.name_of(step);
        const bool erased = name.find("erase") != name.npos || name.find("forget") != name.npos ||
                            name.find("merge") != name.npos;
        ASSERT_TRUE(state == states[before] || (erased && state == states[before + 1]))
            << where << ": " << failure.what() << "\nis\n"
            << state;
        if (state != states[before + 1] || states[before] == states[before + 1]) {
          ASSERT_NO_THROW(script.perform(step)) << where;
        }
      }
      ASSERT_EQ(describe(script.store()), states[static_cast<std::size_t>(step) + 1])
          << where << (happened ? " said that it happened" : " was repeated");
    }
    fault.counting = true;
    script.close();
    fault.counting = false;
    ASSERT_TRUE(fault.met());
    std::int64_t found = 0;
    ASSERT_EQ(durability::check_store(script.store_folder(), {states.back()}, found), "");
    ASSERT_EQ(durability::check_backups(script.backup_folder(), states), "");
  }
};

/// Creating a store is refused at any call and succeeds when it is asked again.
TEST_F(FaultTest, CreationMayBeRefusedAtEveryCall) {
  std::int64_t runs = 0;
  for (bool met = true; met; ++runs) {
    const std::string path = folder.file("created " + std::to_string(runs));
    Fault fault(runs + 1, runs % 2 == 0 ? EIO : ENOSPC);
    const HookedDisk hooked(fault);
    fault.counting = true;
    try {
      static_cast<void>(Store::open(path, OpenMode::kCreate));
    } catch (const Error& failure) {
      fault.counting = false;
      ASSERT_TRUE(failure.code() == ErrorCode::kDiskFull || failure.code() == ErrorCode::kIo)
          << failure.what();
      try {
        static_cast<void>(Store::open(path, OpenMode::kCreate));
      } catch (const Error& again) {  // its names could not be synced, but it is there
        ASSERT_EQ(again.code(), ErrorCode::kAlreadyExists) << again.what();
      }
    }
    met = fault.met();
    fault.counting = false;
    ASSERT_TRUE(Store::open(path, OpenMode::kReadWrite).verify().empty());
  }
  EXPECT_GT(runs, 20);
}

/// PEMA_FAULTS=all tries every error at every call; otherwise they take turns. A sanitizer looks at
/// one call in kSlower.
TEST_F(FaultTest, EveryCallMayBeRefused) {
  const char* const text = std::getenv("PEMA_FAULTS");
  const bool all = text != nullptr && std::string(text) == "all";
  const std::vector<int> errors = {ENOSPC, EIO, EACCES, EROFS};
  ASSERT_GT(calls, 300);
  std::int64_t runs = 0;
  for (std::int64_t index = 1; index <= calls; ++index) {
    for (std::size_t kind = 0; kind < errors.size(); ++kind) {
      if (!all && static_cast<std::size_t>(index) % errors.size() != kind) continue;
      if (!all && index % kSlower != 0) continue;
      run(index, errors[kind]);
      ++runs;
      ASSERT_FALSE(HasFatalFailure());
    }
  }
  // Nobody is told of what fails when a store closes (the log then stays), when files are deleted
  // after a write that has happened (they stay doomed), or when a second name cannot be had.
  for (const auto& [what, count] : silent) {
    EXPECT_TRUE(what.find("reopen") != what.npos || what.find("enrol") != what.npos ||
                what.find("move") != what.npos || what.find("append") != what.npos ||
                what.find("merge") != what.npos || what.find("link") != what.npos)
        << what << ", " << count << " times";
  }
  RecordProperty("calls", static_cast<int>(calls));
  RecordProperty("runs", static_cast<int>(runs));
  std::printf("%lld calls, %lld runs\n", static_cast<long long>(calls),
              static_cast<long long>(runs));
}

}  // namespace
}  // namespace pema::test
