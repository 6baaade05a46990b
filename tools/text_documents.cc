#include "tools/text_documents.h"

#include <algorithm>
#include <utility>

namespace pema::tools {

std::vector<plm::Document> split_documents(const std::vector<std::int32_t>& tokens,
                                           std::int64_t document_tokens) {
  PEMA_CHECK(document_tokens >= 2, kInvalidArgument, "a document needs at least 2 tokens, not ",
             document_tokens);
  std::vector<plm::Document> documents;
  const auto count = static_cast<std::int64_t>(tokens.size());
  for (std::int64_t first = 1; first < count; first += document_tokens - 1) {
    const std::int64_t last = std::min(first + document_tokens - 1, count);
    plm::Document document;
    document.prompt.assign(1, tokens[static_cast<std::size_t>(first - 1)]);
    document.target.assign(tokens.begin() + first, tokens.begin() + last);
    documents.push_back(std::move(document));
  }
  return documents;
}

std::vector<plm::FeatureRequest> group_documents(std::vector<plm::Document> documents,
                                                 const std::string& name, std::int64_t group) {
  std::vector<plm::FeatureRequest> requests;
  for (plm::Document& document : documents) {
    if (requests.empty() || static_cast<std::int64_t>(requests.back().documents.size()) >= group) {
      requests.push_back({name, {}});
    }
    requests.back().documents.push_back(std::move(document));
  }
  return requests;
}

}  // namespace pema::tools
