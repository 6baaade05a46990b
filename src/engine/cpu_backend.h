/// The steps on the CPU.
#pragma once

#include "src/engine/backend.h"

namespace pema::engine {

class CpuBackend : public Backend {
 public:
  void compose(Context& context, Walk& walk) override;
  void apply(Context& context, Walk& walk) override;
  void project(Context& context, Walk& walk, MatrixView<float> personal) override;
  void fetch_features(Context& /*context*/, Walk& /*walk*/) override {}  // they are there
  void interpolate(Context& context, const Walk& walk, MatrixView<float> out) override;
  void interpolate_targets(Context& context, const Walk& walk, MatrixView<float> personal,
                           std::span<const std::int64_t> targets, std::span<double> out) override;
  void abandon() noexcept override {}
};

}  // namespace pema::engine
