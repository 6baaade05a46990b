// The ops of a build without CUDA: they link, and say that they are not there.
#include "kernels/cuda/ops.h"
#include "pema/error.h"

namespace pema::kernels::cuda {
namespace {

[[noreturn]] void absent() { fail(ErrorCode::kUnsupported, "this build of pema has no CUDA"); }

}  // namespace

void compose(const DeviceComposeBits& /*op*/, Stream /*stream*/) { absent(); }
void compose(const DeviceComposeCsr& /*op*/, Stream /*stream*/) { absent(); }
std::int64_t compose_workspace(Element /*pool*/, const DeviceCsr& /*masks*/) { absent(); }
void project(const DeviceProject& /*op*/, Stream /*stream*/) { absent(); }
std::int64_t project_workspace(Element /*up*/, const DeviceCsr& /*latents*/) { absent(); }
void gate(const DeviceGate& /*op*/, Stream /*stream*/) { absent(); }
void bottleneck(const DeviceBottleneck& /*op*/, Stream /*stream*/) { absent(); }
std::int64_t bottleneck_workspace(std::int64_t /*rows*/, std::int64_t /*latents*/) { absent(); }
void gram_norm(const DeviceGramNorm& /*op*/, Stream /*stream*/) { absent(); }
void rms_norm(const DeviceNorm& /*op*/, Stream /*stream*/) { absent(); }
void interpolate(const DeviceMixture& /*op*/, Stream /*stream*/) { absent(); }
std::int64_t interpolate_workspace(std::int64_t /*rows*/, std::int64_t /*vocab*/) { absent(); }
void top_k(const DeviceTopK& /*op*/, Stream /*stream*/) { absent(); }
void mask_sizes(const DeviceMaskSizes& /*op*/, Stream /*stream*/) { absent(); }
void nearest_by_overlap(const DeviceMaskSearch& /*op*/, Stream /*stream*/) { absent(); }
std::int64_t mask_search_workspace(std::int64_t /*masks*/, std::int64_t /*queries*/) { absent(); }

}  // namespace pema::kernels::cuda
