#include "tools/commands/profile_enrol.h"

#include <chrono>
#include <memory>

#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/profile_parts.h"
#include "tools/context.h"
#include "tools/experiment/data_source.h"
#include "tools/experiment/enrolment.h"
#include "tools/experiment/feature_options.h"
#include "tools/experiment/own_text.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"
#include "tools/training_commands.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(Learns masks over a pool on cached features, keeps the texts as the person's own recall memory (--no-memory: not), chooses epoch and
lambdas on the newest part and then learns from and remembers that part too (--no-refit: not), and stores one profile in one transaction.
The pool's gate weighs instead of lambdas where it has one and the profile reads any memory (--no-gate: not). Ctrl-C stores nothing;
features already taken stay cached.

Examples:
  pema profile enrol alice --pool main --text letters.txt
  pema profile enrol bob --pool main --source lamp --data LaMP_4 --person 12
  pema profile enrol carol --pool main --text notes.txt --read handbook --estimator gumbel_top_k --top-k 128)";

struct Options {
  std::string name;
  std::string pool;
  std::int64_t version = 0;
  std::vector<std::string> texts;
  std::string person;
  bool everything = false;
  std::vector<std::string> read;
  bool no_memory = false;
  std::string keys = "f32";
  bool gate = true;
  bool refit = true;
  bool replace = false;
  std::string estimator = "straight_through";
  DataOptions data;
  FeatureChoice features;
  train::MaskOptions mask;
};

data::Person open_person(Context& context, const Options& options) {
  if (!options.texts.empty()) return read_own_texts(options.texts);
  const data::DataSet data = open_data(options.data);
  if (!data.note.empty()) context.note(data.note);
  return choose_person(data, options.person, options.everything);
}

int run_enrol(Context& context, Options options) {
  const auto start = std::chrono::steady_clock::now();
  Store& store = context.store(OpenMode::kReadWrite);
  const PoolRecord pool = require_pool(store, options.pool, options.version);
  const bool taken = store.find_profile(options.name).has_value();
  PEMA_CHECK(options.replace || !taken, kAlreadyExists, "there is a profile '", options.name,
             "' already; use --replace to make its next generation");
  EnrolOptions enrol;
  enrol.mask = options.mask;
  enrol.mask.estimator = train::parse_mask_estimator(options.estimator);
  enrol.own_segment = !options.no_memory;
  enrol.keys = choose_keys(store, options.keys);
  enrol.gate = options.gate;
  enrol.refit = options.refit;
  enrol.on_existing = options.replace ? OnExisting::kReplace : OnExisting::kRefuse;
  for (const std::string& name : options.read) {
    enrol.shared_segments.push_back(require_segment(store, name).id);
  }

  data::Person person = open_person(context, options);
  person.key = options.name;
  data::DataSet alone;
  alone.people.push_back(std::move(person));
  options.features.site = to_string(pool.info.site);
  plm::LanguageModel& model = context.model();
  const std::vector<PersonMaterial> material =
      take_features(context, model, alone, options.features);

  Engine engine(model.info(), model.head(), context.engine_options());
  LeaseBook leases(store, model.info());
  train::BaseScores scores;
  Workshop shop{store,
                model.info(),
                model.head(),
                pool.info.site,
                engine,
                leases,
                &scores,
                context.options.threads,
                &context.progress()};
  const ProfileRecord profile = enrol_person(shop, options.name, pool, material.front(), enrol);
  context.end_progress();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (context.options.json) {
    Json document = profile_json(store, profile);
    document["train_tokens"] = material.front().train.rows();
    document["dev_tokens"] = material.front().dev.rows();
    document["seconds"] = seconds;
    print_json(document);
  } else {
    print(profile_text(store, profile) + message("enrolled in ", format_duration(seconds), "\n"));
  }
  return 0;
}

}  // namespace

void add_profile_enrol(Command group, Context& context) {
  auto options = std::make_shared<Options>();
  const Command command = group.add("enrol", kProfileEnrolText);
  command.footer(kFooter);
  command.option("NAME", options->name, "Name of the profile").required();
  command.option("--pool", options->pool, "Pool whose adapters the masks choose from").required();
  command.option("--pool-version", options->version, "Which version (default: the newest)")
      .positive();
  command.option("--text", options->texts, "Plain text files, oldest first; - is standard input");
  command.option("--person", options->person, "Which person of --source / --data");
  command.flag("--everything", options->everything,
               "Learn from the test part too (nothing is held back for a test)");
  command.option("--read", options->read, "Shared segments that the profile may read");
  command.flag("--no-memory", options->no_memory, "Do not keep the texts as own recall memory");
  command.option("--keys", options->keys, kKeysText).shows_default();
  command.flag("--gate,!--no-gate", options->gate,
               "Weigh memories by the pool's gate, where it has one (default), or by lambdas");
  command.flag(
      "--refit,!--no-refit", options->refit,
      "Learn from the dev part too once epoch and lambdas are chosen (default), or hold it back");
  command.flag("--replace", options->replace, "Make the next generation of an existing profile");
  command.flag("--soft", options->mask.soft, "One weight per adapter instead of one bit");
  command.option("--estimator", options->estimator, "Gradient of hard masks")
      .one_of({"straight_through", "gumbel_top_k", "soft_top_k"});
  command.option("--top-k", options->mask.k, "Exactly so many adapters; 0: as many as help")
      .non_negative();
  command.option("--epochs", options->mask.optimiser.epochs, "Epochs").positive();
  command.option("--learning-rate", options->mask.optimiser.learning_rate, "Of the masks")
      .positive();
  command
      .option("--interpolation", options->mask.optimiser.interpolation,
              "Part of the profile in the mixture that the masks learn in; 1: the profile alone")
      .within(0.01, 1.0);
  command.option("--seed", options->mask.optimiser.seed, "Seed of everything that draws");
  add_data_options(command, options->data);
  add_feature_options(command, options->features);
  command.runs(context, [&context, options] { return run_enrol(context, *options); });
}

}  // namespace pema::tools
