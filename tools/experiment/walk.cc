#include "tools/experiment/walk.h"

#include <filesystem>

#include "pema/codebook.h"
#include "pema/error.h"
#include "tools/context.h"

namespace pema::tools {
namespace {

namespace fs = std::filesystem;

void add_optimiser(Sha256& hash, const train::OptimiserOptions& options) {
  hash.update(message(options.epochs, " ", options.batch, " ", options.learning_rate, " ",
                      options.final_rate, " ", options.weight_decay, " ", options.input_dropout,
                      " ", options.bottleneck_dropout, " ", options.interpolation, " ",
                      options.vocabulary, " ", options.seed, ";"));
}

void add_pool(Sha256& hash, const train::PoolOptions& options) {
  hash.update(message(options.adapters, " ", options.rank, " ", options.shared_rank, " ",
                      options.mask_learning_rate, " ", options.mask_deviation, " ",
                      options.mask_restarts, " ", options.k, " ", options.train_shared_jointly,
                      ";"));
  add_optimiser(hash, options.shared);
  add_optimiser(hash, options.joint);
}

void add_mask(Sha256& hash, const train::MaskOptions& options) {
  hash.update(message(options.soft, " ", to_string(options.estimator), " ", options.k, " ",
                      options.temperature, " ", options.initial_deviation, ";"));
  add_optimiser(hash, options.optimiser);
}

}  // namespace

WalkOptions make_walk_options(Context& context, const std::string& work, const std::string& cache,
                              std::uint64_t seed) {
  WalkOptions options;
  options.methods = seeded_methods(seed);
  options.model_path = context.model_path();
  options.work = work;
  options.cache = Context::feature_folder(cache);
  options.threads = context.options.threads;
  options.costs = context.engine_options().costs;
  options.progress = &context.progress();
  options.say = [&context](const std::string& line) { context.note(line); };
  return options;
}

Digest walk_key(const ModelInfo& model, const data::DataSet& data, const WalkOptions& options) {
  const MethodOptions& methods = options.methods;
  Sha256 hash;
  hash.update("pema walk, profiles with and without the dev part ").update(PEMA_VERSION);
  hash.update(model.fingerprint.hex()).update(data.digest.hex());
  hash.update(message(options.material.max_target_tokens, " ",
                      to_string(options.material.features.site), " ",
                      plm::to_string(options.material.features.context), " ",
                      methods.random_adapters, " ", methods.random_rank, " ",
                      methods.random_mask_scale, " ", methods.own_rank, " ", methods.seed, ";"));
  add_pool(hash, methods.pool);
  add_optimiser(hash, methods.own);
  add_mask(hash, methods.mask);
  add_mask(hash, methods.random_mask);
  const CodebookOptions codebook;
  hash.update(message("errors of unknown keys too ", codebook.parts, " ", codebook.iterations, " ",
                      codebook.max_keys, " ", codebook.rotated, " ", codebook.corrected, ";"));
  const train::GateOptions& gate = methods.gate;
  hash.update(message(gate.steps, " ", gate.learning_rate, " ", gate.weight_decay, " ",
                      gate.recall.neighbours, " ", gate.recall.temperature, " ",
                      MixtureGate::kSignals, " ", MixtureGate::kMemories, ";"));
  return hash.finish();
}

Walk::Walk(plm::LanguageModel& model, const data::DataSet& texts, WalkOptions options)
    : options_(std::move(options)), model_(model) {
  data_folder_ = options_.work + "/data-" + texts.digest.short_hex();
  if (!fs::exists(data_folder_ + "/dataset.json")) data::write_lamp(texts, data_folder_);
  // What was written is what counts: the same reader serves this and anybody's LaMP files.
  data_ = data::read_lamp(data_folder_);
  PEMA_ASSERT(data_.digest == texts.digest);
  data_.source = texts.source;
  data_.note = texts.note;
  cohort_ = split_people(static_cast<std::int64_t>(data_.people.size()));
  say(message(data_.people.size(), " people from ", data_.source, " (", cohort_.pool.size(),
              " make the pool, ", cohort_.fresh.size(), " are new), written to ", data_folder_));
  take_features();
  open_store();
  train_pools();
}

void Walk::train_pools() {
  say("pool: shared adapter and adapters, trained on the pool's people");
  Workshop workshop = shop();
  const auto people = pool_people();
  const TrainedPool shared = train_shared(workshop, people, options_.methods);
  if (shared.seconds > 0) {
    timings_.shared = shared.seconds;
    save_timings();
  }
  const TrainedPool main = train_main(workshop, shared.pool, people, options_.methods);
  if (main.seconds > 0) {
    timings_.pool = main.seconds;
    save_timings();
  }
  say("gate: learnt on the newest texts that the pool's people did not teach with");
  const GatedPools gated = train_gate(workshop, shared.pool, main.pool, people, options_.methods);
  if (gated.seconds > 0) {
    timings_.gate = gated.seconds;
    save_timings();
  }
  foundation_ = lay_foundation(workshop, shared.pool, main.pool, gated, people, options_.methods);
}

void Walk::take_features() {
  say("features: every text once through the base model (cached)");
  plm::FeatureCache cache(options_.cache);
  MaterialOptions material = options_.material;
  material.features.progress = options_.progress;
  material_ = make_material(model_, data_.people, cache, material, &counts_);
}

void Walk::open_store() {
  store_folder_ = options_.work + "/store-" + walk_key(model_.info(), data_, options_).short_hex();
  const bool exists = Store::exists(store_folder_);
  store_ = std::make_unique<Store>(
      Store::open(store_folder_, exists ? OpenMode::kReadWrite : OpenMode::kCreate));
  store_->put_model(model_.info(), options_.model_path);
  leases_ = std::make_unique<LeaseBook>(*store_, model_.info(), nullptr, options_.indexes);
  EngineOptions engine;
  engine.threads = options_.threads;
  engine.costs = options_.costs;
  engine_ = std::make_unique<Engine>(model_.info(), model_.head(), engine);
  timings_ = Timings::load(store_folder_ + "/timings.json");
}

Evaluation Walk::evaluate(std::span<const Method> methods) {
  say("new people: enrolled from their older texts, tested on their newest");
  Workshop workshop = shop();
  Evaluation evaluation =
      tools::evaluate(workshop, foundation_, new_people(), methods, options_.methods);
  if (evaluation.enrolled > 0) {
    timings_.enrol_per_person = evaluation.enrol_seconds / static_cast<double>(evaluation.enrolled);
    save_timings();
  }
  return evaluation;
}

Workshop Walk::shop() {
  return {*store_,           model_.info(), model_.head(), options_.material.features.site,
          *engine_,          *leases_,      &scores_,      options_.threads,
          options_.progress, &memo_};
}

std::vector<const PersonMaterial*> Walk::pick(const std::vector<std::size_t>& who) const {
  std::vector<const PersonMaterial*> people;
  people.reserve(who.size());
  for (const std::size_t index : who) people.push_back(&material_.at(index));
  return people;
}

}  // namespace pema::tools
