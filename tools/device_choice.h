/// `--device`: the processor, or a GPU of this machine.
#pragma once

#include <optional>
#include <string>

#include "pema/device.h"
#include "tools/machine_file.h"

namespace pema::tools {

inline constexpr const char* kDeviceHelp =
    "Where profiles are computed: cpu, cuda (the first GPU) or cuda:N";

/// The device of `text`: cpu (nothing), cuda or cuda:N, with the costs of the machine's file where
/// a device was measured. Throws kInvalidArgument.
[[nodiscard]] std::optional<DeviceOptions> parse_device(const std::string& text,
                                                        const std::optional<MachineFile>& machine);

/// Throws kUnsupported or kNotFound, naming `pema doctor`, when the device cannot be used. Quick,
/// so that it is told before a model is loaded.
void require_device(const DeviceOptions& device);

}  // namespace pema::tools
