/// Runs a built program as a user would: arguments, environment, standard input, and what came out.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace pema::test {

/// How to run. Unset fields are as for an ordinary caller whose output is not a terminal.
struct RunOptions {
  std::string input{};                     ///< on standard input
  bool input_is_terminal = false;          ///< `input` is typed on a terminal
  std::vector<std::string> environment{};  ///< "NAME=value", on top of a bare one
  long file_size_limit = -1;               ///< RLIMIT_FSIZE in bytes; -1: none
  bool close_output = false;               ///< start with descriptor 1 closed
  bool obey_permissions = false;           ///< file modes bind the program even when root runs it
  /// Sends SIGINT as soon as standard error holds this text; empty: never.
  std::string interrupt_after{};
  bool interrupt_after_output = false;  ///< the same, as soon as standard output holds anything
};

struct Outcome {
  int status = -1;  ///< exit status; 128 + number for a signal
  std::string out;
  std::string err;

  /// The output as JSON; fails the test when it is none.
  [[nodiscard]] nlohmann::json json() const;
};

/// Starts `program` with `arguments` and waits. Throws std::runtime_error when the system refuses.
[[nodiscard]] Outcome run_program(const std::string& program,
                                  const std::vector<std::string>& arguments,
                                  const RunOptions& options = {});

/// Several at once, started before the first is waited for.
[[nodiscard]] std::vector<Outcome> run_together(
    const std::string& program, const std::vector<std::vector<std::string>>& arguments,
    const RunOptions& options = {});

}  // namespace pema::test
