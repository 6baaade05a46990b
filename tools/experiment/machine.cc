#include <sys/sysinfo.h>

#include <cmath>
#include <thread>

#include "tools/experiment/report_json.h"
#include "tools/system_text.h"

namespace pema::tools {

nlohmann::ordered_json machine_json() {
  struct sysinfo info {};
  double memory_gib = 0;
  if (sysinfo(&info) == 0) {
    memory_gib = static_cast<double>(info.totalram) * info.mem_unit / (1024.0 * 1024.0 * 1024.0);
  }
  return {{"cpu", system_value("/proc/cpuinfo", "model name")},
          {"cores", std::thread::hardware_concurrency()},
          {"memory_gib", std::round(memory_gib * 10) / 10},
          {"os", system_value("/etc/os-release", "PRETTY_NAME")}};
}

}  // namespace pema::tools
