// NVIDIA's libraries in a build without CUDA: they link, and say that they are not there.
#include "kernels/cuda/library.h"
#include "pema/error.h"

namespace pema::kernels::cuda {
namespace {

[[noreturn]] void absent() { fail(ErrorCode::kUnsupported, "this build of pema has no CUDA"); }

}  // namespace

struct Libraries::State {};

void compose(const DeviceComposeCsr& /*op*/, Libraries& /*libraries*/, Stream /*stream*/) {
  absent();
}
std::int64_t compose_workspace(const DeviceComposeCsr& /*op*/, Libraries& /*libraries*/) {
  absent();
}
void project(const DeviceProject& /*op*/, Libraries& /*libraries*/, Stream /*stream*/) { absent(); }
std::int64_t project_workspace(const DeviceProject& /*op*/, Libraries& /*libraries*/) { absent(); }
void project(const DeviceDenseProject& /*op*/, Libraries& /*libraries*/, Stream /*stream*/) {
  absent();
}
void head_product(const DeviceHeadProduct& /*op*/, Libraries& /*libraries*/, Stream /*stream*/) {
  absent();
}
Libraries::Libraries() { absent(); }
Libraries::~Libraries() = default;

}  // namespace pema::kernels::cuda
