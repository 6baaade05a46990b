/// The parameters of a statement as libpq takes them.
#pragma once

#include <vector>

#include "profiles/postgres/statement.h"

namespace pema::profiles::postgres {

/// Points into a statement's parameters: for use before they are bound anew.
struct Arguments {
  std::vector<unsigned int> types;
  std::vector<const char*> values;  ///< null for NULL
  std::vector<int> lengths;
  std::vector<int> formats;  ///< 1, binary, all of them

  explicit Arguments(const Statement& statement) {
    const auto parameters = statement.parameters();
    types.reserve(parameters.size());
    values.reserve(parameters.size());
    lengths.reserve(parameters.size());
    formats.assign(parameters.size(), 1);
    for (const Parameter& parameter : parameters) {
      types.push_back(static_cast<unsigned int>(parameter.type));
      values.push_back(parameter.null ? nullptr : parameter.bytes.data());
      lengths.push_back(static_cast<int>(parameter.bytes.size()));
    }
  }
  [[nodiscard]] int count() const noexcept { return static_cast<int>(types.size()); }
};

}  // namespace pema::profiles::postgres
