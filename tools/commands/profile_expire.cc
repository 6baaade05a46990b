#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/profile_parts.h"
#include "tools/context.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"
#include "tools/terminal/time_text.h"

namespace pema::tools {
namespace {

struct Options {
  std::vector<std::string> names;
  std::optional<std::int64_t> at;
  std::optional<std::int64_t> in;
  bool never = false;
};

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int run(Context& context, const Options& options) {
  PEMA_CHECK((options.at ? 1 : 0) + (options.in ? 1 : 0) + (options.never ? 1 : 0) == 1,
             kInvalidArgument, "say until when: --at TIME, --in PERIOD or --never");
  std::optional<std::int64_t> expires = options.at;
  if (options.in) expires = now() + *options.in;
  Store& store = context.store();
  // All or none for a mistyped name.
  for (const std::string& name : options.names) (void)require_profile(store, name);
  for (const std::string& name : options.names) store.set_expiry(name, expires);
  if (context.options.json) {
    Json document;
    document["names"] = options.names;
    document["expires"] = expires ? Json(format_time(*expires)) : Json();
    print_json(document);
  } else {
    print(message(options.names.size(), options.names.size() == 1 ? " profile" : " profiles",
                  expires ? " kept until " + format_time(*expires) : " kept for ever", "\n"));
  }
  return 0;
}

}  // namespace

void add_profile_expire(Command group, Context& context) {
  auto options = std::make_shared<Options>();
  const Command expire = group.add("expire", "Set until when profiles are kept");
  expire.option("NAMES", options->names, "Names of the profiles").required();
  expire
      .parsed_option(
          "--at", [options](const std::string& text) { options->at = parse_time(text); },
          "Until this time, UTC (2027-01-31, 2027-01-31T12:00:00Z)")
      .called("TIME");
  expire
      .parsed_option(
          "--in", [options](const std::string& text) { options->in = parse_period(text); },
          "For so long from now on (90d, 12h)")
      .called("PERIOD");
  expire.flag("--never", options->never, "For ever");
  expire.footer(
      "Nothing goes by itself: `pema store expire` erases those whose time is over, once a day, "
      "say.\n"
      "Writing a profile again keeps its date.\n\nExamples:\n  pema profile expire alice --in 90d\n"
      "  pema profile expire alice bob --at 2027-01-31\n  pema profile expire alice --never");
  expire.runs(context, [&context, options] { return run(context, *options); });
}

}  // namespace pema::tools
