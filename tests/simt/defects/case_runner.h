/// What the programs that run one kernel with one seeded defect share: a kernel's shapes in three
/// orders against a double reference, and one line about what was wrong.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/simt/trace.h"

namespace simt::defects {

/// A wrong result, or traffic beyond what the kernel should make.
class Wrong : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Defined by the case: runs the kernel over its shapes in the current order. trace is null in the
/// plain build. Throws Wrong; Breach comes out of the launches.
void run_case(const Trace* trace);

/// [size] numbers in [-1, 1), the same ones for a seed.
std::vector<float> random_floats(std::int64_t size, std::uint64_t seed);

/// Throws Wrong when a differs from b by more than tolerance, or is NaN. what: "[2][5] of N = 3".
void expect_near(float a, double b, double tolerance, const std::string& what);
/// Throws Wrong when the buffer's loads took more sectors than limit times what its bytes fill.
void expect_dense_loads(const BufferTraffic& traffic, double limit);
/// Throws Wrong when shared memory needed more waves per phase than limit.
void expect_few_conflicts(const SharedTraffic& traffic, double limit);

}  // namespace simt::defects
