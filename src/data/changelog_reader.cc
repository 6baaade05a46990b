#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "pema/data/dataset.h"
#include "pema/error.h"
#include "src/data/changelog_parser.h"
#include "src/data/mail_date.h"
#include "src/data/people.h"

namespace pema::data {
namespace {

namespace fs = std::filesystem;

/// No real changelog comes near; a small file can unpack to a thousand times its size.
constexpr std::int64_t kMaxFileBytes = std::int64_t{64} << 20;

enum class FileResult { kOk, kNotDebian, kUnreadable, kTooLarge };

/// A gzip or plain file, closed on every path.
class GzFile {
 public:
  explicit GzFile(const fs::path& path) : file_(gzopen(path.c_str(), "rb")) {}
  ~GzFile() {
    if (file_ != nullptr) gzclose(file_);
  }
  GzFile(const GzFile&) = delete;
  GzFile& operator=(const GzFile&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return file_ != nullptr; }
  /// Bytes read, 0 at the end, -1 on damage.
  int read(char* buffer, unsigned size) {
    const int got = gzread(file_, buffer, size);
    if (got > 0) return got;
    int code = Z_OK;
    gzerror(file_, &code);
    // A file that stops inside its gzip stream reads as a short file with Z_BUF_ERROR.
    return got == 0 && (code == Z_OK || code == Z_STREAM_END) ? 0 : -1;
  }

 private:
  gzFile file_;
};

/// Feeds the lines of a file to `parser`; memory is one line and the entries.
FileResult parse_file(const fs::path& path, ChangelogParser& parser) {
  GzFile file(path);
  if (!file.is_open()) return FileResult::kUnreadable;
  std::vector<char> buffer(std::size_t{1} << 16);
  std::string pending;
  std::int64_t total = 0;
  int got = 0;
  while ((got = file.read(buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    total += got;
    if (total > kMaxFileBytes) return FileResult::kTooLarge;
    std::string_view chunk(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = chunk.find('\n'); end != chunk.npos; end = chunk.find('\n')) {
      pending += chunk.substr(0, end);
      if (!parser.line(pending)) return FileResult::kNotDebian;
      pending.clear();
      chunk.remove_prefix(end + 1);
    }
    pending += chunk;
  }
  if (got < 0) return FileResult::kUnreadable;
  if (!pending.empty() && !parser.line(pending)) return FileResult::kNotDebian;
  parser.finish();
  return parser.is_debian() ? FileResult::kOk : FileResult::kNotDebian;
}

bool is_changelog_name(const std::string& name) {
  return name == "changelog" || name == "changelog.gz" || name == "changelog.Debian" ||
         name.starts_with("changelog.Debian.");
}

/// Names in `folder`, sorted, because directory order differs from machine to machine.
std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    paths.push_back(it->path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// Changelogs of the package folders directly below `doc_root`. Packages of one source often share
/// a folder or a file by a link; each real file is listed once.
std::vector<fs::path> find_changelogs(const std::string& doc_root) {
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  std::error_code error;
  for (const fs::path& folder : sorted_entries(doc_root)) {
    const fs::path real_folder = fs::canonical(folder, error);
    if (error || !fs::is_directory(real_folder, error) || !seen.insert(real_folder).second) {
      continue;
    }
    for (const fs::path& file : sorted_entries(real_folder)) {
      if (!is_changelog_name(file.filename().string())) continue;
      const fs::path real_file = fs::canonical(file, error);
      if (error || !fs::is_regular_file(real_file, error)) continue;
      if (seen.insert(real_file).second) files.push_back(real_file);
    }
  }
  return files;
}

/// One person is one name: people change addresses over the years. Team names are people too.
std::string person_key(const ChangelogEntry& entry, const std::string& salt) {
  const std::string& identity = entry.name.empty() ? entry.mail : entry.name;
  std::string normal;
  for (const char c : identity) {
    if (c == ' ' || c == '\t') {
      if (!normal.empty() && normal.back() != ' ') normal += ' ';
    } else {
      normal += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
  }
  Sha256 hash;
  hash.update_int(static_cast<std::int64_t>(salt.size())).update(salt).update(normal);
  return hash.finish().hex().substr(0, 16);
}

/// Everything that was read below a folder: each (source, version) once.
struct Collected {
  std::map<std::pair<std::string, std::string>, ChangelogEntry> entries;
  std::int64_t unreadable = 0;
  std::int64_t too_large = 0;
  std::int64_t foreign = 0;  ///< changelog.Debian files that hold something else

  void add(ChangelogEntry entry) {
    auto key = std::make_pair(entry.source, entry.version);
    const auto [place, inserted] = entries.try_emplace(std::move(key), entry);
    // A sound copy in one package makes up for a damaged one in another.
    if (!inserted && place->second.fault != EntryFault::kNone && entry.fault == EntryFault::kNone) {
      place->second = std::move(entry);
    }
  }

  [[nodiscard]] std::string note() const {
    std::map<EntryFault, std::int64_t> faults;
    for (const auto& [key, entry] : entries) ++faults[entry.fault];
    std::string text;
    const auto say = [&text](std::int64_t count, std::string_view what) {
      if (count > 0) text += message(text.empty() ? "left out: " : ", ", count, " ", what);
    };
    say(unreadable, "unreadable files");
    say(too_large, "files over 64 MiB");
    say(foreign, "files that are no Debian changelog");
    say(faults[EntryFault::kNotUtf8], "entries that are not UTF-8");
    say(faults[EntryFault::kBadDate], "entries with a bad date");
    say(faults[EntryFault::kMalformed], "malformed entries");
    say(faults[EntryFault::kEmpty], "empty entries");
    return text;
  }
};

Collected collect(const std::string& doc_root) {
  Collected all;
  for (const fs::path& path : find_changelogs(doc_root)) {
    ChangelogParser parser;
    const FileResult result = parse_file(path, parser);
    // A damaged file is left out whole: what came before the damage passed no checksum.
    if (result == FileResult::kUnreadable) ++all.unreadable;
    if (result == FileResult::kTooLarge) ++all.too_large;
    // Upstream's own changelog.gz is rarely in Debian's format, and need not be.
    if (result == FileResult::kNotDebian && path.filename().string().starts_with("changelog.D")) {
      ++all.foreign;
    }
    if (result != FileResult::kOk) continue;
    for (ChangelogEntry& entry : parser.entries()) all.add(std::move(entry));
  }
  return all;
}

/// Sound entries by person, each person's by time, then source, then version.
std::vector<History> histories_of(Collected& all, const std::string& salt) {
  std::vector<ChangelogEntry*> sound;
  for (auto& [key, entry] : all.entries) {
    if (entry.fault == EntryFault::kNone) sound.push_back(&entry);
  }
  std::sort(sound.begin(), sound.end(), [](const ChangelogEntry* a, const ChangelogEntry* b) {
    return std::tie(a->utc_seconds, a->source, a->version) <
           std::tie(b->utc_seconds, b->source, b->version);
  });
  std::map<std::string, History> people;
  for (ChangelogEntry* entry : sound) {
    std::string key = person_key(*entry, salt);
    History& history = people[key];
    history.key = std::move(key);
    Example& example = history.entries.emplace_back();
    example.id = message(entry->source, "_", entry->version);
    example.date = iso_date(entry->utc_seconds);
    example.prompt = message("Changelog of ", entry->source, " (", entry->version, ") ",
                             entry->distributions, "; urgency=", entry->urgency, "\n");
    example.target = std::move(entry->text);
  }
  std::vector<History> histories;
  histories.reserve(people.size());
  for (auto& [key, history] : people) histories.push_back(std::move(history));
  return histories;
}

}  // namespace

DataSet read_changelogs(const std::string& doc_root, const BuildOptions& options) {
  check_options(options);
  Collected all = collect(doc_root);
  DataSet data;
  data.source = "changelogs";
  data.task = "PEMA_changelog";
  data.note = all.note();
  std::vector<History> histories = histories_of(all, options.salt);
  const std::size_t found = histories.size();
  const std::int64_t longest = longest_history(histories);
  data.people = split_people(std::move(histories), options);
  PEMA_CHECK(!data.people.empty(), kNotFound, doc_root, ": nobody has ", options.min_entries,
             " changelog entries here (", found, " people found, the longest history has ", longest,
             " entries", data.note.empty() ? "" : "; ", data.note,
             "); slim images leave documentation out: lower min_entries, point to another folder, "
             "or use the shipped verses (`--source verses`)");
  data.digest = dataset_digest(data);
  return data;
}

}  // namespace pema::data
