#include <memory>
#include <string>

#include "pema/error.h"
#include "pema/master_key.h"
#include "tools/command_line.h"
#include "tools/commands/store.h"
#include "tools/context.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"

namespace pema::tools {
namespace {

int run_new(Context& context, const std::string& file) {
  MasterKey::create_file(file);
  if (context.options.json) {
    Json document;
    document["key_file"] = file;
    print_json(document);
  } else {
    print(message("made the master key ", file,
                  "; keep a copy of it apart: without it nobody opens the store again\n"));
  }
  return 0;
}

int run_rotate(Context& context, const std::string& file) {
  const auto fresh = MasterKey::from_file(file);
  const std::int64_t keys = context.store().rotate_master_key(fresh);
  if (context.options.json) {
    Json document;
    document["keys"] = keys;
    document["key_file"] = file;
    print_json(document);
  } else {
    print(message("wrapped ", keys, " keys by ", file,
                  "; the old master key opens only old copies of keys.db\n"));
  }
  return 0;
}

}  // namespace

void add_store_key(Command group, Context& context) {
  const Command key = group.add_group("key", "The master key of an encrypted store");
  key.footer(
      "keys.db in the store's folder is in no backup of the store; copy it apart, as often as\n"
      "people come, and delete old copies when people were erased.\n\nExamples:\n"
      "  pema store key new /etc/pema.key\n"
      "  pema store key rotate /etc/pema-2.key --key-file /etc/pema.key");

  auto file = std::make_shared<std::string>();
  const Command make = key.add("new", "Write a new random key to a file");
  make.option("FILE", *file, "Where to; it must not exist").required();
  make.footer("Examples:\n  pema store key new /etc/pema.key");
  make.runs(context, [&context, file] { return run_new(context, *file); });

  const Command rotate = key.add("rotate", "Wrap the key of every person by another master key");
  rotate.option("FILE", *file, "Key file of the new master key").required();
  rotate.footer(
      "All or none: after an interrupt the old key still holds.\n\nExamples:\n"
      "  pema store key rotate /etc/pema-2.key --key-file /etc/pema.key");
  rotate.runs(context, [&context, file] { return run_rotate(context, *file); });
}

}  // namespace pema::tools
