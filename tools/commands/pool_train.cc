#include "tools/commands/pool_train.h"

#include <memory>

#include "tools/command_line.h"
#include "tools/context.h"
#include "tools/experiment/cohort.h"
#include "tools/experiment/data_source.h"
#include "tools/experiment/enrolment.h"
#include "tools/experiment/feature_options.h"
#include "tools/experiment/pema_method.h"
#include "tools/experiment/pool_gate.h"
#include "tools/experiment/pool_rows.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"
#include "tools/training_commands.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(joint trains a shared adapter and N adapters together with everybody's hard masks; pema trains one adapter in PEMA's own
form. The pool becomes the next version of its name; nothing is stored when training is interrupted (features stay cached).
The gate is learnt last, on the dev parts of the same people, each with the others' texts as shared and her own older ones as own memory,
once as they are and once product-quantised (with a codebook of 32 bytes a key from the texts that teach, which --codebook stores).

Examples:
  pema pool train main --people 64
  pema pool train main --people 64 --memory everybody --codebook common
  pema pool train main --source lamp --data LaMP_4 --adapters 2048
  pema pool train published --method pema --pema-rank 256 --start reconstruction)";

struct TrainOptions {
  std::string name;
  std::string method = "joint";
  std::string memory;
  std::string codebook;
  bool hold_out = false;
  bool everything = false;
  DataOptions data;
  FeatureChoice features;
  train::PoolOptions pool;
  train::PemaOptions pema;
  bool gate = true;
  train::GateOptions gate_options;
  std::uint64_t seed = 123;
};

Json optimiser_json(const train::OptimiserOptions& options) {
  return {{"epochs", options.epochs},
          {"batch", options.batch},
          {"learning_rate", options.learning_rate},
          {"input_dropout", options.input_dropout},
          {"bottleneck_dropout", options.bottleneck_dropout},
          {"interpolation", options.interpolation},
          {"vocabulary", options.vocabulary}};
}

PoolInfo info_of(Context& context, const TrainOptions& options, FeatureSite site, Json recipe,
                 const data::DataSet& data) {
  recipe["method"] = options.method;
  recipe["people"] = data.people.size();
  recipe["everything"] = options.everything;
  recipe["dataset_sha256"] = data.digest.hex();
  recipe["seed"] = options.seed;
  PoolInfo info;
  info.model = context.gguf().info.fingerprint;
  info.site = site;
  info.recipe = recipe.dump();
  return info;
}

/// A pool, and the hard masks of its people where it was trained with any.
struct Trained {
  Pool pool;
  std::vector<ProfileMask> masks;
};

Trained train_joint(Context& context, const TrainOptions& options, const train::Base& base,
                    const PoolRows& rows, const data::DataSet& data) {
  const train::PoolResult result =
      train::train_pool(base, rows.people(), options.pool, &context.progress());
  Json recipe = {{"shared", optimiser_json(options.pool.shared)},
                 {"joint", optimiser_json(options.pool.joint)},
                 {"mask_restarts", options.pool.mask_restarts}};
  std::vector<std::shared_ptr<const AdapterBlock>> blocks;
  if (result.adapters != nullptr) blocks.push_back(result.adapters);
  if (options.gate) {
    const train::GateOptions& gate = options.gate_options;
    recipe["gate"] = {{"steps", gate.steps},
                      {"learning_rate", gate.learning_rate},
                      {"weight_decay", gate.weight_decay},
                      {"neighbours", gate.recall.neighbours},
                      {"temperature", gate.recall.temperature}};
  }
  return {{info_of(context, options, base.site, std::move(recipe), data), result.shared,
           std::move(blocks)},
          result.masks};
}

Pool train_own_form(Context& context, const TrainOptions& options, const train::Base& base,
                    const PoolRows& rows, const data::DataSet& data) {
  const train::PemaResult result = train::train_pema(base, rows.train().view(), rows.dev().view(),
                                                     options.pema, &context.progress());
  PoolInfo info = info_of(context, options, base.site, pema_options_json(options.pema), data);
  info.form = Form::kDistribution;
  info.norm = options.pema.norm;
  return {info, result.adapter, {}};
}

/// With its gate, where one is asked for, which comes with the codebook of the keys it knows.
struct Gated {
  Pool pool;
  std::shared_ptr<const Codebook> codebook;
};

Gated with_gate(Context& context, const TrainOptions& options, const train::Base& base,
                const std::vector<const PersonMaterial*>& people, const Trained& trained,
                Store& store) {
  if (!options.gate) return {trained.pool, nullptr};
  Engine engine(*base.info, *base.head, context.engine_options());
  LeaseBook leases(store, *base.info);
  Workshop shop{store,
                *base.info,
                *base.head,
                base.site,
                engine,
                leases,
                base.scores,
                context.options.threads,
                &context.progress()};
  // The shared adapter serves a gate as well as masks do; a pool without one has only masks.
  GateLesson lesson;
  lesson.parts = options.everything ? PoolParts::kTrainAndTest : PoolParts::kTrain;
  if (trained.pool.shared() == nullptr) lesson.masks = trained.masks;
  lesson.codebook = learn_pool_codebook(shop, people, lesson.parts);
  lesson.options = options.gate_options;
  return {add_gate(shop, trained.pool, people, lesson), lesson.codebook};
}

/// Before anything is computed.
void check_codebook_name(Context& context, const TrainOptions& options) {
  if (options.codebook.empty()) return;
  PEMA_CHECK(options.gate, kInvalidArgument,
             "--codebook stores the codebook of the keys that the gate knows; leave out --no-gate, "
             "or learn one with `pema memory codebook train`");
  PEMA_CHECK(!context.store().find_codebook(options.codebook), kAlreadyExists,
             "the codebook name '", printable(options.codebook),
             "' is taken; choose another, or remove that one");
}

/// Stores the codebook, unless it is there under another name.
CodebookRecord put_codebook(Store& store, const std::string& name,
                            const std::shared_ptr<const Codebook>& codebook) {
  PEMA_CHECK(codebook != nullptr, kInvalidArgument,
             "the pool is stored, but its people have too few texts for a codebook, or the model's "
             "features are too narrow; leave --codebook out");
  const auto same = store.find_codebook(codebook->digest());
  return same && !same->name.empty() ? *same : store.put_codebook(*codebook, name);
}

int run_train(Context& context, const TrainOptions& options) {
  check_codebook_name(context, options);
  context.register_model();
  data::DataSet data = open_data(options.data);
  if (!data.note.empty()) context.note(data.note);
  if (options.hold_out) leave_out_new_people(data);
  plm::LanguageModel& model = context.model();
  const std::vector<PersonMaterial> people = take_features(context, model, data, options.features);
  const std::vector<const PersonMaterial*> teachers = pointers(people);
  const PoolRows rows(teachers, options.everything ? PoolParts::kTrainAndTest : PoolParts::kTrain);

  train::BaseScores scores;
  const train::Base base{&model.info(), &model.head(), options.features.site_value(), &scores};
  const Trained trained = options.method == "joint"
                              ? train_joint(context, options, base, rows, data)
                              : Trained{train_own_form(context, options, base, rows, data), {}};
  Store& store = context.store(OpenMode::kReadWrite);
  const Gated gated = with_gate(context, options, base, teachers, trained, store);
  const PoolRecord record = store.put_pool(options.name, gated.pool);
  Json document;
  document["name"] = record.name;
  document["version"] = record.version;
  document["digest"] = record.digest.hex();
  document["adapters"] = record.info.adapters;
  document["rank"] = record.info.rank;
  document["gate"] = record.gate_object.is_zero() ? Json() : Json(record.gate_object.hex());
  document["people"] = people.size();
  if (!options.memory.empty()) {
    const auto segment = make_segment(base, rows.train().view());
    const SegmentRecord memory = store.put_segment(*segment, SegmentKind::kShared, options.memory);
    document["memory"] = {{"name", memory.name}, {"entries", memory.info.entries}};
  }
  if (!options.codebook.empty()) {
    const CodebookRecord codebook = put_codebook(store, options.codebook, gated.codebook);
    document["codebook"] = {{"name", codebook.name}, {"digest", codebook.digest.hex()}};
  }
  context.end_progress();
  if (context.options.json) {
    print_json(document);
  } else {
    print(message("pool ", record.name, ", version ", record.version, ": ", record.info.adapters,
                  " adapters of rank ", record.info.rank, " from ", people.size(),
                  " people, digest ", record.digest.short_hex(), "\n"));
  }
  return 0;
}

}  // namespace

void add_pool_train(Command group, Context& context) {
  auto options = std::make_shared<TrainOptions>();
  const Command command = group.add("train", kPoolTrainText);
  command.footer(kFooter);
  command.option("NAME", options->name, "Name of the pool").required();
  command.option("--method", options->method, "joint or pema").one_of({"joint", "pema"});
  add_data_options(command, options->data);
  add_feature_options(command, options->features);
  command.flag("--hold-out", options->hold_out,
               "Leave out the three of eleven people that `pema eval` takes as new");
  command.flag("--everything", options->everything,
               "Teach with the test parts too, where nobody will be tested on these people");
  command.option("--memory", options->memory,
                 "Also store the texts that teach as a shared segment of this name");
  command.option("--codebook", options->codebook,
                 "Also store the codebook of the product-quantised keys that the gate knows");
  command.option("--adapters", options->pool.adapters, "N").non_negative();
  command.option("--rank", options->pool.rank, "r of each").positive();
  command.option("--shared-rank", options->pool.shared_rank, "Rank of the shared adapter; 0: none")
      .non_negative();
  command
      .option("--top-k", options->pool.k, "Exactly so many adapters per mask; 0: as many as help")
      .non_negative();
  command
      .option("--mask-restarts", options->pool.mask_restarts,
              "Times that all masks are drawn anew in the first half of the epochs")
      .non_negative();
  command.option("--epochs", options->pool.joint.epochs, "Epochs of the joint phase").positive();
  command.option("--learning-rate", options->pool.joint.learning_rate, "Of the joint phase")
      .positive();
  command.flag("--gate,!--no-gate", options->gate,
               "Learn on the dev parts how much each source counts (default), or do not");
  command
      .option("--gate-neighbours", options->gate_options.recall.neighbours,
              "Neighbours of a recall under the gate")
      .positive();
  command
      .option("--gate-temperature", options->gate_options.recall.temperature,
              "Temperature of a recall under the gate")
      .positive();
  command.option("--seed", options->seed, "Seed of everything that draws");
  add_pema_options(command, options->pema);
  command.runs(context, [&context, options] {
    options->pool.shared.seed = options->seed;
    options->pool.joint.seed = options->seed;
    options->pema.seed = options->seed;
    return run_train(context, *options);
  });
}

}  // namespace pema::tools
