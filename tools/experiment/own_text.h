/// A person's plain texts as a history to enrol from.
#pragma once

#include <string>
#include <vector>

#include "pema/data/dataset.h"

namespace pema::tools {

/// Paragraphs (separated by blank lines) in order, oldest first: each is a target after a newline
/// as prompt. The last 15 % are the dev part when there are at least 4; nothing is kept for
/// testing. Throws kInvalidArgument when no paragraph has a visible character ("an empty history"),
/// or on invalid UTF-8 (file and byte offset); as read_text.
[[nodiscard]] data::Person read_own_texts(const std::vector<std::string>& files);

/// The person of `data` with that key, or the only one when `key` is empty. With `everything`, test
/// items join the train and dev parts' history (for real use, where nothing is held back for a
/// test). Throws kNotFound, naming some keys; kInvalidArgument when a choice is needed.
[[nodiscard]] data::Person choose_person(const data::DataSet& data, const std::string& key,
                                         bool everything);

}  // namespace pema::tools
