#include "tools/report/report_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

namespace pema::tools::report {
namespace {

/// Numbers beyond this have no place in a report and would overflow a chart's scale.
constexpr double kLargest = 1e15;

std::string default_label(const std::string& id) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kLabels = {{
      {"base", "base model"},
      {"own_adapter", "own adapter, no pool"},
      {"shared", "shared adapter only"},
      {"random_separate", "shared + masks over random adapters"},
      {"masks", "shared + masks"},
      {"shared_own_adapter", "shared + own adapter"},
      {"masks_memory", "shared + masks + memory"},
  }};
  for (const auto& [known, label] : kLabels) {
    if (known == id) return std::string(label);
  }
  return id.empty() ? "unnamed method" : id;
}

/// Bytes of one method; where it reads the person's own memory, with that segment.
Number bytes_of(const Json& report, const Json& method) {
  const Number own = number(method, "bytes_per_person");
  if (member(method, "own_memory") != true) return own;
  const Number segment = number(member(report, "bytes_per_profile"), "own_segment");
  return own && segment ? Number(*own + *segment) : std::nullopt;
}

Number difference(const Number& from, const Number& to) {
  return from && to ? Number(*from - *to) : std::nullopt;
}

}  // namespace

const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

Number number(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_number()) return std::nullopt;
  const auto plain = value.get<double>();
  return std::abs(plain) <= kLargest ? Number(plain) : std::nullopt;
}

std::string text(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string scalar(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (value.is_number_integer() || number(object, key)) return value.dump();
  return text(object, key);
}

std::vector<Method> read_methods(const Json& report) {
  std::vector<Method> methods;
  const auto add = [&](Method method) {
    if (method.label.empty()) method.label = default_label(method.id);
    if (method.nll) methods.push_back(std::move(method));
  };
  for (const Json& entry : member(report, "methods")) {
    add({text(entry, "id"), text(entry, "label"), bytes_of(report, entry), number(entry, "nll"),
         number(entry, "gain"), number(entry, "gain_low"), number(entry, "gain_high")});
  }
  const Json& nll = member(report, "nll");
  if (methods.empty() && nll.is_object()) {
    for (const auto& [id, value] : nll.items()) {
      add({id, "", std::nullopt, number(nll, id.c_str()), std::nullopt, std::nullopt,
           std::nullopt});
    }
  }
  const Method* base = find_method(methods, "base");
  const Number base_nll = base != nullptr ? base->nll : number(nll, "base");
  for (Method& method : methods) {
    if (!method.gain) method.gain = difference(base_nll, method.nll);
    const bool ordered = method.gain && method.gain_low && method.gain_high &&
                         *method.gain_low <= *method.gain && *method.gain <= *method.gain_high;
    if (!ordered) method.gain_low = method.gain_high = std::nullopt;
  }
  return methods;
}

const Method* find_method(const std::vector<Method>& methods, const std::string& id) {
  const auto found =
      std::find_if(methods.begin(), methods.end(), [&](const Method& m) { return m.id == id; });
  return found == methods.end() ? nullptr : &*found;
}

Number Person::masks_gain() const { return difference(base_nll, masks_nll); }
Number Person::memory_gain() const { return difference(base_nll, memory_nll); }

std::vector<Person> read_people(const Json& report) {
  std::vector<Person> people;
  for (const Json& entry : member(report, "people")) {
    const Json& nll = member(entry, "nll");
    const Json& schedule = member(entry, "schedule");
    Person person{text(entry, "key"),
                  number(entry, "train_tokens"),
                  number(entry, "test_tokens"),
                  number(nll, "base"),
                  number(nll, "masks"),
                  number(nll, "masks_memory"),
                  text(schedule, "curve"),
                  number(schedule, "lambda_max"),
                  number(schedule, "lambda_own"),
                  number(schedule, "lambda_shared")};
    if (person.masks_gain() || person.memory_gain()) people.push_back(std::move(person));
  }
  constexpr double kLast = -std::numeric_limits<double>::infinity();
  const auto order = [&](const Person& p) {
    return std::pair(p.masks_gain().value_or(kLast), p.memory_gain().value_or(kLast));
  };
  std::stable_sort(people.begin(), people.end(),
                   [&](const Person& a, const Person& b) { return order(a) > order(b); });
  return people;
}

std::vector<LambdaPoint> read_lambda_curve(const Json& report) {
  std::vector<LambdaPoint> points;
  for (const Json& entry : member(report, "lambda_curve")) {
    const Number lambda = number(entry, "lambda");
    const Number nll = number(entry, "nll");
    if (lambda && nll) points.push_back({*lambda, *nll});
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const LambdaPoint& a, const LambdaPoint& b) { return a.lambda < b.lambda; });
  return points;
}

}  // namespace pema::tools::report
