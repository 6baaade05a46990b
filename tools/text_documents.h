/// Long texts as documents that a base model can take features from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pema/plm/feature_cache.h"
#include "pema/plm/language_model.h"

namespace pema::tools {

/// Splits `tokens` into documents of at most `document_tokens` each, prompt included. The prompt of
/// a document is one token, the one before its first target, so that every token of the text except
/// the very first is a target once. Fewer than two tokens give none. Throws kInvalidArgument when
/// document_tokens < 2.
[[nodiscard]] std::vector<plm::Document> split_documents(const std::vector<std::int32_t>& tokens,
                                                         std::int64_t document_tokens);

/// The documents in groups of at most `group` for the feature cache: an interrupt costs at most one
/// group. `name` is used in messages.
[[nodiscard]] std::vector<plm::FeatureRequest> group_documents(std::vector<plm::Document> documents,
                                                               const std::string& name,
                                                               std::int64_t group);

}  // namespace pema::tools
