// Runs a case; prints "clean" and exits with 0, or prints how the defect was caught and exits
// with 3.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <random>

#include "tests/simt/crash_report.h"
#include "tests/simt/defects/case_runner.h"
#include "tests/simt/front.h"

namespace simt::defects {

std::vector<float> random_floats(std::int64_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values(static_cast<std::size_t>(size));
  for (float& value : values) {
    value = static_cast<float>(static_cast<std::int32_t>(random() >> 40U) - (1 << 23U)) * 0x1p-23F;
  }
  return values;
}

void expect_near(float a, double b, double tolerance, const std::string& what) {
  if (!(std::abs(static_cast<double>(a) - b) <= tolerance)) {
    throw Wrong("wrong value " + std::to_string(a) + " for " + std::to_string(b) + " at " + what);
  }
}

namespace {

void expect_ratio(double ratio, double limit, const std::string& what) {
  if (!(ratio <= limit)) {
    std::array<char, 32> number{};
    std::snprintf(number.data(), number.size(), "%.2f", ratio);
    throw Wrong(number.data() + what);
  }
}

}  // namespace

void expect_dense_loads(const BufferTraffic& traffic, double limit) {
  const double requests = static_cast<double>(traffic.loads.requests);
  const std::string ideal = std::to_string(static_cast<double>(traffic.loads.ideal) / requests);
  expect_ratio(static_cast<double>(traffic.loads.sectors) / requests,
               limit * static_cast<double>(traffic.loads.ideal) / requests,
               " sectors per load of '" + traffic.name + "', ideal " + ideal.substr(0, 4));
}

void expect_few_conflicts(const SharedTraffic& traffic, double limit) {
  expect_ratio(static_cast<double>(traffic.waves) / static_cast<double>(traffic.phases), limit,
               " waves per phase in shared memory, ideal 1");
}

namespace {

int run_all_orders(bool traced) {
  constexpr std::array<const char*, 3> kNames = {"forward", "reverse", "random"};
  std::string caught;
  std::string text;
  for (std::size_t order = 0; order < kNames.size(); ++order) {
    simt::cfg = {static_cast<Order>(order), 5};
    std::string problem;
    try {
      std::optional<Trace> trace;
      if (traced) {
        trace.emplace();
      }
      run_case(traced ? &*trace : nullptr);
    } catch (const Breach& breach) {
      problem = breach.what();
    } catch (const Wrong& wrong) {
      problem = wrong.what();
    }
    if (!problem.empty()) {
      caught += (caught.empty() ? "" : ", ") + std::string(kNames[order]);
      text = text.empty() ? problem : text;
    }
  }
  if (caught.empty()) {
    std::puts("clean");
    return 0;
  }
  std::printf("[%s] %s\n", caught.c_str(), text.c_str());
  return 3;
}

}  // namespace
}  // namespace simt::defects

int main(int argc, char** argv) {
  simt::report_crashes();
  return simt::defects::run_all_orders(argc > 1 && std::strcmp(argv[1], "trace") == 0);
}
