#include <vector>

#include "pema/plm/language_model.h"
#include "src/plm/model_impl.h"
#include "src/plm/sample_builder.h"

namespace pema::plm {
namespace {

std::vector<const Document*> pointers(std::span<const Document> documents) {
  std::vector<const Document*> out;
  out.reserve(documents.size());
  for (const Document& document : documents) out.push_back(&document);
  return out;
}

class Keep : public RowSink {
 public:
  explicit Keep(SampleBuilder& builder) : builder_(builder) {}
  void row(std::int64_t document, std::int64_t row, std::span<const float> feature,
           std::span<const float> /*logits*/) override {
    builder_.add(document, row, feature);
  }
  void finished(std::int64_t /*documents*/) override {}

 private:
  SampleBuilder& builder_;
};

class Visit : public RowSink {
 public:
  explicit Visit(const LanguageModel::RowVisitor& visit) : visit_(visit) {}
  void row(std::int64_t document, std::int64_t row, std::span<const float> feature,
           std::span<const float> logits) override {
    visit_(document, row, feature, logits);
  }
  void finished(std::int64_t /*documents*/) override {}

 private:
  const LanguageModel::RowVisitor& visit_;
};

}  // namespace

SampleSet LanguageModel::features(std::span<const Document> documents,
                                  const FeatureOptions& options) {
  const auto all = pointers(documents);
  impl_->check(all);
  SampleBuilder builder(documents, impl_->gguf.info.hidden);
  Keep keep(builder);
  impl_->run(all, options, false, keep);
  return builder.finish();
}

void LanguageModel::visit_rows(std::span<const Document> documents, const FeatureOptions& options,
                               const RowVisitor& visit) {
  Visit sink(visit);
  impl_->run(pointers(documents), options, true, sink);
}

}  // namespace pema::plm
