/// The frame of a bench that prints one JSON document.
#pragma once

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace pema::bench {

/// Prints what `run` makes of the command line's words, or why it did not; the exit status.
template <typename Run>
int print_json_of(const char* name, int argc, char** argv, const Run& run) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    std::printf("%s\n", run(words).dump(1).c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return 1;
  }
}

}  // namespace pema::bench
