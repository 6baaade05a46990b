/// Strings as JSON, for the writers.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "pema/error.h"

namespace pema::data {

/// Appends `text` as a quoted JSON string. Throws kInvalidArgument, starting with `where`, unless
/// it is UTF-8. Thread-safety: reentrant.
inline void append_json(std::string& out, const std::string& text, const std::string& where) {
  try {
    out += nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    fail(ErrorCode::kInvalidArgument, where, ": a text is not UTF-8; convert it first");
  }
}

}  // namespace pema::data
