/// Texts as a segment: what `memory add` stores and `memory forget` looks for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pema/memory.h"
#include "pema/plm/feature_cache.h"
#include "tools/command_line.h"
#include "tools/context.h"
#include "tools/key_choice.h"

namespace pema::tools {

/// How texts are read; two commands that say the same get the same entries.
struct TextOptions {
  std::vector<std::string> files;  ///< - is standard input
  std::string context = "teacher_forced";
  std::string cache;
  std::int64_t document_tokens = 512;
};

/// Declares --context, --document-tokens and --cache.
void add_text_options(Command command, TextOptions& options);

/// Entries of one text.
struct TextPlace {
  std::string name;
  std::int64_t first = 0;  ///< in the segment
  std::int64_t entries = 0;
};

/// Thread-safety: one thread.
class TextSegment {
 public:
  /// Reads the texts and computes what is not cached. Throws kInvalidArgument (no UTF-8, fewer than
  /// two tokens), kNotFound, kIo, kInterrupted.
  TextSegment(Context& context, const TextOptions& options, FeatureSite site);

  /// Throws as Segment::make.
  [[nodiscard]] std::shared_ptr<const Segment> make(Context& context,
                                                    const KeyChoice& choice) const;
  [[nodiscard]] std::vector<TextPlace> places() const;
  [[nodiscard]] const plm::FeatureCache::Counts& counts() const noexcept { return counts_; }
  /// Takes the features out of the cache; the number of files.
  std::int64_t forget(Context& context);

 private:
  plm::FeatureOptions features_;
  plm::FeatureCache cache_;
  plm::FeatureCache::Counts counts_;
  std::vector<plm::FeatureRequest> requests_;
  std::vector<SampleSet> sets_;
};

}  // namespace pema::tools
