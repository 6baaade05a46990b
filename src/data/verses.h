/// The strict reader of verse pairs.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include "src/data/people.h"

namespace pema::data {

/// Lines "BOOK \t CHAPTER:VERSE \t MODERN \t OLDER"; lines that start with "#" are comments. A
/// book's verses are together and rise; one history per book, in file order. `name` is used in
/// messages. Throws kCorrupt, naming the line, what is wrong there and the fix, for anything else
/// (UTF-8, empty columns, doubled verses, lines over 64 KiB). Thread-safety: reentrant.
[[nodiscard]] std::vector<History> parse_verses(std::istream& in, const std::string& name);

}  // namespace pema::data
