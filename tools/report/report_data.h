/// The report's JSON as typed values. Nothing here throws on a missing or mistyped key.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace pema::tools::report {

using Json = nlohmann::ordered_json;  ///< keeps the order in which the demo wrote its keys
using Number = std::optional<double>;

/// Member `key` of an object; a null value where `object` is not an object or lacks the key.
[[nodiscard]] const Json& member(const Json& object, const char* key);

/// A finite number with |x| <= 1e15; nothing for anything else (absent, null, NaN, text).
[[nodiscard]] Number number(const Json& object, const char* key);

/// A string member, unescaped; "" for anything else.
[[nodiscard]] std::string text(const Json& object, const char* key);

/// A string or number member as it would be typed, unescaped ("123"); "" for anything else.
[[nodiscard]] std::string scalar(const Json& object, const char* key);

/// One way of producing the distribution, measured over all test tokens.
struct Method {
  std::string id;     ///< stable name, "masks"
  std::string label;  ///< for readers; never empty
  Number bytes;       ///< bytes per person, with the own segment where "own_memory" is true
  Number nll;         ///< mean negative log-likelihood per test token, nats
  Number gain;        ///< base NLL minus this NLL, nats
  Number gain_low;    ///< lower end of the 95 % bootstrap interval over people
  Number gain_high;   ///< upper end
};

/// The entries of "methods"; where there are none, those of "nll" without bytes and intervals. A
/// missing gain is taken from the base method's NLL. Entries without a finite NLL are left out.
[[nodiscard]] std::vector<Method> read_methods(const Json& report);

/// The method called `id`, or null.
[[nodiscard]] const Method* find_method(const std::vector<Method>& methods, const std::string& id);

/// One new person.
struct Person {
  std::string key;
  Number train_tokens;
  Number test_tokens;
  Number base_nll;       ///< nats, this person's test tokens
  Number masks_nll;      ///< shared pool and masks
  Number memory_nll;     ///< masks and memory
  std::string curve;     ///< lambda schedule, "constant"
  Number lambda_max;     ///< weight of the personal distribution
  Number lambda_own;     ///< weight of the person's own memory
  Number lambda_shared;  ///< weight of the shared memory
  /// Gain of the masks, nats; nothing where either NLL is missing.
  [[nodiscard]] Number masks_gain() const;
  /// Gain of masks and memory, nats; nothing where either NLL is missing.
  [[nodiscard]] Number memory_gain() const;
};

/// The entries of "people", largest masks gain first (memory gain where masks are missing);
/// entries with neither gain are left out.
[[nodiscard]] std::vector<Person> read_people(const Json& report);

/// NLL at one constant lambda.
struct LambdaPoint {
  double lambda = 0;
  double nll = 0;  ///< nats
};

/// The complete entries of "lambda_curve", by rising lambda.
[[nodiscard]] std::vector<LambdaPoint> read_lambda_curve(const Json& report);

}  // namespace pema::tools::report
