#include "tools/commands/tune.h"

#include <chrono>
#include <ctime>
#include <memory>
#include <string>

#include "kernels/cuda/device.h"
#include "pema/planner.h"
#include "pema/plm/openmp.h"
#include "tools/command_line.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(The engine's kernels are timed at the base model's sizes, in turns, and what the planner needs to
know of this machine is kept in the user's cache: one file for each processor and number of threads,
with the first GPU's costs where there is one.
`pema generate` and the other commands then choose by it; until then they use built-in costs. Takes a
few seconds, best while nothing else runs. Ctrl-C ends it and leaves what was there.

Examples:
  pema tune
  pema tune --threads 1
  pema tune --rounds 21 --json | jq .seconds)";

struct Options {
  std::int64_t adapters = MeasureOptions{}.adapters;
  std::int64_t rounds = MeasureOptions{}.rounds;
};

std::string now() {
  const std::time_t time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void print_costs(const MachineFile& file, const std::string& path) {
  Table table({"cost", ">picoseconds", "for each"});
  for (const CostField& field : cost_fields()) {
    table.add({std::string(field.name), format_fixed(file.costs.*field.value * 1e12, 2),
               std::string(field.per)});
  }
  if (file.device) {
    const DeviceCosts& costs = file.device->costs;
    table.add({"device: byte_read", format_fixed(costs.byte_read * 1e12, 3), "byte read there"});
    table.add({"device: byte_copied", format_fixed(costs.byte_copied * 1e12, 3), "byte copied"});
    table.add({"device: launch", format_fixed(costs.launch * 1e12, 0), "kernel queued"});
    table.add({"device: multiply", format_fixed(costs.multiply * 1e12, 4), "multiply-add"});
  }
  print(table.text() + message("measured on ", printable(file.cpu), " with ", file.threads,
                               file.threads == 1 ? " thread" : " threads", ", kept in ", path,
                               "\n"));
}

int run_tune(Context& context, const Options& options) {
  const plm::GgufModel& model = context.gguf();
  MeasureOptions measuring;
  measuring.threads = context.options.threads;
  measuring.executor = plm::openmp_executor();
  measuring.adapters = options.adapters;
  measuring.rounds = options.rounds;
  measuring.progress = &context.progress();
  MachineFile file;
  file.costs = measure_costs(model.info, model.head, measuring);
  if (kernels::cuda::device_status().usable) {
    file.device = measure_device_costs(model.info, {}, options.rounds, &context.progress());
  }
  context.end_progress();
  file.cpu = processor_name();
  file.threads = thread_count(context.options.threads);
  file.version = PEMA_VERSION;
  file.measured = now();
  file.model = model.info.name;
  file.hidden = model.info.hidden;
  file.vocab = model.info.vocab;
  const std::string path = context.machine_file_name();
  save_machine_file(file, path);
  if (!context.options.json) {
    print_costs(file, path);
    return 0;
  }
  Json document = Json::parse(encode_machine_file(file));
  document["path"] = path;
  print_json(document);
  return 0;
}

}  // namespace

void add_tune(Command app, Context& context) {
  auto options = std::make_shared<Options>();
  const Command command = app.add("tune", "Measure what the planner needs to know of this machine");
  command.footer(kFooter);
  command.option("--adapters", options->adapters, "Size of the pool to measure with")
      .shows_default()
      .within(64, 1 << 16);
  command.option("--rounds", options->rounds, "Each figure is the least of so many measurements")
      .shows_default()
      .within(1, 1000);
  command.runs(context, [&context, options] { return run_tune(context, *options); });
}

}  // namespace pema::tools
