#include "tools/machine_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <thread>
#include <utility>

#include "pema/digest.h"
#include "pema/error.h"
#include "src/core/atomic_file.h"
#include "tools/system_text.h"
#include "tools/terminal/json_output.h"

namespace pema::tools {
namespace {

constexpr std::int64_t kFormatVersion = 1;
constexpr std::size_t kLargest = std::size_t{1} << 16;
constexpr std::int64_t kMostThreads = 1024;
constexpr const char* kFormat = "pema machine costs";
constexpr const char* kFix =
    "; run `pema tune` again, or remove the file to plan with the built-in costs";

std::string checksum(const Json& document) {
  return sha256(document.dump(-1, ' ', false, Json::error_handler_t::replace)).hex();
}

/// The member `key` as a T. Throws kCorrupt.
template <typename T>
T take(const Json& document, const char* key, const std::string& name) {
  try {
    return document.at(key).get<T>();
  } catch (const Json::exception&) {
    fail(ErrorCode::kCorrupt, name, " has no usable '", key, "'", kFix);
  }
}

MachineCosts take_costs(const Json& document, const std::string& name) {
  const Json stored = take<Json>(document, "seconds", name);
  MachineCosts costs;
  for (const CostField& field : cost_fields()) {
    costs.*field.value = take<double>(stored, std::string(field.name).c_str(), name);
  }
  PEMA_CHECK(stored.size() == cost_fields().size(), kCorrupt, name,
             " holds costs that this version of pema does not know", kFix);
  try {
    check_costs(costs);
  } catch (const Error& error) {
    fail(ErrorCode::kCorrupt, name, ": ", error.what());
  }
  return costs;
}

/// Every measured member of DeviceCosts under its name.
constexpr std::array kDeviceFields = {std::pair{"byte_read", &DeviceCosts::byte_read},
                                      std::pair{"byte_copied", &DeviceCosts::byte_copied},
                                      std::pair{"launch", &DeviceCosts::launch},
                                      std::pair{"multiply", &DeviceCosts::multiply}};

std::optional<MeasuredDevice> take_device(const Json& document, const std::string& name) {
  if (!document.contains("device")) return std::nullopt;
  const Json stored = take<Json>(document, "device", name);
  MeasuredDevice device;
  device.name = take<std::string>(stored, "name", name);
  const Json seconds = take<Json>(stored, "seconds", name);
  for (const auto& [key, value] : kDeviceFields) {
    device.costs.*value = take<double>(seconds, key, name);
  }
  device.costs.measured = true;
  try {
    check_device_costs(device.costs);
  } catch (const Error& error) {
    fail(ErrorCode::kCorrupt, name, ": ", error.what(), kFix);
  }
  return device;
}

Json parse(std::string_view bytes, const std::string& name) {
  PEMA_CHECK(bytes.size() <= kLargest, kCorrupt, name, " has ", bytes.size(),
             " bytes, more than any file of costs", kFix);
  Json document = Json::parse(bytes, nullptr, false);
  PEMA_CHECK(document.is_object() && take<std::string>(document, "format", name) == kFormat,
             kCorrupt, name, " is no file of machine costs, or it is cut off", kFix);
  const auto version = take<std::int64_t>(document, "format_version", name);
  PEMA_CHECK(version <= kFormatVersion, kUnsupported, name, " has format version ", version,
             ", this build reads ", kFormatVersion, kFix);
  const auto stated = take<std::string>(document, "sha256", name);
  document.erase("sha256");
  PEMA_CHECK(stated == checksum(document), kCorrupt, name, " was changed: its checksum is wrong",
             kFix);
  return document;
}

}  // namespace

std::string processor_name() {
  const std::string name = system_value("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown processor" : name;
}

std::int64_t thread_count(std::int64_t asked) {
  return asked > 0 ? asked : std::max<std::int64_t>(1, std::thread::hardware_concurrency());
}

std::string machine_file_path(const std::string& folder, const std::string& cpu,
                              std::int64_t threads) {
  return message(folder, "/machine/", sha256(cpu).hex().substr(0, 8), "-", threads, "-",
                 PEMA_VERSION, ".json");
}

std::string encode_machine_file(const MachineFile& file) {
  Json document;
  document["format"] = kFormat;
  document["format_version"] = kFormatVersion;
  document["cpu"] = file.cpu;
  document["threads"] = file.threads;
  document["pema"] = file.version;
  document["measured"] = file.measured;
  document["model"] = {{"name", file.model}, {"hidden", file.hidden}, {"vocab", file.vocab}};
  for (const CostField& field : cost_fields()) {
    document["seconds"][std::string(field.name)] = file.costs.*field.value;
  }
  if (file.device) {
    document["device"]["name"] = file.device->name;
    for (const auto& [key, value] : kDeviceFields) {
      document["device"]["seconds"][key] = file.device->costs.*value;
    }
  }
  // Through the text once, so that the checksum is that of what a reader parses.
  document = Json::parse(document.dump(-1, ' ', false, Json::error_handler_t::replace));
  document["sha256"] = checksum(document);
  return document.dump(2) + "\n";
}

MachineFile decode_machine_file(std::string_view bytes, const std::string& name) {
  const Json document = parse(bytes, name);
  MachineFile file;
  file.cpu = take<std::string>(document, "cpu", name);
  file.threads = take<std::int64_t>(document, "threads", name);
  PEMA_CHECK(file.threads >= 1 && file.threads <= kMostThreads, kCorrupt, name,
             " was measured with ", file.threads, " threads", kFix);
  file.version = take<std::string>(document, "pema", name);
  file.measured = take<std::string>(document, "measured", name);
  const Json model = take<Json>(document, "model", name);
  file.model = take<std::string>(model, "name", name);
  file.hidden = take<std::int64_t>(model, "hidden", name);
  file.vocab = take<std::int64_t>(model, "vocab", name);
  file.costs = take_costs(document, name);
  file.device = take_device(document, name);
  return file;
}

std::optional<MachineFile> load_machine_file(const std::string& path, const std::string& cpu,
                                             std::int64_t threads) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  std::ifstream stream(path, std::ios::binary);
  std::string bytes(kLargest + 1, '\0');
  stream.read(bytes.data(), std::ssize(bytes));
  PEMA_CHECK(stream.gcount() > 0 || stream.eof(), kIo, "cannot read ", path, kFix);
  bytes.resize(static_cast<std::size_t>(stream.gcount()));
  MachineFile file = decode_machine_file(bytes, path);
  PEMA_CHECK(file.cpu == cpu && file.threads == threads, kMismatch, path, " was measured on '",
             file.cpu, "' with ", file.threads, " threads, this is '", cpu, "' with ", threads,
             kFix);
  PEMA_CHECK(file.version == PEMA_VERSION, kMismatch, path, " was measured by pema ", file.version,
             ", whose kernels may be others than those of ", PEMA_VERSION, kFix);
  return file;
}

void save_machine_file(const MachineFile& file, const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::filesystem::create_directories(folder, error);
  PEMA_CHECK(!error, kIo, "cannot make ", folder.string(), ": ", error.message(),
             "; set XDG_CACHE_HOME to a folder that can be written");
  const std::string bytes = encode_machine_file(file);
  core::write_file_atomically(path, std::as_bytes(std::span(bytes)));
}

}  // namespace pema::tools
