// Input: the file of machine costs that `pema tune` writes. What is accepted must be usable and
// encode to the same text again. The checksum is set right first, so that inputs get past it.
#include "pema/digest.h"
#include "pema/error.h"
#include "tests/fuzz/repair_object.h"
#include "tools/machine_file.h"
#include "tools/terminal/json_output.h"

namespace {

void check(const std::string& text) {
  try {
    const pema::tools::MachineFile file = pema::tools::decode_machine_file(text, "fuzz");
    pema::check_costs(file.costs);
    if (file.device) pema::check_device_costs(file.device->costs);
    const std::string again = pema::tools::encode_machine_file(file);
    const pema::tools::MachineFile twice = pema::tools::decode_machine_file(again, "fuzz");
    pema::fuzz::require(pema::tools::encode_machine_file(twice) == again);
  } catch (const pema::Error& error) {
    pema::fuzz::require(error.code() == pema::ErrorCode::kCorrupt ||
                        error.code() == pema::ErrorCode::kUnsupported);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check(text);
  pema::tools::Json document = pema::tools::Json::parse(text, nullptr, false);
  if (!document.is_object()) return 0;
  document.erase("sha256");
  using Handler = pema::tools::Json::error_handler_t;
  document["sha256"] = pema::sha256(document.dump(-1, ' ', false, Handler::replace)).hex();
  check(document.dump(-1, ' ', false, Handler::replace));
  return 0;
}
