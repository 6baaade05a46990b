#include "tools/device_choice.h"

#include <algorithm>
#include <charconv>

#include "kernels/cuda/device.h"
#include "pema/error.h"

namespace pema::tools {

std::optional<DeviceOptions> parse_device(const std::string& text,
                                          const std::optional<MachineFile>& machine) {
  if (text == "cpu") return std::nullopt;
  DeviceOptions device;
  if (machine && machine->device) device.costs = machine->device->costs;
  if (text == "cuda") return device;
  constexpr std::string_view kPrefix = "cuda:";
  const char* const end = text.data() + text.size();
  const char* const begin = text.data() + std::min(text.size(), kPrefix.size());
  const auto [stop, error] = std::from_chars(begin, end, device.number);
  PEMA_CHECK(text.starts_with(kPrefix) && error == std::errc() && stop == end && device.number >= 0,
             kInvalidArgument, "'", text, "' is no device; use cpu, cuda or cuda:N");
  return device;
}

void require_device(const DeviceOptions& device) {
  const kernels::cuda::DeviceStatus status = kernels::cuda::device_status();
  constexpr const char* kFix =
      "; `pema doctor` says what is there, and without --device everything runs on the processor";
  PEMA_CHECK(status.usable, kUnsupported, "cannot compute on cuda:", device.number, ": ",
             status.reason, kFix);
  PEMA_CHECK(device.number < status.count, kNotFound, "there is no cuda:", device.number,
             "; this machine has ", status.count, ", counted from 0", kFix);
}

}  // namespace pema::tools
