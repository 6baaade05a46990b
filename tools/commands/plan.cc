#include "tools/commands/plan.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "pema/memory_plan.h"
#include "tools/command_line.h"
#include "tools/context.h"
#include "tools/index_option.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(Reads the registry and the heads of the objects' files; nothing is loaded, and no model is needed.
Without profiles it is for all of the store. Pools and segments come first, because a lease needs
them, those with more readers earlier, then indexes; what does not fit is loaded when it is asked for, and
something worth less leaves. "projections" compares the types of U.

Examples:
  pema plan --budget 1G
  pema plan --budget 512M --projection int8 alice bob
  pema plan --budget 2GiB --json | jq '.items[] | select(.fits | not)')";

struct Options {
  std::vector<std::string> profiles;
  std::int64_t budget = 0;
  std::string projection = "float32";
  IndexOption index;
  std::int64_t limit = 40;
};

void print_text(const MemoryPlan& plan, std::int64_t limit) {
  Table items({"kind", "name", ">bytes", ">readers", "fits"});
  const auto shown = std::min<std::int64_t>(limit, std::ssize(plan.items));
  for (std::int64_t i = 0; i < shown; ++i) {
    const PlannedMemory& item = plan.items[static_cast<std::size_t>(i)];
    items.add({std::string(to_string(item.kind)), printable(item.name), format_bytes(item.bytes),
               std::to_string(item.readers), item.fits ? "yes" : "no"});
  }
  std::string text = items.text();
  if (shown < std::ssize(plan.items)) {
    text +=
        message("and ", std::ssize(plan.items) - shown, " more; --limit or --json shows them\n");
  }
  text += message("\n", plan.profiles, " profiles need ", format_bytes(plan.bytes), "; ",
                  format_bytes(plan.fitting_bytes), " of it fit ", format_bytes(plan.budget_bytes),
                  "\ncomposed bottlenecks that fit: ", plan.fitting_masks, " of ", plan.masks,
                  " masks\n");
  if (plan.profiles > 0) {
    text += message("largest lease: ", printable(plan.largest_profile), ", ",
                    format_bytes(plan.largest_lease),
                    plan.largest_lease > plan.budget_bytes
                        ? "; it does not fit, this profile cannot be served\n"
                        : "\n");
  }
  if (!plan.projections.empty()) {
    Table types({"projection of", "type", ">bytes", "fits beside pools and segments"});
    for (const PlannedProjection& one : plan.projections) {
      types.add({printable(one.pool), std::string(to_string(one.type)), format_bytes(one.bytes),
                 one.fits ? "yes" : "no"});
    }
    text += "\n" + types.text();
  }
  print(text);
}

void print_document(const MemoryPlan& plan) {
  Json document;
  document["budget"] = plan.budget_bytes;
  document["profiles"] = plan.profiles;
  document["bytes"] = plan.bytes;
  document["fitting_bytes"] = plan.fitting_bytes;
  document["items"] = Json::array();
  for (const PlannedMemory& item : plan.items) {
    document["items"].push_back({{"kind", to_string(item.kind)},
                                 {"name", item.name},
                                 {"digest", item.digest.hex()},
                                 {"bytes", item.bytes},
                                 {"readers", item.readers},
                                 {"fits", item.fits}});
  }
  document["projections"] = Json::array();
  for (const PlannedProjection& one : plan.projections) {
    document["projections"].push_back({{"pool", one.pool},
                                       {"type", to_string(one.type)},
                                       {"bytes", one.bytes},
                                       {"fits", one.fits}});
  }
  document["masks"] = plan.masks;
  document["fitting_masks"] = plan.fitting_masks;
  document["largest_lease"] = plan.profiles > 0
                                  ? Json{{"profile", plan.largest_profile},
                                         {"bytes", plan.largest_lease},
                                         {"fits", plan.largest_lease <= plan.budget_bytes}}
                                  : Json();
  print_json(document);
}

int run_plan(Context& context, const Options& options) {
  const MemoryPlan plan = plan_memory(context.store(OpenMode::kReadOnly), options.profiles,
                                      {.budget_bytes = options.budget,
                                       .projection = parse_number_type(options.projection),
                                       .indexes = index_choice(options.index)});
  if (context.options.json) {
    print_document(plan);
  } else {
    print_text(plan, options.limit);
  }
  return 0;
}

}  // namespace

void add_plan(Command app, Context& context) {
  auto options = std::make_shared<Options>();
  const Command command = app.add("plan", "Say what fits a memory budget before anything loads");
  command.footer(kFooter);
  command.option("PROFILES", options->profiles, "For these only (default: all)");
  command
      .parsed_option(
          "--budget", [options](const std::string& text) { options->budget = parse_bytes(text); },
          "Bytes for everything that serving holds: 1000000, 512M, 1.5G, 2GiB (M and MiB are 2^20)")
      .required()
      .called("SIZE");
  command
      .option("--projection", options->projection,
              "Type of the pools' projections: float32, float16, bfloat16, int8")
      .shows_default();
  add_index_options(command, options->index);
  command.option("--limit", options->limit, "Rows of the table").shows_default().positive();
  command.runs(context, [&context, options] { return run_plan(context, *options); });
}

}  // namespace pema::tools
