#include "tools/commands/memory_codebook.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "pema/codebook.h"
#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/context.h"
#include "tools/key_choice.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(A codebook is learnt once from shared segments and then serves everybody's: a key of 576 numbers becomes 32 bytes.

Examples:
  pema memory codebook train common --from pool-people
  pema memory add diary.txt --keys pq:common
  pema memory codebook ls)";

struct TrainOptions {
  std::string name;
  std::vector<std::string> from;
  CodebookOptions learning;
  std::int64_t seed = CodebookOptions{}.seed;
};

Json codebook_json(const CodebookRecord& codebook) {
  Json document;
  document["name"] = codebook.name.empty() ? Json() : Json(codebook.name);
  document["digest"] = codebook.digest.hex();
  document["model"] = codebook.info.model.hex();
  document["site"] = to_string(codebook.info.site);
  document["hidden"] = codebook.info.hidden;
  document["parts"] = codebook.info.parts;
  document["bytes"] = codebook.bytes;
  document["segments"] = codebook.segments;
  return document;
}

int run_train(Context& context, TrainOptions options) {
  options.learning.seed = static_cast<std::int32_t>(options.seed);
  Store& store = context.store();
  PEMA_CHECK(!store.find_codebook(options.name), kAlreadyExists, "the codebook name '",
             printable(options.name), "' is taken; choose another, or remove that one");
  std::vector<std::shared_ptr<const Segment>> segments;
  for (const std::string& name : options.from) {
    for (auto& content : store.load_list(require_segment(store, name).id)) {
      segments.push_back(std::move(content));
    }
  }
  const auto learnt = learn_codebook(segments, options.learning, &context.progress());
  context.end_progress();
  const CodebookRecord record = store.put_codebook(*learnt, options.name);
  if (context.options.json) {
    print_json(codebook_json(record));
  } else {
    print(message("codebook ", printable(record.name), ", ", record.info.parts,
                  " bytes a key of width ", record.info.hidden, ", ", format_bytes(record.bytes),
                  ", digest ", record.digest.short_hex(), "\n"));
  }
  return 0;
}

int run_ls(Context& context) {
  const std::vector<CodebookRecord> codebooks = context.store(OpenMode::kReadOnly).codebooks();
  if (context.options.json) {
    Json document;
    document["codebooks"] = Json::array();
    for (const CodebookRecord& codebook : codebooks) {
      document["codebooks"].push_back(codebook_json(codebook));
    }
    print_json(document);
    return 0;
  }
  Table table({"NAME", ">BYTES A KEY", ">SIZE", ">SEGMENTS", "DIGEST"});
  for (const CodebookRecord& codebook : codebooks) {
    table.add({codebook.name.empty() ? "-" : printable(codebook.name),
               std::to_string(codebook.info.parts), format_bytes(codebook.bytes),
               std::to_string(codebook.segments), codebook.digest.short_hex()});
  }
  print(codebooks.empty()
            ? "no codebooks; learn one with `pema memory codebook train NAME --from SEGMENT`\n"
            : table.text());
  return 0;
}

int run_rm(Context& context, const std::string& name) {
  Store& store = context.store();
  (void)require_codebook(store, name);
  (void)store.remove_codebook(name);
  if (context.options.json) {
    print_json({{"removed", Json::array({name})}});
  } else {
    print(message("removed codebook ", printable(name), "\n"));
  }
  return 0;
}

}  // namespace

void add_memory_codebook(Command memory, Context& context) {
  const Command group = memory.add_group("codebook", "Codebooks of product-quantised keys");
  group.footer(kFooter);
  auto options = std::make_shared<TrainOptions>();
  const Command train = group.add("train", "Learn a codebook from segments");
  train.option("NAME", options->name, "Name of the codebook").required();
  train.option("--from", options->from, "Segments to learn from").required();
  train.option("--parts", options->learning.parts, "Bytes of a key, at most")
      .shows_default()
      .within(1, static_cast<int>(Codebook::kMaxParts));
  train.option("--keys", options->learning.max_keys, "Learn from at most so many keys")
      .shows_default()
      .within(static_cast<int>(Codebook::kCentroids), 1 << 24);
  train.option("--iterations", options->learning.iterations, "Of k-means")
      .shows_default()
      .within(1, 1000);
  train.flag("--rotation,!--no-rotation", options->learning.rotated,
             "Cut keys into parts by their principal components (default), or as they are");
  train.flag("--correction,!--no-correction", options->learning.corrected,
             "Keep a key's own error in its last byte (default): distances are less by it");
  train.option("--seed", options->seed, "Seed of everything that draws")
      .within(0, std::numeric_limits<std::int32_t>::max());
  train.footer(kFooter);
  train.runs(context, [&context, options] { return run_train(context, *options); });

  const Command ls = group.add("ls", "List codebooks");
  ls.footer("Examples:\n  pema memory codebook ls --json");
  ls.runs(context, [&context] { return run_ls(context); });

  auto name = std::make_shared<std::string>();
  const Command rm = group.add("rm", "Remove a codebook that no segment needs");
  rm.option("NAME", *name, "Name of the codebook").required();
  rm.footer("Examples:\n  pema memory codebook rm common");
  rm.runs(context, [&context, name] { return run_rm(context, *name); });
}

}  // namespace pema::tools
