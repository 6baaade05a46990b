/// Files and histories made by hand for the tests of src/data.
#pragma once

#include <zlib.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include "src/data/people.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {

/// Writes `text` to `path` as it is.
inline void write_text(const std::string& path, std::string_view text) {
  write_bytes(path, bytes_of(text));
}

/// The whole of a text file.
[[nodiscard]] inline std::string read_text(const std::string& path) {
  const auto bytes = read_bytes(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Writes `text` to `path`, gzip-compressed.
inline void write_gz(const std::string& path, std::string_view text) {
  gzFile file = gzopen(path.c_str(), "wb");
  if (file == nullptr) throw std::runtime_error("cannot write " + path);
  const int written = gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  if (gzclose(file) != Z_OK || written != static_cast<int>(text.size())) {
    throw std::runtime_error("cannot write " + path);
  }
}

/// One changelog entry of `name`, on day `day` of January 2020.
[[nodiscard]] inline std::string entry(const std::string& source, int version,
                                       const std::string& name, int day) {
  const std::string number = std::to_string(version);
  return source + " (" + number + ") unstable; urgency=medium\n\n  * Change " + number + " of " +
         source + ".\n\n -- " + name + " <someone@example.org>  " + std::to_string(day) +
         " Jan 2020 10:00:00 +0000\n\n";
}

/// `count` entries, newest first as in real files, days 1 to count.
[[nodiscard]] inline std::string entries(const std::string& source, int count,
                                         const std::string& name) {
  std::string text;
  for (int i = count; i >= 1; --i) text += entry(source, i, name, i);
  return text;
}

/// A person's history of `count` examples with ids KEY-1 ... KEY-count.
[[nodiscard]] inline data::History history(const std::string& key, int count) {
  data::History result{key, {}};
  for (int i = 1; i <= count; ++i) {
    const std::string n = std::to_string(i);
    result.entries.push_back({key + "-" + n, "2020-01-01", "prompt " + n + "\n", "target " + n});
  }
  return result;
}

}  // namespace pema::test
