#include "pema/codebook.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include <cereal/types/array.hpp>

#include "kernels/product_codes.h"
#include "pema/error.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"

namespace pema {
namespace {

constexpr const char* kFix = "; restore the file from a backup or store the codebook again";

/// Metadata of a codebook. Sections, all f32: centroids [d, 256]; of kTurnedCodebook also rotation
/// [d, d] and errors [256], one of which may be empty.
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

std::int64_t width_of(std::int64_t hidden, std::int64_t parts) {
  return (hidden + parts - 1) / parts;
}

/// Of a codebook with errors or without. Parts of equal width may leave the last one empty (d 9 in
/// 6 parts); such a split is refused.
bool in_range(const CodebookInfo& info, bool errors) {
  if (info.site > FeatureSite::kPreNorm || info.hidden < 1 || info.hidden > Segment::kMaxHidden ||
      info.parts < (errors ? 2 : 1) || info.parts > Codebook::kMaxParts) {
    return false;
  }
  const std::int64_t parts = info.parts - (errors ? 1 : 0);
  return (parts - 1) * width_of(info.hidden, parts) < info.hidden;
}

/// How what is wrong with numbers is said.
struct Complaint {
  ErrorCode code;
  const std::string& name;
  const char* fix;
};

/// Throws when a number lies outside [low, high] or is NaN.
void check_values(std::span<const float> values, float low, float high, const char* what,
                  const Complaint& complaint) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= low && values[i] <= high) continue;
    fail(complaint.code, complaint.name, ": number ", i, " of the ", what, " is ", values[i],
         ", outside [", low, ", ", high, "]", complaint.fix);
  }
}

void check_lengths(std::span<const float> rotation, std::int64_t d, const Complaint& complaint) {
  const auto n = static_cast<std::size_t>(d);
  std::vector<double> rows(n);
  std::vector<double> columns(n);
  for (std::size_t i = 0; i < rotation.size(); ++i) {
    const double square = static_cast<double>(rotation[i]) * static_cast<double>(rotation[i]);
    rows[i / n] += square;
    columns[i % n] += square;
  }
  for (std::size_t i = 0; i < 2 * n && !rotation.empty(); ++i) {
    const double square = i < n ? rows[i] : columns[i - n];
    if (std::abs(square - 1) <= 2e-3) continue;
    fail(complaint.code, complaint.name, ": ", i < n ? "row " : "column ", i % n,
         " of the rotation has the squared length ", square, ", not 1", complaint.fix);
  }
}

void check_numbers(const CodebookInfo& info, const CodebookNumbers& numbers,
                   const Complaint& complaint) {
  check_values(numbers.centroids, -1, 1, "centroids", complaint);
  check_values(numbers.rotation, -1, 1, "rotation", complaint);
  check_lengths(numbers.rotation, info.hidden, complaint);
  check_values(numbers.errors, 0, 4, "errors", complaint);
  if (!std::is_sorted(numbers.errors.begin(), numbers.errors.end())) {
    fail(complaint.code, complaint.name, ": the errors do not rise", complaint.fix);
  }
}

/// Sizes as `info` asks for them.
bool sizes_fit(const CodebookInfo& info, const CodebookNumbers& numbers) {
  const std::int64_t d = info.hidden;
  const std::int64_t rotation = std::ssize(numbers.rotation);
  return std::ssize(numbers.centroids) == d * Codebook::kCentroids &&
         (rotation == 0 || (d <= Codebook::kWidestRotation && rotation == d * d)) &&
         (numbers.errors.empty() || std::ssize(numbers.errors) == Codebook::kCentroids);
}

std::span<const float> floats(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

const float* data_or_null(std::span<const float> values) {
  return values.empty() ? nullptr : values.data();
}

}  // namespace

Codebook::Codebook() = default;
Codebook::~Codebook() = default;

std::shared_ptr<const Codebook> Codebook::make(const CodebookInfo& info,
                                               const CodebookNumbers& numbers) {
  const bool errors = !numbers.errors.empty();
  PEMA_CHECK(in_range(info, errors), kInvalidArgument, "a codebook of ", info.parts, " bytes a key",
             errors ? ", one of them for its error," : "", " for keys of width ", info.hidden,
             " cannot be made; bytes are in [1, ", kMaxParts,
             "], parts of equal width but the last, which may have less and not nothing");
  PEMA_CHECK(sizes_fit(info, numbers), kInvalidArgument, numbers.centroids.size(), " centroids, ",
             numbers.rotation.size(), " numbers of a rotation and ", numbers.errors.size(),
             " errors are no codebook of width ", info.hidden, "; they must be [", info.hidden,
             ", ", kCentroids, "], [", info.hidden, ", ", info.hidden, "] up to ", kWidestRotation,
             " or none, ", kCentroids, " or none");
  check_numbers(info, numbers,
                {ErrorCode::kInvalidArgument, "codebook", "; learn it from keys of unit length"});
  const CodebookMeta meta{info.model.bytes, static_cast<std::uint8_t>(info.site), info.hidden,
                          info.parts};
  const std::span<const std::byte> sections[] = {std::as_bytes(numbers.centroids),
                                                 std::as_bytes(numbers.rotation),
                                                 std::as_bytes(numbers.errors)};
  const bool plain = numbers.rotation.empty() && !errors;
  return from_bytes(
      core::build_object(plain ? core::ObjectKind::kCodebook : core::ObjectKind::kTurnedCodebook,
                         core::encode_metadata(meta), std::span(sections).first(plain ? 1 : 3)));
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
  const bool turned = core::claims_kind(bytes, core::ObjectKind::kTurnedCodebook);
  const core::ObjectParts parts = core::parse_object(
      bytes, turned ? core::ObjectKind::kTurnedCodebook : core::ObjectKind::kCodebook, name);
  const auto meta = core::decode_metadata<CodebookMeta>(parts.meta, name);
  std::shared_ptr<Codebook> codebook(new Codebook);
  CodebookInfo& info = codebook->info_;
  info.model.bytes = meta.model;
  info.site = static_cast<FeatureSite>(meta.site);
  info.hidden = meta.hidden;
  info.parts = meta.parts;
  const auto& sections = parts.sections;
  PEMA_CHECK(sections.size() == (turned ? 3 : 1) &&
                 std::all_of(sections.begin(), sections.end(),
                             [](const auto& s) { return s.size() % sizeof(float) == 0; }),
             kCorrupt, name, ": has ", sections.size(), " sections, or some of no numbers", kFix);
  CodebookNumbers numbers{floats(sections[0])};
  if (turned) {
    numbers.rotation = floats(sections[1]);
    numbers.errors = floats(sections[2]);
  }
  const bool errors = !numbers.errors.empty();
  PEMA_CHECK(!turned || errors || !numbers.rotation.empty(), kCorrupt, name,
             ": has neither a rotation nor errors, and is another kind without", kFix);
  PEMA_CHECK(in_range(info, errors), kCorrupt, name, ": ", meta.parts, " bytes for keys of width ",
             meta.hidden, " are outside the limits", kFix);
  PEMA_CHECK(sizes_fit(info, numbers), kCorrupt, name, ": ", numbers.centroids.size(),
             " centroids, ", numbers.rotation.size(), " numbers of a rotation or ",
             numbers.errors.size(), " errors do not fit the width ", info.hidden, kFix);
  check_numbers(info, numbers, {ErrorCode::kCorrupt, name, kFix});
  const std::int64_t vectors = info.parts - (errors ? 1 : 0);
  codebook->space_ = std::make_unique<kernels::ProductSpace>(kernels::ProductSpace{
      info.hidden, vectors, width_of(info.hidden, vectors), numbers.centroids.data(),
      data_or_null(numbers.rotation), data_or_null(numbers.errors)});
  codebook->digest_ = digest;
  codebook->bytes_ = bytes;
  codebook->owner_ = std::move(owner);
  return codebook;
}

std::vector<std::byte> Codebook::serialise() const { return {bytes_.begin(), bytes_.end()}; }

}  // namespace pema
