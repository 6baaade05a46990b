/// A small world for black-box tests: two tiny base models, a store with a pool and profiles, made
/// through the library; the program only ever sees files.
#pragma once

#include <string>
#include <vector>

#include "pema/store.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/run_program.h"

namespace pema::test {

/// Thread-safety: one thread.
class World {
 public:
  World();

  /// Runs `pema` on the world's store and model, unless the arguments name others.
  [[nodiscard]] Outcome pema(const std::vector<std::string>& arguments,
                             RunOptions options = {}) const;
  /// The options that `pema` is run with.
  [[nodiscard]] RunOptions with_environment(RunOptions options) const;
  /// `generate --json` without what depends on the clock.
  [[nodiscard]] nlohmann::json generate(const std::vector<std::string>& arguments,
                                        const RunOptions& options = {}) const;

  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] std::string store() const { return file("store"); }
  [[nodiscard]] std::string model() const { return file("model.gguf"); }
  [[nodiscard]] std::string other_model() const { return file("other.gguf"); }
  /// Writes a text file and returns its path.
  [[nodiscard]] std::string write(const std::string& name, const std::string& text) const;
  /// Path of an object file of the pool "tiny".
  [[nodiscard]] std::string pool_object() const;

 private:
  void fill_store() const;
  TemporaryFolder folder_;
};

/// Flips one bit of the byte at `offset` (from the end when negative) of a file.
void flip_byte(const std::string& path, std::int64_t offset);

}  // namespace pema::test
