/// How a command declares its name, its help and its arguments. CLI11 reads the command line; only
/// command_line.cc and program.cc see its headers, which cost seconds in every source.
/// Thread-safety: one thread. The handles are copied freely and are valid as long as the program's
/// command line is parsed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pema::tools {

class Context;

/// One declared option, flag or positional argument. What is refused ends the program with status 2
/// and one line that names the argument, the value and what is allowed.
class Argument {
 public:
  explicit Argument(CLI::Option* option) : option_(option) {}

  Argument required() const;
  Argument positive() const;                       ///< a number above 0
  Argument non_negative() const;                   ///< a number of at least 0
  Argument within(int low, int high) const;        ///< both ends included
  Argument within(double low, double high) const;  ///< both ends included
  Argument one_of(const std::vector<std::string>& values) const;
  Argument needs(Argument other) const;
  Argument excludes(Argument other) const;
  Argument split_at(char separator) const;  ///< "1,2" is two values
  Argument from_environment(const std::string& variable) const;
  Argument in_group(const std::string& title) const;  ///< heading in the help
  Argument called(const std::string& type) const;     ///< what the help calls its value
  Argument shows_default() const;                     ///< in the help
  [[nodiscard]] bool given() const;                   ///< after parsing: was it on the command line

 private:
  CLI::Option* option_;
};

/// One command, or a group of them.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  /// A command of this group.
  [[nodiscard]] Command add(const std::string& name, const std::string& text) const;
  /// A command that needs one of its own commands.
  [[nodiscard]] Command add_group(const std::string& name, const std::string& text) const;
  /// A command added before. Throws CLI::OptionNotFound when there is none.
  [[nodiscard]] Command find(const std::string& name) const;
  void footer(const std::string& text) const;

  /// `names`: "--long,-s", or "NAME" for a positional. `target` keeps its value when the argument
  /// is not given. T: std::string, std::int64_t, std::uint64_t, double, std::optional of a string,
  /// an std::int64_t or a double, std::vector of strings or of std::int64_t.
  template <typename T>
  Argument option(const std::string& names, T& target, const std::string& text) const;
  /// The value goes through `take`, which may throw pema::Error.
  Argument parsed_option(const std::string& names,
                         const std::function<void(const std::string&)>& take,
                         const std::string& text) const;
  /// "--with,!--without" gives the flag a name that clears it.
  Argument flag(const std::string& names, bool& target, const std::string& text) const;

  /// What the program does when this command is chosen; run after the whole line is read. Returns
  /// the exit status.
  void runs(Context& context, std::function<int()> action) const;
  /// Everything behind the command's name, --help included, is left for another program.
  void takes_anything() const;

 private:
  CLI::App* app_;
};

}  // namespace pema::tools
