#include "tools/experiment/data_source.h"

#include <filesystem>

#include "pema/error.h"
#include "tools/command_line.h"

namespace pema::tools {
namespace {

namespace fs = std::filesystem;

data::DataSet read(const DataOptions& options) {
  if (options.source == "lamp") {
    PEMA_CHECK(!options.folder.empty(), kInvalidArgument,
               "--source lamp needs --data DIR, a folder with LaMP's questions and outputs files");
    return data::read_lamp(options.folder, options.task);
  }
  if (options.source == "verses") return data::read_verses(verses_path(), options.build);
  if (options.source == "changelogs") return data::read_changelogs(options.doc_root, options.build);
  try {
    return data::read_changelogs(options.doc_root, options.build);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    data::DataSet verses = data::read_verses(verses_path(), options.build);
    verses.note = message("No changelogs to learn from below ", options.doc_root,
                          "; the shipped verses are used instead. ", verses.note);
    return verses;
  }
}

}  // namespace

void add_data_options(Command command, DataOptions& options) {
  command
      .option("--source", options.source,
              "auto (changelogs, else the shipped verses), changelogs, verses or lamp")
      .one_of({"auto", "changelogs", "verses", "lamp"});
  command.option("--data", options.folder, "Folder in LaMP's layout (implies --source lamp)");
  command.option("--task", options.task, "LaMP task, when the files do not say it");
  command.option("--doc-root", options.doc_root, "Where packages keep their changelogs");
  command.option("--people", options.build.people, "At most so many people, most entries first")
      .within(8, 1'000'000);
  command.option("--entries", options.build.entries, "The newest so many entries of each person")
      .within(3, 100'000);
  command
      .option("--min-entries", options.build.min_entries,
              "People with fewer are left out (default: the smaller of 30 and --entries)")
      .within(3, 100'000);
  command.option("--salt", options.build.salt,
                 "Salt of the hash that replaces names and addresses");
}

data::DataSet open_data(const DataOptions& options) {
  DataOptions wanted = options;
  if (!wanted.folder.empty() && wanted.source == "auto") wanted.source = "lamp";
  wanted.build.min_entries = std::min(wanted.build.min_entries, wanted.build.entries);
  data::DataSet data = read(wanted);
  if (wanted.source == "lamp" && wanted.build.people > 0 &&
      static_cast<std::int64_t>(data.people.size()) > wanted.build.people) {
    data.people.resize(static_cast<std::size_t>(wanted.build.people));
    data.digest = data::dataset_digest(data);
  }
  PEMA_CHECK(data.people.size() >= 8, kNotFound, "only ", data.people.size(),
             " people have enough texts, at least 8 are needed; use a smaller --min-entries");
  return data;
}

std::string verses_path() {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& path :
       {program / "../share/pema/verses.tsv", program / "../../share/pema/verses.tsv",
        fs::path(PEMA_VERSES_FILE)}) {
    if (fs::is_regular_file(path)) return path.string();
  }
  fail(ErrorCode::kNotFound, "the shipped verses are missing; ", PEMA_VERSES_FILE,
       " is where they should be: install pema again");
}

}  // namespace pema::tools
