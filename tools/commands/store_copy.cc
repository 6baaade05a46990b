#include "pema/store_copy.h"

#include <memory>
#include <string>

#include "pema/error.h"
#include "tools/command_line.h"
#include "tools/commands/store.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

struct CopyArguments {
  std::string from;
  std::string to;
  StoreCopyOptions options;
};

int run_copy(Context& context, CopyArguments& arguments) {
  arguments.options.progress = &context.progress();
  const StoreCopyReport report = copy_store(arguments.from, arguments.to, arguments.options);
  context.end_progress();
  std::int64_t rows = 0;
  for (const CopiedTable& table : report.tables) rows += table.rows;
  if (context.options.json) {
    Json document;
    document["store"] = arguments.to;
    document["rows"] = rows;
    document["objects"] = report.objects;
    document["copied_bytes"] = report.copied_bytes;
    document["tables"] = Json::array();
    for (const CopiedTable& table : report.tables) {
      document["tables"].push_back(
          {{"name", table.name}, {"rows", table.rows}, {"sha256", table.digest.hex()}});
    }
    print_json(document);
  } else {
    print(message("copied ", printable(arguments.from), " to ", printable(arguments.to), ": ", rows,
                  " rows in ", report.tables.size(), " tables, ", report.objects,
                  " objects; all of it was read again and is equal\n"));
  }
  return 0;
}

}  // namespace

void add_store_copy(Command group, Context& context) {
  auto arguments = std::make_shared<CopyArguments>();
  const Command copy = group.add("copy", "Copy a store into PostgreSQL, or out of it");
  copy.option("FROM", arguments->from, "Folder of the store").required();
  copy.option("TO", arguments->to, "Folder of the copy, where no store is").required();
  copy.option("--registry", arguments->options.registry,
              "PostgreSQL database for the copy's tables (default: a file, registry.db)")
      .called("URL");
  copy.parsed_option(
          "--rate",
          [arguments](const std::string& text) {
            arguments->options.bytes_per_second = parse_bytes(text);
          },
          "Bytes of objects a second at most (20M, 1G; default: as fast as it goes)")
      .called("SIZE");
  copy.footer(
      "The copy is what the store is at this moment; others may use it meanwhile, but what they\n"
      "write is not in the copy. Every row is read again and compared. A copy that was cut short "
      "is\n"
      "no store; the next call makes it anew. --store is not used.\n\nExamples:\n"
      "  pema store copy ./pema-store /mnt/pema --registry postgresql://pema@db.example/pema\n"
      "  pema store copy /mnt/pema ./back");
  copy.runs(context, [&context, arguments] { return run_copy(context, *arguments); });
}

}  // namespace pema::tools
