// Linked into a GoogleTest program (as an object) whose kernels are traced: every test runs under a
// Trace, so that its launches are checked for races, unwritten reads and ends beside what the test
// itself expects.
#include <gtest/gtest.h>

#include <cstdio>
#include <optional>

#include "tests/simt/crash_report.h"
#include "tests/simt/trace.h"

namespace simt {
namespace {

class Listener : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo& /*info*/) override { trace_.emplace(); }
  void OnTestEnd(const ::testing::TestInfo& /*info*/) override {
    accesses_ += trace_->accesses();
    trace_.reset();
  }
  void OnTestProgramEnd(const ::testing::UnitTest& /*test*/) override {
    std::printf("%llu accesses were traced\n", static_cast<unsigned long long>(accesses_));
  }

  std::optional<Trace> trace_;
  std::uint64_t accesses_ = 0;
};

[[maybe_unused]] const bool kListening = [] {
  report_crashes();
  ::testing::UnitTest::GetInstance()->listeners().Append(new Listener);
  return true;
}();

}  // namespace
}  // namespace simt
