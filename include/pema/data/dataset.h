/// People and their texts, split by time: what enrolment and evaluation run on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pema/digest.h"

namespace pema::data {

/// One text: the model is given `prompt` and learns or is tested on `target`.
struct Example {
  std::string id;
  std::string date;  ///< "YYYY-MM-DD" or empty
  std::string prompt;
  std::string target;
};

/// One person; each part is ordered by date, all of train before all of dev before all of test.
struct Person {
  std::string key;  ///< salted hash, or the published name of a shipped set's author
  std::vector<Example> train;
  std::vector<Example> dev;
  std::vector<Example> test;
};

struct DataSet {
  std::string source;          ///< "changelogs", "verses" or "lamp"
  std::string task;            ///< the task named in the files
  std::string note;            ///< said first in every report; empty when there is nothing to say
  Digest digest;               ///< SHA-256 over keys, dates, prompts, targets and split, in order
  std::vector<Person> people;  ///< most entries before the cut first, ties by key
};

/// Fractions of each person's entries, oldest first; test gets the rest.
struct TimeSplit {
  double train = 0.56;
  double dev = 0.15;
};

struct BuildOptions {
  std::int64_t people = 0;        ///< at most so many, most entries first; 0: all
  std::int64_t min_entries = 30;  ///< people with fewer are left out; at least 3
  std::int64_t entries = 34;      ///< the newest so many of each; 0: all, else at least 3
  std::string salt = "pema";      ///< of the hash that replaces names
  TimeSplit split;
};

/// Reads `changelog.Debian.gz` and `changelog.gz` below `doc_root` (normally /usr/share/doc):
/// people by salted hash of their name (of their address where there is no name), entries by date,
/// source, version. Prompt: "Changelog of SOURCE (VERSION) DISTRIBUTION; urgency=URGENCY\n";
/// target: the entry's lines without indentation. Unreadable files and non-UTF-8 or malformed
/// entries are counted in `note`, never fatal. Duplicate entries (the same changelog in several
/// packages) count once; build daemons' entries do not count. Throws kInvalidArgument (options
/// outside their range), kNotFound, naming the folder and what to do (`--source verses`), when no
/// person has min_entries.
[[nodiscard]] DataSet read_changelogs(const std::string& doc_root, const BuildOptions& options);

/// The shipped King James / World English verse pairs: a book is a person. Prompt: the modern
/// verse and a newline; target: the older one. Throws kInvalidArgument (as above), kNotFound (no
/// such file, no book with min_entries), kCorrupt (path, line, fix).
[[nodiscard]] DataSet read_verses(const std::string& path, const BuildOptions& options);

/// Writes {train,dev,test}_{questions,outputs}.json in LaMP's time-split layout below `folder`
/// (made when absent), and `dataset.json` with source, note and digest. Throws kIo,
/// kDiskFull, kInvalidArgument (keys or example ids that are empty or occur twice, text that is not
/// UTF-8).
void write_lamp(const DataSet& data, const std::string& folder);

/// Reads such a folder, ours or a real LaMP task in time or user split, as a stream. A person's
/// train part is the history in the profiles of their questions (union by id, without dev and test
/// items; our own folders also keep the last train entry as a question), turned into pairs as
/// LaMP's tasks demand (docs/data.md); dev and test are the questions of those files that have
/// outputs. Missing train or dev files are allowed. `task` overrides what the files say. Throws
/// kNotFound (no questions file), kCorrupt (as the readers; an id in questions without output in
/// train or dev; an empty history is allowed), kUnsupported (unknown task).
[[nodiscard]] DataSet read_lamp(const std::string& folder, const std::string& task = {});

/// The digest described at DataSet::digest.
[[nodiscard]] Digest dataset_digest(const DataSet& data);

}  // namespace pema::data
