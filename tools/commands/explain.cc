#include "tools/commands/explain.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "pema/planner.h"
#include "pema/plm/openmp.h"
#include "tools/command_line.h"
#include "tools/commands/explain_measure.h"
#include "tools/commands/lookup.h"
#include "tools/context.h"
#include "tools/device_choice.h"
#include "tools/index_option.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(One line for each way to compute the profile: predicted microseconds of the parts of one step with
warm caches, milliseconds for what is made once and kept, what a step reads and the cache keeps. The
way is chosen once for a profile, from what is expected and from this machine's costs (`pema tune`),
never from the rows at hand. Below: how its memories are searched. --measure runs every way and prints what it took below the prediction.

Examples:
  pema explain --profile alice
  pema explain --profile alice --rows 32 --masks 16 --measure
  pema explain --profile alice --rows 1 --expected-rows 4096 --projection int8 --json)";

constexpr std::int64_t kTokens = 128;  // of a reply of `pema generate`

struct Options {
  std::string profile;
  std::int64_t rows = 32;
  std::optional<std::int64_t> masks;
  std::optional<std::int64_t> expected_rows;
  std::string strategy = "auto";
  std::string projection = "float32";
  std::string device = "cpu";
  std::int64_t rounds = 7;
  IndexOption index;
  bool measure = false;
};

using Measured = std::vector<std::optional<MeasuredPlan>>;

/// Everything that is printed.
struct Report {
  std::shared_ptr<const Lease> lease;
  EngineOptions engine;
  std::optional<MachineFile> machine;  ///< nothing: built-in costs
  Explanation found;
  std::vector<RecallPlan> recall;
  Measured measured;  ///< empty without --measure
};

EngineOptions engine_options(Context& context, const Options& options) {
  EngineOptions engine = context.engine_options();
  engine.strategy = parse_strategy(options.strategy);
  engine.device = parse_device(options.device, context.machine_file());
  // What is only predicted needs no device.
  if (engine.device && options.measure) require_device(*engine.device);
  engine.executor = plm::openmp_executor();
  engine.expected_rows_per_step = options.rows;
  engine.expected_masks_per_step = options.masks.value_or(std::min<std::int64_t>(options.rows, 16));
  engine.expected_rows = options.expected_rows.value_or(kTokens * options.rows);
  PEMA_CHECK(engine.expected_masks_per_step <= options.rows, kInvalidArgument, "--masks ",
             engine.expected_masks_per_step, " is more than the ", options.rows,
             " rows that carry them");
  return engine;
}

std::string microseconds(double seconds) { return format_fixed(seconds * 1e6, 1); }

void add_row(Table& table, const StrategyPlan& plan, const char* kind, const StepSeconds& step,
             double once, bool chosen) {
  const bool predicted = kind[0] == 'p';
  table.add({chosen && predicted ? "*" : "", std::string(to_string(plan.strategy)),
             plan.strategy == Strategy::kProjected ? std::string(to_string(plan.type)) : "-", kind,
             microseconds(step.compose), microseconds(step.apply), microseconds(step.project),
             microseconds(step.interpolate), microseconds(step.total()),
             format_fixed(once * 1e3, 2), predicted ? format_bytes(plan.bytes_read) : "",
             predicted ? format_bytes(plan.bytes_kept) : "", plan.exact ? "exact" : "tolerance",
             std::string(predicted ? plan.refused : std::string_view())});
}

std::string costs_text(const Report& report) {
  if (report.engine.device) {
    return report.engine.device->costs.measured
               ? message("measured on ", printable(report.machine->device->name), " by `pema tune`")
               : "a model from data sheets, not measured on a device";
  }
  if (!report.machine) return "built in, not of this machine; `pema tune` measures it";
  return message("measured ", printable(report.machine->measured), " by `pema tune`");
}

/// One line for each source with keys.
std::string recall_text(const Report& report) {
  const LeaseIndex& index = report.lease->index;
  std::string text;
  for (const RecallPlan& plan : report.recall) {
    text += message("recall from ", plan.own ? "own" : "shared", " memory: ", plan.keys, " keys, ");
    if (plan.through_index) {
      text +=
          message(plan.indexed, " of them through index ", printable(index.name), " (at most ",
                  plan.searched_lists, " of ", plan.lists, " lists; ", format_rate(plan.index_cost),
                  " codes instead of ", format_rate(plan.scan_cost), ")\n");
    } else if (plan.indexed > 0) {
      text += message("scanned: index ", printable(index.name), " would cost ",
                      format_rate(plan.index_cost), " codes instead of ",
                      format_rate(plan.scan_cost), "\n");
    } else {
      text += "scanned\n";
    }
  }
  return text;
}

void print_text(const Report& report) {
  Table table({"", "strategy", "U in", "", ">compose us", ">apply us", ">project us",
               ">interpolate us", ">step us", ">once ms", ">reads", ">keeps", "error", "not"});
  for (std::size_t i = 0; i < report.found.plans.size(); ++i) {
    const StrategyPlan& plan = report.found.plans[i];
    const bool chosen = i == report.found.chosen;
    add_row(table, plan, "predicted", plan.step, plan.once, chosen);
    if (!report.measured.empty() && report.measured[i]) {
      add_row(table, plan, "measured", report.measured[i]->step, report.measured[i]->once, chosen);
    }
  }
  std::string text = table.text();
  text += message("chosen (*): ", report.found.why, "\n");
  for (const std::string& change : report.found.changes) text += message("  ", change, "\n");
  text += message("expected: ", report.engine.expected_rows, " rows, ",
                  report.engine.expected_rows_per_step,
                  " a step; distinct masks in a step: ", report.engine.expected_masks_per_step,
                  "; costs: ", costs_text(report), "\n");
  print(text + recall_text(report));
}

Json seconds_json(const StepSeconds& step, double once) {
  return {{"compose", step.compose * 1e6}, {"apply", step.apply * 1e6},
          {"project", step.project * 1e6}, {"interpolate", step.interpolate * 1e6},
          {"step", step.total() * 1e6},    {"once", once * 1e6}};
}

void print_document(const Report& report) {
  Json document;
  document["profile"] = report.lease->name;
  document["generation"] = report.lease->generation;
  document["rows"] = report.engine.expected_rows_per_step;
  document["masks"] = report.engine.expected_masks_per_step;
  document["expected_rows"] = report.engine.expected_rows;
  document["steps"] = report.found.steps;
  const bool modelled = report.engine.device && !report.engine.device->costs.measured;
  document["device"] =
      report.engine.device ? Json(message("cuda:", report.engine.device->number)) : Json("cpu");
  document["costs"] = modelled ? "model" : report.machine ? "measured" : "built_in";
  document["measured"] = report.machine ? Json(report.machine->measured) : Json();
  for (std::size_t i = 0; i < report.found.plans.size(); ++i) {
    const StrategyPlan& plan = report.found.plans[i];
    Json entry{{"strategy", to_string(plan.strategy)},
               {"type", to_string(plan.type)},
               {"chosen", i == report.found.chosen},
               {"runs", plan.runs},
               {"refused", plan.refused.empty() ? Json() : Json(plan.refused)},
               {"error", plan.exact ? "exact" : "tolerance"},
               {"predicted_microseconds", seconds_json(plan.step, plan.once)}};
    if (!report.measured.empty()) {
      entry["measured_microseconds"] =
          report.measured[i] ? seconds_json(report.measured[i]->step, report.measured[i]->once)
                             : Json();
    }
    entry["life_seconds"] = plan.life;
    entry["bytes_read"] = plan.bytes_read;
    entry["bytes_kept"] = plan.bytes_kept;
    document["plans"].push_back(std::move(entry));
  }
  document["why"] = report.found.why;
  document["changes"] = report.found.changes;
  const LeaseIndex& index = report.lease->index;
  document["index"] = index.index != nullptr ? Json(index.name) : Json();
  document["recall"] = Json::array();
  for (const RecallPlan& plan : report.recall) {
    document["recall"].push_back(
        {{"source", plan.own ? "own" : "shared"},
         {"keys", plan.keys},
         {"indexed", plan.indexed},
         {"through_index", plan.through_index},
         {"lists", plan.lists},
         {"searched_lists", plan.searched_lists},
         {"scan_cost", plan.scan_cost},
         {"index_cost", index.index != nullptr ? Json(plan.index_cost) : Json()}});
  }
  print_json(document);
}

int run_explain(Context& context, const Options& options) {
  Report report;
  report.engine = engine_options(context, options);
  report.machine = context.machine_file();
  (void)require_profile(context.store(OpenMode::kReadOnly), options.profile);
  const plm::GgufModel& model = context.gguf();
  report.lease = acquire_lease(context, model.info, options.profile, index_choice(options.index));
  Context::choose_projection(options.projection, model.info, report.lease.get(), report.engine);
  report.found = explain(model.info, report.engine, *report.lease);
  report.recall = explain_recall(report.engine, *report.lease);
  if (options.measure) {
    report.measured = measure_plans(
        model.info, model.head, report.engine, *report.lease, report.found.plans,
        {options.rows, report.engine.expected_masks_per_step, options.rounds}, &context.progress());
    context.end_progress();
  }
  if (context.options.json) {
    print_document(report);
  } else {
    print_text(report);
  }
  return 0;
}

}  // namespace

void add_explain(Command app, Context& context) {
  auto options = std::make_shared<Options>();
  const Command command =
      app.add("explain", "Say how a profile would be computed, what it costs and why");
  command.footer(kFooter);
  command.option("--profile,-p", options->profile, "Whose profile").required();
  command.option("--rows", options->rows, "Rows of one step").shows_default().within(1, 4096);
  command.option("--masks", options->masks, "Distinct masks among them (default: 16 at most)")
      .within(1, 4096);
  command
      .option("--expected-rows", options->expected_rows,
              "Rows of the engine's whole life (default: 128 steps)")
      .non_negative();
  command
      .option("--strategy", options->strategy,
              "As of `pema generate`: auto, composed, factored, projected")
      .shows_default();
  command
      .option("--projection", options->projection,
              "Type of the pool's projection: float32, float16, bfloat16, int8, or auto (whichever "
              "is faster)")
      .shows_default();
  command
      .option("--device", options->device,
              message(kDeviceHelp, "; a GPU is only needed for --measure"))
      .shows_default();
  add_index_options(command, options->index);
  command.flag("--measure", options->measure, "Run every way, and print what it took");
  command.option("--rounds", options->rounds, "Steps of --measure for each way")
      .shows_default()
      .within(1, 1000);
  command.runs(context, [&context, options] { return run_explain(context, *options); });
}

}  // namespace pema::tools
