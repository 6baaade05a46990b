#include "pema/plm/feature_cache.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>

#include "pema/error.h"
#include "src/core/atomic_file.h"
#include "src/plm/feature_file.h"
#include "src/plm/model_impl.h"
#include "src/plm/sample_builder.h"

namespace pema::plm {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A request that no file answered.
struct Missing {
  const FeatureRequest* request = nullptr;
  FeatureKey key;
  std::string path;
  std::vector<std::size_t> places;  ///< in the answer; several when requests are equal
  std::int64_t end = 0;             ///< number of its last document + 1, over all missing requests
  FeatureCost cost{};               ///< so far
};

/// Cuts one run over the documents of all missing requests into sample sets, and writes each as
/// soon as its last row is there.
class RequestSink : public RowSink {
 public:
  RequestSink(std::span<const Document* const> documents, std::vector<Missing>& missing,
              std::vector<SampleSet>& answer)
      : documents_(documents), missing_(missing), answer_(answer) {}

  void row(std::int64_t document, std::int64_t row, std::span<const float> feature,
           std::span<const float> /*logits*/) override {
    const std::size_t at = request_of(document);
    builder(at).add(document - begin(at), row, feature);
  }

  void finished(std::int64_t documents) override {
    share_cost(documents, seconds_since(since_));
    while (current_ < missing_.size() && missing_[current_].end <= documents) write();
    since_ = Clock::now();
  }

  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  [[nodiscard]] std::int64_t begin(std::size_t at) const {
    return at == 0 ? 0 : missing_[at - 1].end;
  }

  [[nodiscard]] std::size_t request_of(std::int64_t document) const {
    std::size_t at = current_;
    while (document >= missing_[at].end) ++at;
    return at;
  }

  /// Documents of several requests are decoded together; time goes to each by its tokens.
  void share_cost(std::int64_t documents, double seconds) {
    std::int64_t total = 0;
    for (std::int64_t i = shared_; i < documents; ++i) total += tokens_of(i);
    for (std::int64_t i = shared_; i < documents; ++i) {
      FeatureCost& cost = missing_[request_of(i)].cost;
      cost.tokens += tokens_of(i);
      if (total > 0) {
        cost.seconds += seconds * static_cast<double>(tokens_of(i)) / static_cast<double>(total);
      }
    }
    if (total > 0) seconds_ += seconds;
    shared_ = documents;
  }

  [[nodiscard]] std::int64_t tokens_of(std::int64_t document) const {
    return tokens_to_decode(*documents_[static_cast<std::size_t>(document)]);
  }

  SampleBuilder& builder(std::size_t at) {
    const Missing& missing = missing_[at];
    return builders_.try_emplace(at, missing.request->documents, missing.key.hidden).first->second;
  }

  void write() {
    const Missing& missing = missing_[current_];
    SampleSet set = builder(current_).finish();
    builders_.erase(current_);
    core::write_file_atomically(missing.path,
                                encode_features(missing.key, set.view(), missing.cost));
    rows_ += set.rows();
    for (const std::size_t place : missing.places) answer_[place] = set;
    ++current_;
  }

  std::span<const Document* const> documents_;
  std::vector<Missing>& missing_;
  std::vector<SampleSet>& answer_;
  std::map<std::size_t, SampleBuilder> builders_;
  std::size_t current_ = 0;  ///< first request that is not written
  std::int64_t shared_ = 0;  ///< documents whose cost is shared out
  std::int64_t rows_ = 0;
  double seconds_ = 0;  ///< decoding, writing left out
  Clock::time_point since_ = Clock::now();
};

std::vector<const Document*> documents_of(const FeatureRequest& request) {
  std::vector<const Document*> out;
  for (const Document& document : request.documents) out.push_back(&document);
  return out;
}

}  // namespace

FeatureCache::FeatureCache(std::string folder) : folder_(std::move(folder)) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  PEMA_CHECK(!error && std::filesystem::is_directory(folder_, error), kIo, folder_,
             ": cannot make this folder for cached features (",
             error ? error.message() : "there is a file of that name",
             "); give another folder or correct its rights");
}

std::vector<SampleSet> FeatureCache::get(LanguageModel& model,
                                         const std::vector<FeatureRequest>& requests,
                                         const FeatureOptions& options, Counts* counts) {
  Counts sum;
  std::vector<SampleSet> answer(requests.size());
  std::vector<Missing> missing;
  std::map<Digest, std::size_t> known;
  std::vector<const Document*> documents;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const FeatureRequest& request = requests[i];
    const FeatureKey key = feature_key(model.info(), options, request.documents);
    if (const auto place = known.find(key.digest); place != known.end()) {
      missing[place->second].places.push_back(i);
      continue;
    }
    const std::string path = path_of(key);
    if (auto found = load_features(path, key)) {
      answer[i] = std::move(found->samples);
      sum.cached_rows += answer[i].rows();
      sum.cached_tokens += found->cost.tokens;
      sum.cached_seconds += found->cost.seconds;
      continue;
    }
    const auto own = documents_of(request);
    try {
      model.impl_->check(own);
    } catch (const Error& error) {
      fail(error.code(), request.name, ": ", error.what());
    }
    documents.insert(documents.end(), own.begin(), own.end());
    known.emplace(key.digest, missing.size());
    missing.push_back({&request, key, path, {i}, std::ssize(documents)});
  }
  if (!missing.empty()) {
    RequestSink sink(documents, missing, answer);
    sum.computed_tokens = model.impl_->run(documents, options, false, sink);
    sink.finished(std::ssize(documents));
    sum.seconds = sink.seconds();
    sum.computed_rows = sink.rows();
  }
  if (counts != nullptr) *counts = sum;
  return answer;
}

std::int64_t FeatureCache::forget(const ModelInfo& model,
                                  const std::vector<FeatureRequest>& requests,
                                  const FeatureOptions& options) {
  std::int64_t files = 0;
  for (const FeatureRequest& request : requests) {
    const std::string path = path_of(feature_key(model, options, request.documents));
    std::error_code error;
    files += std::filesystem::remove(path, error) ? 1 : 0;
    PEMA_CHECK(!error, kIo, path, ": cannot be deleted (", error.message(),
               "); correct the folder's rights");
  }
  return files;
}

std::string FeatureCache::path_of(const FeatureKey& key) const {
  return folder_ + "/" + key.digest.hex() + ".features";
}

}  // namespace pema::plm
