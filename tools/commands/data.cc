#include "tools/commands/data.h"

#include <memory>

#include "tools/command_line.h"
#include "tools/context.h"
#include "tools/experiment/data_source.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kBuildFooter =
    R"text(Names and addresses are replaced by a salted hash; fix --salt to get the same keys on two machines. Nothing is downloaded.

Examples:
  pema data build --out changelogs
  pema data build --source verses --out verses
  pema data build --people 88 --salt "$(head -c 16 /dev/urandom | base64)" --out private)text";

struct Options {
  DataOptions data;
  std::string out;
};

Json summary(const data::DataSet& data) {
  Json document;
  document["source"] = data.source;
  document["task"] = data.task;
  document["note"] = data.note;
  document["dataset_sha256"] = data.digest.hex();
  document["people"] = Json::array();
  for (const data::Person& person : data.people) {
    document["people"].push_back({{"key", person.key},
                                  {"train", person.train.size()},
                                  {"dev", person.dev.size()},
                                  {"test", person.test.size()}});
  }
  return document;
}

void show(Context& context, const data::DataSet& data) {
  if (context.options.json) {
    print_json(summary(data));
    return;
  }
  Table table({"PERSON", ">TRAIN", ">DEV", ">TEST"});
  for (const data::Person& person : data.people) {
    table.add({printable(person.key), std::to_string(person.train.size()),
               std::to_string(person.dev.size()), std::to_string(person.test.size())});
  }
  print(message(data.note, data.note.empty() ? "" : "\n", data.people.size(), " people, task ",
                data.task, ", SHA-256 ", data.digest.hex(), "\n", table.text()));
}

int run_build(Context& context, const Options& options) {
  const data::DataSet data = open_data(options.data);
  data::write_lamp(data, options.out);
  show(context, data);
  return 0;
}

int run_show(Context& context, const Options& options) {
  show(context, data::read_lamp(options.out, options.data.task));
  return 0;
}

}  // namespace

void add_data(Command app, Context& context) {
  const Command group = app.add_group("data", "People's texts in LaMP's layout");
  group.footer("Examples:\n  pema data build --out changelogs\n  pema data show changelogs");

  auto build_options = std::make_shared<Options>();
  const Command build = group.add("build", "Write a data set from this machine's texts");
  build.footer(kBuildFooter);
  build.option("--out", build_options->out, "Folder to write").required();
  add_data_options(build, build_options->data);
  build.runs(context, [&context, build_options] { return run_build(context, *build_options); });

  auto show_options = std::make_shared<Options>();
  const Command show_command = group.add("show", "List the people of a data set");
  show_command.option("DIR", show_options->out, "Folder in LaMP's layout").required();
  show_command.option("--task", show_options->data.task, "LaMP task, when the files do not say it");
  show_command.footer("Examples:\n  pema data show changelogs\n  pema data show LaMP_4 --json");
  show_command.runs(context, [&context, show_options] { return run_show(context, *show_options); });
}

}  // namespace pema::tools
