#include "tools/command_line.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <optional>

#include "pema/error.h"
#include "tools/context.h"

namespace pema::tools {
namespace {

/// CLI11's own range validators print their limits as %f: DBL_MAX has 309 digits.
/// `help` goes behind the option's type, `allowed` into the refusal.
CLI::Validator number_check(const std::string& help, const std::string& allowed,
                            std::function<bool(double)> accepts) {
  const auto check = [allowed, accepts = std::move(accepts)](const std::string& text) {
    double value = 0;
    const bool number = CLI::detail::lexical_cast(text, value) && !std::isnan(value);
    if (number && accepts(value)) return std::string();
    return message("'", text, "' is not a number ", allowed);
  };
  return {check, help, "number"};
}

template <typename Number>
CLI::Validator within_check(Number low, Number high) {
  return number_check(
      message(low, "-", high), message("from ", low, " to ", high), [low, high](double value) {
        return value >= static_cast<double>(low) && value <= static_cast<double>(high);
      });
}

}  // namespace

Argument Argument::required() const {
  option_->required();
  return *this;
}

Argument Argument::positive() const {
  option_->check(number_check(">0", "above 0", [](double value) { return value > 0; }));
  return *this;
}

Argument Argument::non_negative() const {
  option_->check(number_check(">=0", "of at least 0", [](double value) { return value >= 0; }));
  return *this;
}

Argument Argument::within(int low, int high) const {
  option_->check(within_check(low, high));
  return *this;
}

Argument Argument::within(double low, double high) const {
  option_->check(within_check(low, high));
  return *this;
}

Argument Argument::one_of(const std::vector<std::string>& values) const {
  option_->check(CLI::IsMember(values));
  return *this;
}

Argument Argument::needs(Argument other) const {
  option_->needs(other.option_);
  return *this;
}

Argument Argument::excludes(Argument other) const {
  option_->excludes(other.option_);
  return *this;
}

Argument Argument::split_at(char separator) const {
  option_->delimiter(separator);
  return *this;
}

Argument Argument::from_environment(const std::string& variable) const {
  option_->envname(variable);
  return *this;
}

Argument Argument::in_group(const std::string& title) const {
  option_->group(title);
  return *this;
}

Argument Argument::called(const std::string& type) const {
  option_->type_name(type);
  return *this;
}

Argument Argument::shows_default() const {
  option_->capture_default_str();
  return *this;
}

bool Argument::given() const { return option_->count() > 0; }

Command Command::add(const std::string& name, const std::string& text) const {
  return Command(app_->add_subcommand(name, text));
}

Command Command::add_group(const std::string& name, const std::string& text) const {
  CLI::App* group = app_->add_subcommand(name, text);
  group->require_subcommand(1);
  return Command(group);
}

Command Command::find(const std::string& name) const { return Command(app_->get_subcommand(name)); }

void Command::footer(const std::string& text) const { app_->footer(text); }

template <typename T>
Argument Command::option(const std::string& names, T& target, const std::string& text) const {
  return Argument(app_->add_option(names, target, text));
}

template Argument Command::option(const std::string&, std::string&, const std::string&) const;
template Argument Command::option(const std::string&, std::int64_t&, const std::string&) const;
template Argument Command::option(const std::string&, std::uint64_t&, const std::string&) const;
template Argument Command::option(const std::string&, double&, const std::string&) const;
template Argument Command::option(const std::string&, std::optional<std::string>&,
                                  const std::string&) const;
template Argument Command::option(const std::string&, std::optional<std::int64_t>&,
                                  const std::string&) const;
template Argument Command::option(const std::string&, std::optional<double>&,
                                  const std::string&) const;
template Argument Command::option(const std::string&, std::vector<std::string>&,
                                  const std::string&) const;
template Argument Command::option(const std::string&, std::vector<std::int64_t>&,
                                  const std::string&) const;

Argument Command::parsed_option(const std::string& names,
                                const std::function<void(const std::string&)>& take,
                                const std::string& text) const {
  return Argument(app_->add_option_function<std::string>(names, take, text));
}

Argument Command::flag(const std::string& names, bool& target, const std::string& text) const {
  return Argument(app_->add_flag(names, target, text));
}

void Command::runs(Context& context, std::function<int()> action) const {
  app_->callback([&context, action = std::move(action)] { context.action = action; });
}

void Command::takes_anything() const {
  app_->fallthrough(false);
  app_->prefix_command();
  app_->set_help_flag();
}

}  // namespace pema::tools
