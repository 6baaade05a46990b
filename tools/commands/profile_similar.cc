#include "pema/similar.h"

#include <memory>
#include <string>
#include <vector>

#include "tools/command_line.h"
#include "tools/commands/profile_parts.h"
#include "tools/context.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

struct SimilarOptions {
  std::string name;
  std::int64_t count = 10;
};

int run_similar(Context& context, const SimilarOptions& options) {
  const Store& store = context.store(OpenMode::kReadOnly);
  const std::vector<SimilarProfile> found = similar_profiles(store, options.name, options.count);
  if (context.options.json) {
    Json document;
    document["name"] = options.name;
    document["similar"] = Json::array();
    for (const SimilarProfile& profile : found) {
      document["similar"].push_back({{"name", profile.name}, {"overlap", profile.overlap}});
    }
    print_json(document);
    return 0;
  }
  Table table({"NAME", ">SHARED ADAPTERS"});
  for (const SimilarProfile& profile : found) {
    table.add({printable(profile.name), std::to_string(profile.overlap)});
  }
  print(found.empty() ? "nobody else has a mask of this size over this pool\n" : table.text());
  return 0;
}

}  // namespace

void add_profile_similar(Command group, Context& context) {
  auto options = std::make_shared<SimilarOptions>();
  const Command similar = group.add("similar", "Show whose masks select most of the same adapters");
  similar.option("NAME", options->name, "Name of the profile").required();
  similar.option("--count,-k", options->count, "How many").positive().shows_default();
  similar.footer(
      "Compares hard masks over the same version of the same pool, exactly; reads the masks of "
      "the\n"
      "pool once (about two seconds for ten million).\n\nExamples:\n"
      "  pema profile similar alice\n  pema profile similar alice -k 3 --json");
  similar.runs(context, [&context, options] { return run_similar(context, *options); });
}

}  // namespace pema::tools
