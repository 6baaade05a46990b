#include "tools/commands/demo.h"

#include <chrono>

#include "tools/command_line.h"
#include "tools/context.h"
#include "tools/experiment/data_source.h"
#include "tools/experiment/demo_report.h"
#include "tools/experiment/registry_row.h"
#include "tools/experiment/walk.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"
#include "tools/training_commands.h"

namespace pema::tools {
namespace {

constexpr std::int64_t kContext = 2048;
constexpr std::int64_t kRegistryCopies = 10'000;
constexpr const char* kFooter =
    R"(Takes texts that real people wrote (the changelogs of installed Debian packages), trains a pool on some of them, enrols
others from their older entries and tests on their newest. Results of an earlier run with the same inputs are found again.

Examples:
  pema demo
  pema demo --people 88 --every-method
  pema demo --source verses --out /tmp/verses)";

struct DemoOptions {
  DataOptions data;
  std::string out = "out/demo";
  std::string cache;
  std::uint64_t seed = 123;
  bool every_method = false;
};

std::string reproduce(const DemoOptions& options, const data::DataSet& data) {
  return message("./dev demo --source ", data.source, " --people ", data.people.size(),
                 " --entries ", options.data.build.entries, " --salt ", options.data.build.salt,
                 " --seed ", options.seed, options.every_method ? " --every-method" : "");
}

void show_continuations(const SamplePrompt& sample) {
  const std::string prompt = sample.prompt.substr(0, sample.prompt.find_last_not_of('\n') + 1);
  print("\nThe same prompt, continued:\n\n" + printable(prompt) + "\n");
  for (const Continuation& continuation : sample.continuations) {
    std::string line = continuation.text;
    while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
    for (std::size_t at = 0; (at = line.find('\n', at)) != std::string::npos; at += 3) {
      line.replace(at, 1, " | ");
    }
    print("  " + continuation.who + ": " + printable(line) + "\n");
  }
}

int run_demo(Context& context, const DemoOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  context.note("reading people's texts");
  const data::DataSet texts = open_data(options.data);
  if (!texts.note.empty()) context.note(texts.note);

  plm::ModelOptions model_options;
  model_options.context = kContext;
  plm::LanguageModel& model = context.model(model_options);
  const WalkOptions walk_options =
      make_walk_options(context, options.out, options.cache, options.seed);
  Walk walk(model, texts, walk_options);
  const Evaluation evaluation =
      options.every_method ? walk.evaluate(kAllMethods) : walk.evaluate(kMainMethods);

  context.note("the same prompt, continued by the base model and by two people");
  const SamplePrompt sample = continue_prompt(walk, model, kContext, 40);
  const std::string first = profile_name(Method::kMasksMemory, evaluation.people.front().key);
  const RegistryCost cost =
      measure_registry_row(walk.store(), first, kRegistryCopies, options.out + "/registry-row");
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const ReportInput input{model.info(),
                          walk.data(),
                          evaluation,
                          walk.foundation(),
                          walk.counts(),
                          walk.timings(),
                          static_cast<std::int64_t>(walk.cohort().pool.size()),
                          options.seed,
                          seconds,
                          cost.mask_bytes,
                          own_adapter_bytes(model.info(), walk_options.methods.own_rank),
                          mean_segment_bytes(walk.store(), evaluation),
                          cost.bytes_per_profile,
                          sample.prompt,
                          sample.continuations,
                          reproduce(options, walk.data())};
  const Json report = report_json(input);
  write_report(report, options.out);
  context.end_progress();
  if (context.options.json) {
    print_json(report);
    return 0;
  }
  print("\n" + report_table(report));
  show_continuations(sample);
  print("\nreport  " + options.out + "/report.html\nnumbers " + options.out +
        "/report.json\nstore   " + walk.store_folder() + "  (try: pema --store " +
        walk.store_folder() + " profile ls)\n");
  return 0;
}

}  // namespace

void add_demo(Command app, Context& context) {
  auto options = std::make_shared<DemoOptions>();
  options->data.build.people = 36;
  const Command command = app.add("demo", kDemoText);
  command.footer(kFooter);
  add_data_options(command, options->data);
  command.option("--out", options->out, "Folder of the report, the data set and the store");
  command.option("--cache", options->cache, "Folder of cached features");
  command.option("--seed", options->seed, "Seed of everything that draws");
  command.flag("--every-method", options->every_method,
               "All combinations of adapters, masks, memories and gate, not the main ones alone");
  command.runs(context, [&context, options] { return run_demo(context, *options); });
}

}  // namespace pema::tools
