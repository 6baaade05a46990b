#include "pema/gate.h"

#include "tests/fuzz/repair_object.h"

namespace {

/// What is accepted must weigh and serialise to the same bytes.
void check(const std::vector<std::byte>& bytes) {
  const auto gate = pema::MixtureGate::from_bytes(bytes);
  pema::fuzz::require(gate.serialise() == bytes);
  pema::GateInput row;
  row.has_own = row.has_shared = row.has_personal = true;
  row.own.nearest = 0.5;
  for (const bool quantised : {false, true}) {
    row.quantised_own = quantised;
    double sum = 0;
    for (const double weight : gate(row)) {
      pema::fuzz::require(weight >= 0);
      sum += weight;
    }
    pema::fuzz::require(sum > 0.999 && sum < 1.001);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pema::fuzz::read_object(data, size, check);
}
