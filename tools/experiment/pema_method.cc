#include "tools/experiment/pema_method.h"

#include <chrono>
#include <filesystem>
#include <fstream>

#include "pema/error.h"
#include "src/core/atomic_file.h"
#include "tools/command_line.h"
#include "tools/experiment/pool_rows.h"
#include "tools/experiment/scoring.h"

namespace pema::tools {
namespace {

using Json = nlohmann::ordered_json;

Json curve_json(const std::vector<train::PemaCurvePoint>& curve) {
  Json points = Json::array();
  for (const train::PemaCurvePoint& point : curve) {
    points.push_back({{"stage", point.stage},
                      {"epoch", point.epoch},
                      {"step", point.step},
                      {"train_loss", point.train_loss},
                      {"dev_loss", point.dev_loss},
                      {"dev_prediction", point.dev_prediction}});
  }
  return points;
}

/// What training said, kept beside the store so that a later run can show it.
struct Training {
  PoolRecord pool;
  Json note;
};

Training train_or_find(Walk& walk, const PemaRun& run, const std::string& name) {
  Workshop shop = walk.shop();
  const std::string note_path = walk.store_folder() + "/" + name + ".json";
  if (const auto found = shop.store.find_pool(name)) {
    std::ifstream file(note_path);
    Json note = Json::parse(file, nullptr, false);
    return {*found, note.is_object() ? std::move(note) : Json::object()};
  }
  const auto start = std::chrono::steady_clock::now();
  const auto people = walk.pool_people();
  const PoolRows rows(people, PoolParts::kTrainAndTest);
  const SampleSet train_rows = rows.train();
  const SampleSet dev_rows = rows.dev();
  const train::PemaResult result = train::train_pema(shop.base(), train_rows.view(),
                                                     dev_rows.view(), run.options, shop.progress);
  Json note;
  note["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  note["training_curve"] = curve_json(result.curve);
  const std::string text = note.dump(1) + "\n";
  core::write_file_atomically(note_path, std::as_bytes(std::span(text)));

  PoolInfo info;
  info.model = shop.model.fingerprint;
  info.site = shop.site;
  info.form = Form::kDistribution;
  info.norm = run.options.norm;
  info.recipe = pema_options_json(run.options).dump();
  return {shop.store.put_pool(name, Pool(info, result.adapter, {})), std::move(note)};
}

}  // namespace

Json pema_options_json(const train::PemaOptions& options) {
  return {{"start", to_string(options.start)},
          {"norm", to_string(options.norm)},
          {"rank", options.rank},
          {"alpha", options.alpha},
          {"kappa", options.kappa},
          {"input_dropout", options.input_dropout},
          {"learning_rate", options.learning_rate},
          {"reconstruct", options.reconstruct},
          {"batch_reconstruction", options.batch_reconstruction},
          {"batch_joint", options.batch_joint},
          {"epochs", options.epochs},
          {"validate_every", options.validate_every},
          {"vocabulary", options.vocabulary},
          {"seed", options.seed}};
}

std::vector<Argument> add_pema_options(Command command, train::PemaOptions& options) {
  std::vector<Argument> arguments = {
      command.parsed_option(
          "--start",
          [&](const std::string& text) { options.start = train::parse_pema_start(text); },
          "published (B_pd = 0) or reconstruction (the closed-form optimum of stage 1)"),
      command.parsed_option(
          "--norm", [&](const std::string& text) { options.norm = parse_head_norm(text); },
          "Norm before the head: decoder_final, layer_final (the released code) or none"),
      command.option("--pema-rank", options.rank, "r").positive(),
      command.option("--alpha", options.alpha, "s = alpha / r").positive(),
      command.option("--kappa", options.kappa, "Weight of the reconstruction loss in stage 2")
          .within(0.0, 1.0),
      command.option("--pema-dropout", options.input_dropout, "Dropout on the adapter's input")
          .within(0.0, 0.95),
      command.option("--pema-rate", options.learning_rate, "Adam's learning rate, both stages")
          .positive(),
      command.flag("--reconstruct,!--no-reconstruct", options.reconstruct,
                   "Stage 1 and kappa, or the ablation without them"),
      command
          .option("--batch-reconstruction", options.batch_reconstruction, "Rows per step, stage 1")
          .positive(),
      command.option("--batch-joint", options.batch_joint, "Rows per step, stage 2").positive(),
      command.option("--pema-epochs", options.epochs, "At most so many epochs, each stage")
          .positive(),
      command
          .option("--validate-every", options.validate_every,
                  "Steps between validations; training stops when the loss exceeds both before")
          .positive(),
      command.option("--pema-vocabulary", options.vocabulary, "Words of the loss; 0: all")
          .non_negative()};
  for (const Argument& argument : arguments) {
    (void)argument.in_group("PEMA as published (arXiv 2311.08590)");
  }
  return arguments;
}

Json evaluate_pema(Walk& walk, const PemaRun& run, double base_nll) {
  const std::string options_text = pema_options_json(run.options).dump();
  // Other options are another pool: the name carries their digest.
  const std::string name = message("pema-", run.id, "-", sha256(options_text).short_hex());
  const Training training = train_or_find(walk, run, name);
  Workshop shop = walk.shop();
  double nll_sum = 0;
  std::int64_t rows = 0;
  train::TargetProbabilities all;
  const auto people = walk.new_people();
  for (std::size_t i = 0; i < people.size(); ++i) {
    checkpoint(shop.progress, "test " + name, static_cast<std::int64_t>(i),
               static_cast<std::int64_t>(people.size()), "people");
    const PersonMaterial& person = *people[i];
    const std::string profile = name + "/" + person.key;
    if (!shop.store.find_profile(profile)) {
      const PersonParts parts{training.pool.id, {}, nullptr};
      (void)shop.store.put_profile(
          make_draft(profile, parts, {}, tune_lambdas(shop, parts, {}, person.dev.view())));
    }
    const auto lease = shop.leases.acquire(profile);
    const ScoredRows scored(person.test.view(), shop.head, shop.threads);
    nll_sum += scored.nll_sum(shop.engine, lease.get());
    rows += scored.rows();
    append_sources(all, scored.sources(shop.engine, *lease));
  }
  checkpoint(shop.progress, "test " + name, static_cast<std::int64_t>(people.size()),
             static_cast<std::int64_t>(people.size()), "people");
  Json result;
  result["id"] = run.id;
  result.update(pema_options_json(run.options));
  result["nll"] = nll_sum / static_cast<double>(rows);
  result["gain"] = base_nll - nll_sum / static_cast<double>(rows);
  result["lambda_curve"] = lambda_curve_json(all);
  result["unrolling"] = unrolling_json(all);
  result.update(training.note);
  return result;
}

}  // namespace pema::tools
