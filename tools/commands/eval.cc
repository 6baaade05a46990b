#include "tools/commands/eval.h"

#include <algorithm>
#include <charconv>

#include "tools/command_line.h"
#include "tools/context.h"
#include "tools/experiment/data_source.h"
#include "tools/experiment/demo_report.h"
#include "tools/experiment/key_types.h"
#include "tools/experiment/pema_method.h"
#include "tools/experiment/skipped_recall.h"
#include "tools/experiment/walk.h"
#include "tools/index_option.h"
#include "tools/terminal/json_output.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"
#include "tools/training_commands.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(Methods: base, own_adapter, shared, random_separate, masks, shared_own_adapter, shared_shared_memory, masks_shared_memory,
shared_own_memory, shared_memory and masks_memory (own and shared), each of shared, masks and those with memory also with _gate, whose
sources the pool's gate weighs instead of constants, and pema (PEMA's own form, one adapter shared by the pool's people). Without PEMA options `pema` runs the better start and the published one, both for as many epochs
as the better one takes; with any of them, that one setting, with the published defaults for the rest. Results of an earlier run with the same inputs (also of `pema demo`) are found in --work.

Examples:
  pema eval --method base,shared,masks
  pema eval --people 88 --method pema
  pema eval --people 88 --method masks_memory --own-keys f32,int8,pq
  pema eval --people 88 --no-refit
  pema eval --method pema --start reconstruction --pema-rank 128 --pema-epochs 4
  pema memory index build people --segments pool-people --store out/demo/store-0123456789ab
  pema eval --method masks_memory --index people
  pema eval --source lamp --data LaMP_4 --method shared,masks_memory --json)";

struct EvalOptions {
  DataOptions data;
  std::vector<std::string> methods;
  std::vector<std::string> own_keys;
  std::vector<std::string> skip_recall;
  IndexOption index;
  train::PemaOptions pema;
  bool pema_given = false;
  std::string work = "out/demo";
  std::string cache;
  bool refit = true;
  std::uint64_t seed = 123;
};

std::vector<PemaRun> pema_runs(const EvalOptions& options) {
  if (options.pema_given) return {{"custom", options.pema}};
  PemaRun best{"best", train::PemaOptions::best_start()};
  PemaRun published{"published", train::PemaOptions{}};
  best.options.seed = options.seed;
  published.options.seed = options.seed;
  published.options.epochs = best.options.epochs;  // side by side; --start published runs all 200
  return {best, published};
}

/// Base first, then the asked ones in the order of kAllMethods; `shared` is what PEMA's form is
/// compared with.
std::vector<Method> chosen_methods(const EvalOptions& options, bool& pema) {
  std::vector<Method> wanted = {Method::kBase};
  pema = false;
  for (const std::string& name : options.methods) {
    if (name == "pema") {
      pema = true;
      wanted.push_back(Method::kShared);
    } else {
      wanted.push_back(parse_method(name));
    }
  }
  if (options.methods.empty()) wanted.assign(kAllMethods.begin(), kAllMethods.end());
  std::vector<Method> ordered;
  for (const Method method : kAllMethods) {
    if (std::find(wanted.begin(), wanted.end(), method) != wanted.end()) ordered.push_back(method);
  }
  return ordered;
}

Json results_json(const Walk& walk, const Evaluation& evaluation) {
  const double base = evaluation.nll(Method::kBase);
  Json document;
  document["source"] = walk.data().source;
  document["note"] = walk.data().note;
  document["dataset_sha256"] = walk.data().digest.hex();
  document["pool_people"] = walk.cohort().pool.size();
  document["new_people"] = evaluation.people.size();
  document["test_tokens"] = evaluation.test_rows();
  document["refit"] = walk.methods().refit;
  document["store"] = walk.store_folder();
  document["indexes"] = evaluation.indexes;
  document["methods"] = Json::array();
  for (const Method method : evaluation.methods) {
    const Interval interval = gain_interval(evaluation, method);
    document["methods"].push_back({{"id", method_id(method)},
                                   {"label", method_label(method)},
                                   {"nll", evaluation.nll(method)},
                                   {"gain", base - evaluation.nll(method)},
                                   {"gain_low", interval.low},
                                   {"gain_high", interval.high},
                                   {"worst_gain", worst_gain(evaluation, method)},
                                   {"gaining_share", evaluation.gaining_share(method)}});
  }
  return document;
}

std::string results_text(const Json& document) {
  Table table({"METHOD", ">NLL", ">GAIN", "95 % INTERVAL", ">WORST", ">GAINING"});
  for (const Json& method : document.at("methods")) {
    table.add({method.at("label").get<std::string>(),
               format_fixed(method.at("nll").get<double>(), 3),
               format_fixed(method.at("gain").get<double>(), 3),
               format_fixed(method.at("gain_low").get<double>(), 3) + " to " +
                   format_fixed(method.at("gain_high").get<double>(), 3),
               format_fixed(method.at("worst_gain").get<double>(), 3),
               format_fixed(100 * method.at("gaining_share").get<double>(), 0) + " %"});
  }
  const auto note = document.at("note").get<std::string>();
  std::string text =
      message(note, note.empty() ? "" : "\n", "NLL in nats per token, ", document.at("test_tokens"),
              " test tokens of ", document.at("new_people"), " new people\n\n", table.text());
  for (const Json& index : document.at("indexes")) {
    text += "memories were searched through index " + printable(index.get<std::string>()) + "\n";
  }
  if (!document.contains("pema")) return text;
  Table pema(
      {"PEMA'S OWN FORM", "START", ">RANK", ">EPOCHS", ">NLL", ">GAIN", ">OF SHARED'S GAIN"});
  for (const Json& run : document.at("pema")) {
    pema.add({run.at("id").get<std::string>(), run.at("start").get<std::string>(),
              message(run.at("rank")), message(run.at("epochs")),
              format_fixed(run.at("nll").get<double>(), 3),
              format_fixed(run.at("gain").get<double>(), 3),
              format_fixed(run.at("ratio_to_shared").get<double>(), 3)});
  }
  return text + "\n" + pema.text();
}

Json key_types_json(Walk& walk, const EvalOptions& options, double base) {
  std::vector<KeyType> types;
  for (const std::string& name : options.own_keys) types.push_back(parse_key_type(name));
  return evaluate_key_types(walk, types, base);
}

double parse_limit(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  PEMA_CHECK(error == std::errc() && end == text.data() + text.size() && value > 0 && value <= 1,
             kInvalidArgument, "--skip-recall: '", printable(text),
             "' is no probability above 0 and at most 1");
  return value;
}

Json skipped_recall_json(Walk& walk, const EvalOptions& options) {
  std::vector<double> limits;
  for (const std::string& text : options.skip_recall) limits.push_back(parse_limit(text));
  return evaluate_skipped_recall(walk, limits);
}

std::string skipped_recall_text(const Json& limits) {
  Table table(
      {"MASKS + MEMORY, NOT SEARCHED ABOVE", ">TOKENS", ">NLL", ">WORSE", ">NLL, GATE", ">WORSE"});
  for (const Json& limit : limits) {
    table.add({format_fixed(limit.at("limit").get<double>(), 3),
               format_fixed(100 * limit.at("skipped").get<double>(), 1) + " %",
               format_fixed(limit.at("nll").get<double>(), 4),
               format_fixed(limit.at("worse").get<double>(), 4),
               format_fixed(limit.at("nll_gate").get<double>(), 4),
               format_fixed(limit.at("worse_gate").get<double>(), 4)});
  }
  return "\n" + table.text();
}

std::string key_types_text(const Json& types) {
  Table table({"MASKS + MEMORY, OWN KEYS IN", ">BYTES A KEY", ">NLL", ">GAIN", ">WORSE THAN F32",
               ">NLL, GATE", ">WORSE"});
  for (const Json& type : types) {
    table.add({type.at("keys").get<std::string>(), message(type.at("key_bytes")),
               format_fixed(type.at("nll").get<double>(), 4),
               format_fixed(type.at("gain").get<double>(), 4),
               format_fixed(type.at("worse_than_f32").get<double>(), 4),
               format_fixed(type.at("nll_gate").get<double>(), 4),
               format_fixed(type.at("worse_than_f32_gate").get<double>(), 4)});
  }
  return "\n" + table.text();
}

int run_eval(Context& context, const EvalOptions& options) {
  bool pema = false;
  const std::vector<Method> methods = chosen_methods(options, pema);
  const data::DataSet texts = open_data(options.data);
  if (!texts.note.empty()) context.note(texts.note);
  plm::LanguageModel& model = context.model();
  WalkOptions walk_options = make_walk_options(context, options.work, options.cache, options.seed);
  walk_options.indexes = index_choice(options.index);
  walk_options.methods.refit = options.refit;
  Walk walk(model, texts, walk_options);
  const Evaluation evaluation = walk.evaluate(methods);
  Json document = results_json(walk, evaluation);
  if (pema) {
    const double base = evaluation.nll(Method::kBase);
    const double shared = base - evaluation.nll(Method::kShared);
    document["pema"] = Json::array();
    for (const PemaRun& run : pema_runs(options)) {
      Json result = evaluate_pema(walk, run, base);
      result["ratio_to_shared"] = result.at("gain").get<double>() / shared;
      document["pema"].push_back(std::move(result));
    }
  }
  if (!options.own_keys.empty()) {
    document["own_keys"] = key_types_json(walk, options, evaluation.nll(Method::kBase));
  }
  if (!options.skip_recall.empty()) {
    document["skip_recall"] = skipped_recall_json(walk, options);
  }
  context.end_progress();
  for (const std::string& trouble : evaluation.troubles) context.note(trouble);
  if (context.options.json) {
    print_json(document);
  } else {
    std::string text = results_text(document);
    if (document.contains("own_keys")) text += key_types_text(document.at("own_keys"));
    if (document.contains("skip_recall")) text += skipped_recall_text(document.at("skip_recall"));
    print(text);
  }
  return 0;
}

}  // namespace

void add_eval(Command app, Context& context) {
  auto options = std::make_shared<EvalOptions>();
  options->data.build.people = 36;
  const Command command = app.add("eval", kEvalText);
  command.footer(kFooter);
  add_data_options(command, options->data);
  command.option("--method", options->methods, "Methods, comma-separated (default: all but pema)")
      .split_at(',');
  command
      .option("--own-keys", options->own_keys,
              "Also masks_memory with own keys in these types, comma-separated: f32, f16, int8, pq")
      .split_at(',');
  command
      .option("--skip-recall", options->skip_recall,
              "Also masks with memory where tokens of which the model is surer than these "
              "probabilities, comma-separated, are not searched")
      .split_at(',');
  add_index_options(command, options->index);
  command.option("--work", options->work, "Folder of data sets and stores");
  command.option("--cache", options->cache, "Folder of cached features");
  command.flag("--refit,!--no-refit", options->refit,
               "Score profiles that learnt from the dev part too, once it had chosen (default), or "
               "without it");
  command.option("--seed", options->seed, "Seed of everything that draws");
  const std::vector<Argument> pema = add_pema_options(command, options->pema);
  command.runs(context, [&context, options, pema] {
    options->pema_given = std::any_of(pema.begin(), pema.end(),
                                      [](const Argument& argument) { return argument.given(); });
    options->pema.seed = options->seed;
    return run_eval(context, *options);
  });
}

}  // namespace pema::tools
