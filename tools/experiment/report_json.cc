#include "tools/experiment/report_json.h"

#include <ctime>
#include <fstream>

#include "src/core/atomic_file.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Json person_json(const PersonScore& person) {
  Json nll;
  for (const auto& [method, sum] : person.nll_sum) {
    nll[std::string(method_id(method))] = sum / static_cast<double>(person.test_rows);
  }
  Json document;
  document["key"] = person.key;
  document["train_tokens"] = person.train_rows;
  document["test_tokens"] = person.test_rows;
  document["nll"] = std::move(nll);
  document["schedule"] = {{"curve", to_string(person.schedule.curve)},
                          {"lambda_max", person.schedule.lambda_max},
                          {"lambda_own", person.schedule.lambda_own},
                          {"lambda_shared", person.schedule.lambda_shared}};
  return document;
}

Json methods_json(const ReportInput& input) {
  const double base = input.evaluation.nll(Method::kBase);
  Json methods = Json::array();
  for (const Method method : input.evaluation.methods) {
    const double nll = input.evaluation.nll(method);
    const Interval interval = gain_interval(input.evaluation, method);
    methods.push_back(
        {{"id", method_id(method)},
         {"label", method_label(method)},
         {"bytes_per_person", method_bytes(method, input.mask_bytes, input.own_adapter_bytes)},
         {"own_memory", method_parts(method).own_memory},
         {"gate", method_parts(method).ungated != method},
         {"nll", nll},
         {"gain", base - nll},
         {"gain_low", interval.low},
         {"gain_high", interval.high},
         {"worst_gain", worst_gain(input.evaluation, method)},
         {"gaining_share", input.evaluation.gaining_share(method)}});
  }
  return methods;
}

template <typename Count>
std::int64_t sum_rows(const Evaluation& evaluation, Count count) {
  std::int64_t rows = 0;
  for (const PersonScore& person : evaluation.people) rows += count(person);
  return rows;
}

/// Then or now: what taking all of the features took.
double feature_seconds(const plm::FeatureCache::Counts& counts) {
  return counts.seconds + counts.cached_seconds;
}

Json features_json(const plm::FeatureCache::Counts& counts) {
  const std::int64_t tokens = counts.computed_tokens + counts.cached_tokens;
  const double seconds = feature_seconds(counts);
  return {{"tokens", tokens},
          {"computed_tokens", counts.computed_tokens},
          {"computed_rows", counts.computed_rows},
          {"cached_rows", counts.cached_rows},
          {"tokens_per_second", seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0}};
}

Json seconds_json(const ReportInput& input) {
  return {{"features", feature_seconds(input.features)},
          {"pool", input.timings.shared + input.timings.pool},
          {"gate", input.timings.gate},
          {"enrol_per_person", input.timings.enrol_per_person},
          {"total", input.total_seconds}};
}

}  // namespace

Timings Timings::load(const std::string& path) {
  Timings timings;
  try {
    std::ifstream file(path);
    const Json document = Json::parse(file);
    timings.shared = document.at("shared").get<double>();
    timings.pool = document.at("pool").get<double>();
    timings.gate = document.value("gate", 0.0);
    timings.enrol_per_person = document.at("enrol_per_person").get<double>();
  } catch (const std::exception&) {
    // Only a note on earlier runs; without it this run's own times are reported.
    return {};
  }
  return timings;
}

void Timings::save(const std::string& path) const {
  const Json document = {
      {"shared", shared}, {"pool", pool}, {"gate", gate}, {"enrol_per_person", enrol_per_person}};
  const std::string text = document.dump(2) + "\n";
  core::write_file_atomically(path, std::as_bytes(std::span(text)));
}

std::int64_t method_bytes(Method method, std::int64_t mask_bytes, std::int64_t own_adapter_bytes) {
  if (method_parts(method).masks) return mask_bytes;
  switch (method) {
    case Method::kOwnAdapter:
    case Method::kSharedOwnAdapter:
      return own_adapter_bytes;
    case Method::kRandomSeparate:
      return mask_bytes;
    default:
      return 0;
  }
}

Json lambda_curve_json(const train::TargetProbabilities& sources) {
  Json curve = Json::array();
  if (sources.pema.empty()) return curve;
  constexpr int kSteps = 20;
  for (int i = 0; i <= kSteps; ++i) {
    LambdaSchedule schedule;
    schedule.lambda_max = static_cast<double>(i) / kSteps;
    curve.push_back(
        {{"lambda", schedule.lambda_max}, {"nll", train::mixture_nll(sources, schedule)}});
  }
  return curve;
}

Json unrolling_json(const train::TargetProbabilities& sources) {
  Json rows = Json::array();
  if (sources.pema.empty()) return rows;
  for (const LambdaCurve curve :
       {LambdaCurve::kConstant, LambdaCurve::kLinear, LambdaCurve::kSquared}) {
    LambdaSchedule schedule;
    schedule.curve = curve;
    schedule.lambda_max = 0.9;
    rows.push_back({{"curve", to_string(curve)},
                    {"lambda_max", schedule.lambda_max},
                    {"nll", train::mixture_nll(sources, schedule)}});
  }
  return rows;
}

Json report_json(const ReportInput& input) {
  const Evaluation& evaluation = input.evaluation;
  Json report;
  report["format"] = 1;
  report["pema_version"] = PEMA_VERSION;
  report["generated"] = utc_now();
  report["machine"] = machine_json();
  report["model"] = {{"name", input.model.name},
                     {"fingerprint", input.model.fingerprint.hex()},
                     {"hidden", input.model.hidden},
                     {"vocab", input.model.vocab}};
  report["note"] = input.data.note;
  report["source"] = input.data.source;
  report["dataset_sha256"] = input.data.digest.hex();
  report["seed"] = input.seed;
  report["refit"] = true;
  report["pool_people"] = input.pool_people;
  report["new_people"] = evaluation.people.size();
  report["train_tokens"] = sum_rows(evaluation, [](const auto& p) { return p.train_rows; });
  report["dev_tokens"] = sum_rows(evaluation, [](const auto& p) { return p.dev_rows; });
  report["test_tokens"] = evaluation.test_rows();
  for (const Method method : evaluation.methods) {
    report["nll"][std::string(method_id(method))] = evaluation.nll(method);
  }
  report["methods"] = methods_json(input);
  report["gain_users_share"] = evaluation.gaining_share(Method::kMasks);
  for (const Method method : evaluation.methods) {
    if (method == Method::kBase) continue;
    report["gain_users_share_by_method"][std::string(method_id(method))] =
        evaluation.gaining_share(method);
  }
  report["bytes_per_profile"] = {{"mask", input.mask_bytes},
                                 {"registry_row", input.registry_row_bytes},
                                 {"own_adapter", input.own_adapter_bytes},
                                 {"own_segment", input.own_segment_bytes}};
  report["seconds"] = seconds_json(input);
  report["features"] = features_json(input.features);
  const PoolRecord& pool = input.foundation.main;
  report["pool"] = {{"adapters", pool.info.adapters},
                    {"rank", pool.info.rank},
                    {"version", pool.version},
                    {"digest", pool.digest.hex()},
                    {"memory_entries", input.foundation.memory.info.entries}};
  report["people"] = Json::array();
  for (const PersonScore& person : evaluation.people) {
    report["people"].push_back(person_json(person));
  }
  report["lambda_curve"] = lambda_curve_json(evaluation.masks_sources);
  report["unrolling"] = unrolling_json(evaluation.masks_sources);
  Json texts = Json::array();
  for (const Continuation& text : input.continuations) {
    texts.push_back({{"who", text.who}, {"text", text.text}});
  }
  report["continuations"] = {{"prompt", input.prompt}, {"of", std::move(texts)}};
  report["reproduce"] = input.reproduce;
  return report;
}

}  // namespace pema::tools
