/// LaMP's file layout (arXiv 2304.11406): questions and outputs JSON, read and written as streams.
/// Written from the format's description; no LaMP code or data is part of pema.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pema::data {

/// One item of a person's history. `fields` keeps file order; the values of strings are kept as
/// they are, numbers as their text.
struct ProfileItem {
  std::string id;
  std::string date;                                         ///< "YYYY-MM-DD", a bare year, or empty
  std::vector<std::pair<std::string, std::string>> fields;  ///< everything except id and date

  /// Value of a field, or empty.
  [[nodiscard]] const std::string& field(const std::string& name) const;
};

/// One question. `user` is empty in LaMP's user split.
struct Question {
  std::string id;
  std::string user;
  std::string input;
  std::string date;
  std::vector<ProfileItem> profile;
};

struct Output {
  std::string id;
  std::string output;
};

/// Streams a questions file: an array, or {"task", "golds": [...]}; ids may be strings or integers.
/// Memory use is one question, never the file. `visit` returns false to stop early. Returns the
/// wrapper's task, or empty. Throws kNotFound, kIo, kCorrupt (path, byte offset, what was expected;
/// invalid UTF-8; a question over 64 MiB).
std::string read_questions(const std::string& path, const std::function<bool(Question&&)>& visit);
/// The same for outputs and predictions.
std::string read_outputs(const std::string& path, const std::function<bool(Output&&)>& visit);

/// Writes a questions file as it goes; the file appears whole under its name on `close`, or not at
/// all. Throws kIo, kDiskFull.
class QuestionWriter {
 public:
  explicit QuestionWriter(std::string path);
  ~QuestionWriter();
  QuestionWriter(const QuestionWriter&) = delete;
  QuestionWriter& operator=(const QuestionWriter&) = delete;
  void add(const Question& question);
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes {"task": task, "golds": [...]} atomically.
void write_outputs(const std::string& path, const std::string& task,
                   const std::vector<Output>& outputs);

}  // namespace pema::data
