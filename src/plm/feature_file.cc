#include "src/plm/feature_file.h"

#include <array>
#include <cereal/types/array.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "pema/error.h"
#include "src/core/checked_math.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"

namespace pema::plm {
namespace {

constexpr std::uint32_t kVersion = 2;  // 1 had no cost
constexpr std::string_view kKeyTag = "pema features 1";
constexpr std::size_t kSections = 4;

struct FeatureMeta {
  std::uint32_t version = kVersion;
  std::array<std::uint8_t, 32> key{};
  std::array<std::uint8_t, 32> payload{};  ///< SHA-256 of the sections, one after the other
  std::int64_t rows = 0;
  std::int64_t hidden = 0;
  std::int64_t documents = 0;
  std::int64_t tokens = 0;
  double seconds = 0;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(version, key, payload, rows, hidden, documents, tokens, seconds);
  }
};

void add_tokens(Sha256& hash, const std::vector<std::int32_t>& tokens) {
  hash.update_int(std::ssize(tokens)).update(std::as_bytes(std::span(tokens)));
}

template <typename T>
std::vector<T> copy_section(std::span<const std::byte> section) {
  std::vector<T> out(section.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), section.data(), section.size());
  return out;
}

void check_sizes(const FeatureMeta& meta, const std::vector<std::span<const std::byte>>& sections,
                 const std::string& name) {
  const auto expect = [&](std::size_t section, std::int64_t count, std::int64_t each) {
    const std::int64_t bytes = core::checked_multiply(count, each, name.c_str());
    PEMA_CHECK(std::ssize(sections[section]) == bytes, kCorrupt, name, ": section ", section,
               " has ", sections[section].size(), " bytes instead of ", bytes);
  };
  PEMA_CHECK(sections.size() == kSections, kCorrupt, name, ": has ", sections.size(),
             " sections instead of ", kSections);
  expect(0, core::checked_multiply(meta.rows, meta.hidden, name.c_str()), sizeof(float));
  expect(1, meta.rows, sizeof(std::int32_t));
  expect(2, core::checked_add(meta.documents, 1, name.c_str()), sizeof(std::int64_t));
  expect(3, meta.documents, sizeof(std::int64_t));
}

}  // namespace

FeatureKey feature_key(const ModelInfo& model, const FeatureOptions& options,
                       std::span<const Document> documents) {
  Sha256 hash;
  hash.update_int(std::ssize(kKeyTag)).update(kKeyTag);
  hash.update(std::as_bytes(std::span(model.fingerprint.bytes)));
  hash.update_int(static_cast<std::int64_t>(options.site));
  hash.update_int(static_cast<std::int64_t>(options.context));
  hash.update_int(std::ssize(documents));
  for (const Document& document : documents) {
    add_tokens(hash, document.prompt);
    add_tokens(hash, document.target);
  }
  return {model.fingerprint, options.site, options.context, model.hidden, hash.finish()};
}

std::vector<std::byte> encode_features(const FeatureKey& key, const Samples& samples,
                                       const FeatureCost& cost) {
  PEMA_ASSERT(samples.features.stride == samples.features.cols || samples.rows() <= 1);
  const std::array<std::span<const std::byte>, kSections> sections = {
      std::as_bytes(std::span(samples.features.data,
                              static_cast<std::size_t>(samples.rows() * samples.features.cols))),
      std::as_bytes(samples.targets), std::as_bytes(samples.document_start),
      std::as_bytes(samples.prompt_length)};
  FeatureMeta meta;
  meta.key = key.digest.bytes;
  meta.payload = core::payload_digest(sections).bytes;
  meta.rows = samples.rows();
  meta.hidden = key.hidden;
  meta.documents = samples.documents();
  meta.tokens = cost.tokens;
  meta.seconds = cost.seconds;
  return core::build_object(core::ObjectKind::kFeatures, core::encode_metadata(meta), sections);
}

CachedFeatures decode_features(std::span<const std::byte> bytes, const FeatureKey& key,
                               const std::string& name) {
  const auto parts = core::parse_object(bytes, core::ObjectKind::kFeatures, name);
  const auto meta = core::decode_metadata<FeatureMeta>(parts.meta, name);
  PEMA_CHECK(meta.version == kVersion, kUnsupported, name, ": feature version ", meta.version,
             "; this build reads ", kVersion);
  PEMA_CHECK(meta.key == key.digest.bytes && meta.hidden == key.hidden, kCorrupt, name,
             ": belongs to other documents or another model");
  check_sizes(meta, parts.sections, name);
  PEMA_CHECK(meta.tokens >= 0 && std::isfinite(meta.seconds) && meta.seconds >= 0, kCorrupt, name,
             ": claims that its features took ", meta.tokens, " tokens and ", meta.seconds, " s");
  PEMA_CHECK(core::payload_digest(parts.sections).bytes == meta.payload, kCorrupt, name,
             ": its features do not have the digest that its header promises");
  Matrix<float> features(meta.rows, meta.hidden);
  if (!parts.sections[0].empty()) {
    std::memcpy(features.data(), parts.sections[0].data(), parts.sections[0].size());
  }
  try {
    return {{std::move(features), copy_section<std::int32_t>(parts.sections[1]),
             copy_section<std::int64_t>(parts.sections[2]),
             copy_section<std::int64_t>(parts.sections[3])},
            {meta.tokens, meta.seconds}};
  } catch (const Error& error) {
    fail(ErrorCode::kCorrupt, name, ": ", error.what());
  }
}

std::optional<CachedFeatures> load_features(const std::string& path, const FeatureKey& key) {
  try {
    return decode_features(core::MappedFile::open(path)->bytes(), key, path);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kIo) throw;
    return std::nullopt;
  }
}

}  // namespace pema::plm
