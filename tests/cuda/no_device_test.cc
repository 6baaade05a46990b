// A build with CUDA on a machine without a GPU, and a build without CUDA, say so and go on.
#include <gtest/gtest.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/library.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/runtime.h"
#include "tests/support/expect_error.h"

namespace pema::test {
namespace {

using kernels::cuda::built_with_cuda;
using kernels::cuda::compose;
using kernels::cuda::device_status;
using kernels::cuda::DeviceComposeBits;
using kernels::cuda::DeviceStatus;
using kernels::cuda::Element;
using kernels::cuda::Libraries;

TEST(NoDevice, IsToldWithItsReason) {
  const DeviceStatus status = device_status();
  if (status.usable) GTEST_SKIP() << "there is a GPU";
  EXPECT_FALSE(status.reason.empty());
  if (built_with_cuda()) {
    EXPECT_TRUE(status.code == 35 || status.code == 100 || status.count == 0) << status.code;
    EXPECT_NE(status.reason.find("no GPU"), std::string::npos) << status.reason;
  }
  EXPECT_EQ(device_status().code, status.code);  // and told again
}

TEST(NoDevice, OpsAndLibrariesThrowAndLeaveNothingBehind) {
  if (device_status().usable) GTEST_SKIP() << "there is a GPU";
  expect_error(ErrorCode::kUnsupported, [] { const Libraries libraries; });
  expect_error(
      ErrorCode::kUnsupported, [] { (void)kernels::cuda::open_runtime(0); },
      device_status().reason);
  // The memory is never touched: nothing can be launched.
  alignas(16) float memory[64] = {};
  alignas(16) std::uint64_t words[1] = {1};
  const DeviceComposeBits op{
      {memory, Element::kFloat32, 2, 4, 4, 1}, {words, memory, 1}, {memory, 1, 4, 4}};
  const std::optional<Error> error = error_of([&] { compose(op, nullptr); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), built_with_cuda() ? ErrorCode::kInternal : ErrorCode::kUnsupported);
  EXPECT_FALSE(device_status().usable);
}

}  // namespace
}  // namespace pema::test
