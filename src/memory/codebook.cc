#include "pema/codebook.h"

#include <algorithm>
#include <array>
#include <utility>

#include <cereal/types/array.hpp>

#include "kernels/product_codes.h"
#include "pema/error.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"

namespace pema {
namespace {

constexpr const char* kFix = "; restore the file from a backup or store the codebook again";

/// Metadata of a codebook. Section: centroids [d, 256] f32.
struct CodebookMeta {
  std::array<std::uint8_t, 32> model{};
  std::uint8_t site = 0;
  std::int64_t hidden = 0;
  std::int64_t parts = 0;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(model, site, hidden, parts);
  }
};

/// Parts of equal width may leave the last one empty (d 9 in 6 parts); such a split is refused.
bool in_range(const CodebookInfo& info) {
  return info.site <= FeatureSite::kPreNorm && info.hidden >= 1 &&
         info.hidden <= Segment::kMaxHidden && info.parts >= 1 &&
         info.parts <= Codebook::kMaxParts && (info.parts - 1) * info.width() < info.hidden;
}

/// Throws `code` when a number lies outside [-1, 1] or is NaN.
void check_values(std::span<const float> centroids, ErrorCode code, const std::string& name,
                  const char* fix) {
  for (std::size_t i = 0; i < centroids.size(); ++i) {
    if (centroids[i] >= -1.0F && centroids[i] <= 1.0F) continue;
    fail(code, name, ": number ", i, " of the centroids is ", centroids[i], ", outside [-1, 1]",
         fix);
  }
}

}  // namespace

Codebook::Codebook() = default;
Codebook::~Codebook() = default;

std::shared_ptr<const Codebook> Codebook::make(const CodebookInfo& info,
                                               std::span<const float> centroids) {
  PEMA_CHECK(in_range(info), kInvalidArgument, "a codebook of ", info.parts,
             " parts for keys of width ", info.hidden, " cannot be made; parts are in [1, ",
             kMaxParts, "], of equal width but the last, which may have less and not nothing");
  PEMA_CHECK(std::ssize(centroids) == info.hidden * kCentroids, kInvalidArgument, centroids.size(),
             " numbers are no centroids [", info.hidden, ", ", kCentroids, "]");
  check_values(centroids, ErrorCode::kInvalidArgument, "codebook",
               "; learn it from keys of unit length");
  const CodebookMeta meta{info.model.bytes, static_cast<std::uint8_t>(info.site), info.hidden,
                          info.parts};
  const std::span<const std::byte> sections[] = {std::as_bytes(centroids)};
  return from_bytes(
      core::build_object(core::ObjectKind::kCodebook, core::encode_metadata(meta), sections));
}

std::shared_ptr<const Codebook> Codebook::from_bytes(std::vector<std::byte> bytes) {
  const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return adopt(*owner, sha256(*owner), owner, "codebook in memory");
}

std::shared_ptr<const Codebook> Codebook::open(const std::string& path, const Digest& expected) {
  const std::shared_ptr<const core::MappedFile> file = core::open_checked(path, expected);
  return adopt(file->bytes(), expected, file, path);
}

std::shared_ptr<const Codebook> Codebook::adopt(std::span<const std::byte> bytes,
                                                const Digest& digest,
                                                std::shared_ptr<const void> owner,
                                                const std::string& name) {
  const core::ObjectParts parts = core::parse_object(bytes, core::ObjectKind::kCodebook, name);
  const auto meta = core::decode_metadata<CodebookMeta>(parts.meta, name);
  std::shared_ptr<Codebook> codebook(new Codebook);
  CodebookInfo& info = codebook->info_;
  info.model.bytes = meta.model;
  info.site = static_cast<FeatureSite>(meta.site);
  info.hidden = meta.hidden;
  info.parts = meta.parts;
  PEMA_CHECK(in_range(info), kCorrupt, name, ": ", meta.parts, " parts of keys of width ",
             meta.hidden, " are outside the limits", kFix);
  const std::int64_t size = info.hidden * kCentroids * static_cast<std::int64_t>(sizeof(float));
  PEMA_CHECK(parts.sections.size() == 1 && std::ssize(parts.sections[0]) == size, kCorrupt, name,
             ": has ", parts.sections.size(), " sections, or another length than ", size, " bytes",
             kFix);
  const auto* const centroids = reinterpret_cast<const float*>(parts.sections[0].data());
  check_values({centroids, static_cast<std::size_t>(info.hidden * kCentroids)}, ErrorCode::kCorrupt,
               name, kFix);
  codebook->space_ = std::make_unique<kernels::ProductSpace>(
      kernels::ProductSpace{info.hidden, info.parts, info.width(), centroids});
  codebook->digest_ = digest;
  codebook->bytes_ = bytes;
  codebook->owner_ = std::move(owner);
  return codebook;
}

std::vector<std::byte> Codebook::serialise() const { return {bytes_.begin(), bytes_.end()}; }

}  // namespace pema
