/// What the tests of the emulator share: the three orders, launches that must fail, marked lines.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>
#include <string_view>

#include "tests/simt/front.h"

namespace simt {

/// Every test runs in all three orders.
class Emulated : public ::testing::TestWithParam<Order> {
 protected:
  void SetUp() override { cfg = {GetParam(), 7}; }
  void TearDown() override { cfg = {}; }
};
inline std::string order_name(const ::testing::TestParamInfo<Order>& instance) {
  return instance.param == Order::kForward   ? "Forward"
         : instance.param == Order::kReverse ? "Reverse"
                                             : "Random";
}

inline constexpr Order kOrders[] = {Order::kForward, Order::kReverse, Order::kRandom};

/// The text of the Breach that call throws, or "" when it throws none.
inline std::string breach_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Breach& breach) {
    return breach.what();
  }
  return "";
}

/// "file.cc:12": the line of tests/simt/<file> that ends in "// <mark>".
inline std::string line_of(const std::string& file, std::string_view mark) {
  std::ifstream source(PEMA_SOURCE_DIR "/tests/simt/" + file);
  const std::string wanted = "// " + std::string(mark);
  int number = 0;
  for (std::string line; std::getline(source, line);) {
    ++number;
    if (line.ends_with(wanted)) {
      return file + ":" + std::to_string(number);
    }
  }
  return "no line marked " + std::string(mark);
}

}  // namespace simt
