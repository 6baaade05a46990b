// Warps that exchange through shared memory.
#include "tests/simt/defects/case_runner.h"
#include "tests/simt/defects/warp_tile.h"
#include "tests/simt/emulated_buffer.h"

namespace simt::defects {

void run_case(const Trace* /*trace*/) {
  const EmulatedBuffer<const float> in("in", random_floats(64, 31));
  EmulatedBuffer<float> out("out", 64);
  reverse_in_warps(in.data(), out.data());
  for (std::int64_t i = 0; i < 64; ++i) {
    expect_near(out[i], in[i ^ 31], 0, "[" + std::to_string(i) + "]");
  }
}

}  // namespace simt::defects
