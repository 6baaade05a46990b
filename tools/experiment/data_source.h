/// Where people's texts come from, for every command that reads them.
#pragma once

#include <string>

#include "pema/data/dataset.h"

namespace pema::tools {

class Command;

struct DataOptions {
  std::string source = "auto";  ///< auto, changelogs, verses, or lamp
  std::string folder;           ///< of lamp
  std::string task;             ///< of lamp; empty: what the files say
  std::string doc_root = "/usr/share/doc";
  data::BuildOptions build;
};

/// Adds --source, --data, --task, --doc-root, --people, --entries, --min-entries, --salt to a
/// command. `options` must outlive the parsing.
void add_data_options(Command command, DataOptions& options);

/// Reads the source. "auto" takes the changelogs and, where documentation is absent, the shipped
/// verses, and says so in DataSet::note. Throws as the readers of pema/data/dataset.h; kNotFound
/// when fewer than eight people are left.
[[nodiscard]] data::DataSet open_data(const DataOptions& options);

/// data/verses.tsv of the source tree or of the installation. Throws kNotFound.
[[nodiscard]] std::string verses_path();

}  // namespace pema::tools
