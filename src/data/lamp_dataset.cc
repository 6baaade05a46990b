#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "pema/data/dataset.h"
#include "pema/data/lamp.h"
#include "pema/error.h"
#include "src/data/lamp_layout.h"

namespace pema::data {
namespace {

void update_text(Sha256& hash, const std::string& text) {
  hash.update_int(static_cast<std::int64_t>(text.size())).update(text);
}

void update_part(Sha256& hash, const std::vector<Example>& part) {
  hash.update_int(static_cast<std::int64_t>(part.size()));
  for (const Example& example : part) {
    update_text(hash, example.date);
    update_text(hash, example.prompt);
    update_text(hash, example.target);
  }
}

/// The reader finds people by key and examples by id, so neither may be empty or occur twice.
void check_names(const DataSet& data) {
  std::set<std::string_view> keys;
  std::set<std::string_view> ids;
  for (const Person& person : data.people) {
    PEMA_CHECK(!person.key.empty() && keys.insert(person.key).second, kInvalidArgument,
               "the person key \"", person.key, "\" is empty or used twice; make keys distinct");
    PEMA_CHECK(!person.train.empty() || !person.dev.empty() || !person.test.empty(),
               kInvalidArgument, "person ", person.key, " has no examples; leave them out");
    for (const auto* part : {&person.train, &person.dev, &person.test}) {
      for (const Example& example : *part) {
        PEMA_CHECK(!example.id.empty() && ids.insert(example.id).second, kInvalidArgument,
                   "person ", person.key, ": the example id \"", example.id,
                   "\" is empty or used twice in the data set; make ids distinct");
      }
    }
  }
}

void append_items(std::vector<ProfileItem>& profile, const std::vector<Example>& examples) {
  for (const Example& example : examples) {
    profile.push_back({example.id,
                       example.date,
                       {{std::string(kPromptField), example.prompt},
                        {std::string(kTargetField), example.target}}});
  }
}

/// One part's two files, written side by side.
class PartWriter {
 public:
  PartWriter(const DataSet& data, const std::string& folder, std::string_view part)
      : questions_(lamp_path(folder, part, "questions")),
        outputs_path_(lamp_path(folder, part, "outputs")),
        task_(data.task) {}

  /// `question` has the history already; it is used for every one of `examples`.
  void add(Question& question, const Example& example) {
    question.id = example.id;
    question.date = example.date;
    question.input = example.prompt;
    questions_.add(question);
    outputs_.push_back({example.id, example.target});
  }

  void close() {
    write_outputs(outputs_path_, task_, outputs_);
    questions_.close();
  }

 private:
  QuestionWriter questions_;
  std::string outputs_path_;
  std::string task_;
  std::vector<Output> outputs_;
};

}  // namespace

Digest dataset_digest(const DataSet& data) {
  Sha256 hash;
  hash.update("pema-dataset-1").update_int(static_cast<std::int64_t>(data.people.size()));
  for (const Person& person : data.people) {
    update_text(hash, person.key);
    update_part(hash, person.train);
    update_part(hash, person.dev);
    update_part(hash, person.test);
  }
  return hash.finish();
}

void write_lamp(const DataSet& data, const std::string& folder) {
  check_names(data);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  PEMA_CHECK(!error, kIo, folder, ": cannot make the folder: ", error.message(),
             "; check the path and its permissions");
  // Until the last file is written, nothing says that the folder is a finished set.
  std::filesystem::remove(manifest_path(folder), error);
  PEMA_CHECK(!error, kIo, manifest_path(folder), ": cannot replace it: ", error.message());

  PartWriter train(data, folder, kParts[0]);
  PartWriter dev(data, folder, kParts[1]);
  PartWriter test(data, folder, kParts[2]);
  Manifest manifest{data.source, data.task, data.note, dataset_digest(data), {}};
  for (const Person& person : data.people) {
    manifest.people.push_back(person.key);
    Question question;
    question.user = person.key;
    append_items(question.profile, person.train);
    if (!person.train.empty()) {
      ProfileItem last = std::move(question.profile.back());
      question.profile.pop_back();
      train.add(question, person.train.back());
      question.profile.push_back(std::move(last));
    }
    for (const Example& example : person.dev) dev.add(question, example);
    append_items(question.profile, person.dev);
    for (const Example& example : person.test) test.add(question, example);
  }
  train.close();
  dev.close();
  test.close();
  write_manifest(manifest, folder);
}

}  // namespace pema::data
