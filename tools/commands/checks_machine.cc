#include <sched.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "kernels/cuda/device.h"
#include "tools/commands/checks.h"
#include "tools/context.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
/// What `pema demo` was seen to need: model, features, training.
constexpr std::int64_t kMemoryNeeded = 1500 * kMiB;
constexpr std::int64_t kDiskNeeded = 1024 * kMiB;

Check check_vector_unit() {
  Check check{.name = "avx2", .needed = false};
#if defined(__x86_64__)
  check.ok = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  check.detail = check.ok ? "AVX2 and FMA" : "no AVX2: several times slower";
#else
  check.ok = true;
  check.detail = "not an x86-64 processor; its own vector unit is used";
#endif
  if (!check.ok) check.fix = "use a processor from 2014 or later; everything works without";
  return check;
}

Check check_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const bool known = ::sched_getaffinity(0, sizeof set, &set) == 0;
  const int cores = known ? CPU_COUNT(&set) : 1;
  return {.name = "cores", .ok = true, .needed = false, .detail = message(cores, " cores")};
}

/// A number from a one-line file; -1 when it holds none.
std::int64_t read_number(const std::string& path) {
  std::ifstream file(path);
  std::int64_t value = -1;
  return file >> value ? value : -1;
}

std::int64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  std::int64_t value = 0;
  std::string unit;
  std::int64_t available = -1;
  while (file >> key >> value) {
    std::getline(file, unit);
    if (key == "MemAvailable:") available = value * 1024;
  }
  const std::int64_t limit = read_number("/sys/fs/cgroup/memory.max");
  const std::int64_t used = read_number("/sys/fs/cgroup/memory.current");
  if (limit > 0 && used >= 0)
    available = std::min(available, std::max<std::int64_t>(limit - used, 0));
  return available;
}

Check check_memory() {
  const std::int64_t available = available_memory();
  Check check{.name = "memory"};
  check.ok = available < 0 || available >= kMemoryNeeded;
  check.detail = available < 0 ? "unknown" : format_bytes(available) + " available";
  if (!check.ok) check.fix = message("free ", format_bytes(kMemoryNeeded), " of memory");
  return check;
}

/// The nearest folder that exists above `path`.
std::filesystem::path existing_parent(std::filesystem::path path) {
  std::error_code error;
  path = std::filesystem::absolute(path, error);
  while (!path.empty() && path != path.root_path() && !std::filesystem::exists(path, error)) {
    path = path.parent_path();
  }
  return path;
}

Check check_disk(const char* name, const std::string& folder) {
  const std::string place = existing_parent(folder).string();
  struct statvfs system {};
  Check check{.name = name};
  if (::statvfs(place.c_str(), &system) != 0) {
    check.detail = "cannot ask for the free space of " + place;
    check.fix = "name a folder that can be read";
    return check;
  }
  const auto bytes = static_cast<std::int64_t>(system.f_bavail * system.f_frsize);
  check.ok = bytes >= kDiskNeeded;
  check.detail = message(format_bytes(bytes), " free at ", place);
  if (!check.ok)
    check.fix = message("free ", format_bytes(kDiskNeeded), " there, or use another folder");
  return check;
}

Check check_gpu() {
  Check check{.name = "gpu", .ok = true, .needed = false};
  const kernels::cuda::DeviceStatus status = kernels::cuda::device_status();
  check.detail = status.usable
                     ? message(status.count, status.count == 1 ? " GPU" : " GPUs",
                               " for --device cuda; without it everything runs on the processor")
                     : message(status.reason, ": everything runs on the processor");
  return check;
}

}  // namespace

std::vector<Check> check_machine(const Context& context) {
  return {check_vector_unit(),
          check_cores(),
          check_memory(),
          check_disk("disk_store", context.options.store),
          check_disk("disk_cache", Context::cache_folder()),
          check_gpu()};
}

}  // namespace pema::tools
