/// What the writer and the reader of our own LaMP folders agree on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pema/data/lamp.h"
#include "pema/digest.h"

namespace pema::data {

inline constexpr std::string_view kParts[] = {"train", "dev", "test"};
inline constexpr std::string_view kPromptField = "title";  ///< of our profile items
inline constexpr std::string_view kTargetField = "text";   ///< of our profile items

/// `dataset.json` beside our files: says that they are ours, and what they must add up to.
struct Manifest {
  std::string source;
  std::string task;
  std::string note;
  Digest digest;
  std::vector<std::string> people;  ///< keys, in the data set's order
};

/// FOLDER/PART_KIND.json.
[[nodiscard]] std::string lamp_path(const std::string& folder, std::string_view part,
                                    std::string_view kind);
/// FOLDER/dataset.json.
[[nodiscard]] std::string manifest_path(const std::string& folder);
/// Throws kIo, kDiskFull.
void write_manifest(const Manifest& manifest, const std::string& folder);
/// Nothing when the folder has none. Throws kCorrupt, naming the file and the fix.
[[nodiscard]] std::optional<Manifest> read_manifest(const std::string& folder);

/// Whose question it is. The user split names no users: questions with the same set of history
/// items are one person's; a question without history is a person of its own.
[[nodiscard]] std::string user_key(const Question& question);

}  // namespace pema::data
