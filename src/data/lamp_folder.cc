#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
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
#include "src/data/lamp_tasks.h"

namespace pema::data {
namespace {

/// Question and output of one file pair, by id.
struct PartFiles {
  std::string questions;  ///< path; empty when the part is missing
  std::string outputs;    ///< path, also where the file is missing
  bool has_outputs = false;
  std::map<std::string, std::string> golds;  ///< what has not been asked for yet
};

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

/// Collects a folder's questions into people.
class FolderReader {
 public:
  FolderReader(const std::string& folder, const std::string& task) : folder_(folder) {
    manifest_ = read_manifest(folder);
    find_files();
    read_golds();
    data_.task = !task.empty() ? task : manifest_ ? manifest_->task : named_task();
    if (!manifest_) {
      rules_ = LampTask::parse(data_.task);
      data_.task = rules_->name();
    }
  }

  DataSet read() {
    for (std::size_t part = 0; part < parts_.size(); ++part) {
      if (!parts_[part].questions.empty()) read_part(part);
    }
    for (auto& [key, builder] : builders_) finish(builder);
    manifest_ ? finish_ours() : finish_lamp();
    return std::move(data_);
  }

 private:
  struct Builder {
    Person person;
    std::vector<LampPair> pairs;  ///< beside person.train; only in LaMP's own layout
    std::set<std::string> seen;   ///< ids of history items
    std::optional<Example> last;  ///< the train question, in our own layout
  };

  void find_files() {
    bool any = false;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      PartFiles& part = parts_[i];
      const std::string questions = lamp_path(folder_, kParts[i], "questions");
      part.outputs = lamp_path(folder_, kParts[i], "outputs");
      part.has_outputs = exists(part.outputs);
      if (exists(questions)) part.questions = questions;
      any = any || !part.questions.empty();
    }
    PEMA_CHECK(any, kNotFound, folder_,
               ": no train_questions.json, dev_questions.json or test_questions.json; give the "
               "folder that holds one LaMP task, or build a set with `pema data`");
  }

  void read_golds() {
    for (PartFiles& part : parts_) {
      if (!part.has_outputs || part.questions.empty()) continue;
      const std::string named = read_outputs(part.outputs, [&](Output&& output) {
        const auto [place, inserted] =
            part.golds.emplace(std::move(output.id), std::move(output.output));
        PEMA_CHECK(inserted, kCorrupt, part.outputs, ": the id ", place->first,
                   " occurs twice; get the file again");
        return true;
      });
      if (!named.empty()) names_.emplace(named, part.outputs);
    }
  }

  /// The task that the files name.
  std::string named_task() {
    for (const PartFiles& part : parts_) {
      if (part.questions.empty()) continue;
      const std::string named = read_questions(part.questions, [](Question&&) { return false; });
      if (!named.empty()) names_.emplace(named, part.questions);
    }
    PEMA_CHECK(!names_.empty(), kUnsupported, folder_,
               ": no file names its task; give it with --task (LaMP_1 to LaMP_7)");
    const auto& [task, path] = *names_.begin();
    const auto& [other, other_path] = *names_.rbegin();
    PEMA_CHECK(names_.size() == 1, kCorrupt, path, " is of task ", task, " but ", other_path,
               " of ", other, "; put each task into a folder of its own, or give --task");
    return task;
  }

  void read_part(std::size_t index) {
    PartFiles& part = parts_[index];
    std::set<std::string> asked;
    read_questions(part.questions, [&](Question&& question) {
      PEMA_CHECK(asked.insert(question.id).second, kCorrupt, part.questions, ": the id ",
                 question.id, " occurs twice; get the file again");
      add(question, index, part);
      return true;
    });
    PEMA_CHECK(part.golds.empty(), kCorrupt, part.outputs, ": the id ", part.golds.begin()->first,
               " has no question in ", part.questions, "; the two files do not belong together");
  }

  void add(Question& question, std::size_t index, PartFiles& part) {
    const std::string key = user_key(question);
    Builder& builder = builders_[key];
    builder.person.key = key;
    for (ProfileItem& item : question.profile) add_item(builder, std::move(item));
    const auto gold = part.golds.find(question.id);
    const bool test = index == 2;
    PEMA_CHECK(gold != part.golds.end() || test, kCorrupt, part.questions, ": the id ", question.id,
               " has no output in ", part.outputs, part.has_outputs ? "" : " (no such file)",
               "; the two files do not belong together");
    if (gold == part.golds.end()) return;  // LaMP keeps the test answers to itself
    Example example{std::move(question.id), std::move(question.date), std::move(question.input),
                    std::move(gold->second)};
    part.golds.erase(gold);
    if (!manifest_) example.prompt += kPromptEnd;
    if (index == 1) {
      builder.person.dev.push_back(std::move(example));
    } else if (test) {
      builder.person.test.push_back(std::move(example));
    } else if (manifest_) {
      builder.last = std::move(example);
    }
  }

  void add_item(Builder& builder, ProfileItem&& item) {
    if (!builder.seen.insert(item.id).second) return;
    Example example{std::move(item.id), std::move(item.date), {}, {}};
    if (manifest_) {
      example.prompt = item.field(std::string(kPromptField));
      example.target = item.field(std::string(kTargetField));
    } else {
      std::optional<LampPair> pair = rules_->pair(item);
      if (!pair) {
        ++without_text_;
        return;
      }
      builder.pairs.push_back(std::move(*pair));
    }
    builder.person.train.push_back(std::move(example));
  }

  /// Takes dev and test items out of the history, and orders the rest.
  void finish(Builder& builder) {
    Person& person = builder.person;
    if (manifest_) {
      std::set<std::string_view> later;
      for (const auto* part : {&person.dev, &person.test}) {
        for (const Example& example : *part) later.insert(example.id);
      }
      std::erase_if(person.train, [&](const Example& e) { return later.contains(e.id); });
      if (builder.last && !builder.seen.contains(builder.last->id)) {
        person.train.push_back(std::move(*builder.last));
      }
      return;
    }
    std::vector<Example> kept;
    for (std::size_t i = 0; i < person.train.size(); ++i) {
      LampPair& pair = builder.pairs[i];
      if (leaks(pair, person)) continue;
      person.train[i].prompt = std::move(pair.prompt);
      person.train[i].target = std::move(pair.target);
      kept.push_back(std::move(person.train[i]));
    }
    person.train = std::move(kept);
    for (auto* part : {&person.train, &person.dev, &person.test}) {
      std::stable_sort(part->begin(), part->end(),
                       [](const Example& a, const Example& b) { return a.date < b.date; });
    }
  }

  [[nodiscard]] bool leaks(const LampPair& pair, const Person& person) const {
    for (const auto* part : {&person.dev, &person.test}) {
      for (const Example& e : *part) {
        if (rules_->answers(pair, e.prompt, e.target)) return true;
      }
    }
    return false;
  }

  void finish_ours() {
    data_.source = manifest_->source;
    data_.note = manifest_->note;
    for (const std::string& key : manifest_->people) {
      const auto found = builders_.find(key);
      PEMA_CHECK(found != builders_.end(), kCorrupt, manifest_path(folder_), ": the person ", key,
                 " is in no questions file; build the set again");
      data_.people.push_back(std::move(found->second.person));
    }
    data_.digest = dataset_digest(data_);
    PEMA_CHECK(data_.digest == manifest_->digest && builders_.size() == data_.people.size(),
               kCorrupt, folder_, ": the files do not add up to the digest in dataset.json (",
               data_.digest.short_hex(), " instead of ", manifest_->digest.short_hex(),
               "); a file was changed or replaced, build the set again");
  }

  void finish_lamp() {
    data_.source = "lamp";
    if (without_text_ > 0) {
      data_.note = message("left out: ", without_text_, " history items without text or label");
    }
    for (auto& [key, builder] : builders_) data_.people.push_back(std::move(builder.person));
    const auto size = [](const Person& p) { return p.train.size() + p.dev.size() + p.test.size(); };
    std::stable_sort(data_.people.begin(), data_.people.end(),
                     [&](const Person& a, const Person& b) { return size(a) > size(b); });
    data_.digest = dataset_digest(data_);
  }

  std::string folder_;
  std::optional<Manifest> manifest_;
  std::optional<LampTask> rules_;
  std::array<PartFiles, 3> parts_;
  std::map<std::string, std::string> names_;  ///< task -> a file that names it
  std::map<std::string, Builder> builders_;   ///< by key, which is also the order of ties
  DataSet data_;
  std::int64_t without_text_ = 0;
};

}  // namespace

DataSet read_lamp(const std::string& folder, const std::string& task) {
  return FolderReader(folder, task).read();
}

}  // namespace pema::data
