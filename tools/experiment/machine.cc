#include <sys/sysinfo.h>

#include <cmath>
#include <fstream>
#include <string>
#include <thread>

#include "tools/experiment/report_json.h"

namespace pema::tools {
namespace {

/// The value behind the first line of `path` that starts with `key`, separators and quotes
/// stripped; empty when there is none.
std::string value_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t from = line.find_first_not_of(" \t:=\"", key.size());
    const std::size_t to = line.find_last_not_of(" \t\"");
    return from == std::string::npos ? "" : line.substr(from, to - from + 1);
  }
  return "";
}

}  // namespace

nlohmann::ordered_json machine_json() {
  struct sysinfo info {};
  double memory_gib = 0;
  if (sysinfo(&info) == 0) {
    memory_gib = static_cast<double>(info.totalram) * info.mem_unit / (1024.0 * 1024.0 * 1024.0);
  }
  return {{"cpu", value_of("/proc/cpuinfo", "model name")},
          {"cores", std::thread::hardware_concurrency()},
          {"memory_gib", std::round(memory_gib * 10) / 10},
          {"os", value_of("/etc/os-release", "PRETTY_NAME")}};
}

}  // namespace pema::tools
