#include "pema/error.h"
#include "pema/plm/language_model.h"

namespace pema::plm {

std::string_view to_string(FeatureContext context) noexcept {
  return context == FeatureContext::kOwnGreedy ? "own_greedy" : "teacher_forced";
}

FeatureContext parse_feature_context(std::string_view text) {
  for (const auto context : {FeatureContext::kTeacherForced, FeatureContext::kOwnGreedy}) {
    if (text == to_string(context)) return context;
  }
  fail(ErrorCode::kInvalidArgument, "\"", text,
       "\" is no feature context; use teacher_forced or own_greedy");
}

}  // namespace pema::plm
