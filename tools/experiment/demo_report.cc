#include "tools/experiment/demo_report.h"

#include <filesystem>

#include "pema/error.h"
#include "src/core/atomic_file.h"
#include "tools/report/report_html.h"
#include "tools/speaker.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string bytes_cell(const Json& method) {
  const std::string own = format_bytes(method.at("bytes_per_person").get<std::int64_t>());
  return method.at("own_memory").get<bool>() ? own + " + own segment" : own;
}

void write_text(const std::string& path, const std::string& text) {
  core::write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace

SamplePrompt continue_prompt(Walk& walk, plm::LanguageModel& model, std::int64_t context,
                             std::int64_t tokens) {
  const auto& fresh = walk.cohort().fresh;
  const data::Person& first = walk.data().people.at(fresh.front());
  const data::Person& last = walk.data().people.at(fresh.back());
  SamplePrompt sample;
  sample.prompt = first.test.front().prompt;
  const std::vector<std::int32_t> prompt = model.tokenise(sample.prompt);
  std::vector<std::string> people;
  people.push_back(first.key);
  if (last.key != first.key) people.push_back(last.key);

  const auto speak = [&](const std::string& who, std::shared_ptr<const Lease> lease) {
    Speaker speaker(model, walk.engine(), context);
    speaker.use(std::move(lease));
    SpeakOptions options;
    options.tokens = tokens;
    options.sampling.temperature = 0;
    sample.continuations.push_back({who, speaker.speak(prompt, options).text});
  };
  speak("base model", nullptr);
  for (const std::string& key : people) {
    speak("person " + key, walk.leases().acquire(profile_name(Method::kMasksMemory, key)));
  }
  return sample;
}

std::int64_t own_adapter_bytes(const ModelInfo& model, std::int64_t rank) {
  return 2 * rank * model.hidden * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t mean_segment_bytes(const Store& store, const Evaluation& evaluation) {
  std::int64_t bytes = 0;
  for (const PersonScore& person : evaluation.people) {
    const auto profile = store.find_profile(profile_name(Method::kMasksMemory, person.key));
    if (!profile) continue;
    for (const SegmentId id : profile->segments) {
      const auto segment = store.find_segment(id);
      if (segment && segment->kind == SegmentKind::kOwn) bytes += segment->bytes;
    }
  }
  return bytes / static_cast<std::int64_t>(evaluation.people.size());
}

std::string report_table(const Json& report) {
  Table table({"METHOD", ">BYTES PER PERSON", ">NLL", ">GAIN", "95 % INTERVAL"});
  for (const Json& method : report.at("methods")) {
    const bool base = method.at("id") == "base";
    table.add({method.at("label").get<std::string>(), bytes_cell(method),
               format_fixed(method.at("nll").get<double>(), 3),
               base ? "-" : format_fixed(method.at("gain").get<double>(), 3),
               base ? ""
                    : format_fixed(method.at("gain_low").get<double>(), 3) + " to " +
                          format_fixed(method.at("gain_high").get<double>(), 3)});
  }
  const Json& bytes = report.at("bytes_per_profile");
  const Json& seconds = report.at("seconds");
  std::string text;
  if (!report.at("note").get<std::string>().empty()) {
    text += report.at("note").get<std::string>() + "\n\n";
  }
  text += message("NLL in nats per token over ", report.at("test_tokens"), " test tokens of ",
                  report.at("new_people"), " new people; pool of ", report.at("pool_people"),
                  " other people\n\n");
  text += table.text();
  text += message("\nnew people who gain     ",
                  format_fixed(100 * report.at("gain_users_share").get<double>(), 0), " %\n");
  text += message("bytes per profile       mask ", bytes.at("mask"), ", whole registry row ",
                  format_fixed(bytes.at("registry_row").get<double>(), 1), "; own adapter ",
                  bytes.at("own_adapter"), ", own segment ",
                  format_bytes(bytes.at("own_segment").get<std::int64_t>()), "\n");
  text += message("seconds                 features ",
                  format_fixed(seconds.at("features").get<double>(), 0), ", pool ",
                  format_fixed(seconds.at("pool").get<double>(), 0), ", enrolment ",
                  format_fixed(seconds.at("enrol_per_person").get<double>(), 1),
                  " a person; this run ", format_fixed(seconds.at("total").get<double>(), 0), "\n");
  return text;
}

void write_report(const Json& report, const std::string& folder) {
  std::filesystem::create_directories(folder);
  write_text(folder + "/report.json",
             report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  write_text(folder + "/report.html", render_report_html(report));
}

}  // namespace pema::tools
