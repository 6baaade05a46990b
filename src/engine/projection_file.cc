#include "src/engine/projection_file.h"

#include <algorithm>
#include <array>
#include <cereal/types/array.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "kernels/half.h"
#include "pema/error.h"
#include "pema/planner.h"
#include "src/core/atomic_file.h"
#include "src/core/checked_math.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"

namespace pema::engine {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kSections = 2;  // values, scales

struct ProjectionMeta {
  std::uint32_t version = kVersion;
  std::uint32_t type = 0;
  std::array<std::uint8_t, 32> pool{};
  std::array<std::uint8_t, 32> payload{};  ///< SHA-256 of the sections, one after the other
  std::int64_t rows = 0;
  std::int64_t cols = 0;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(version, type, pool, payload, rows, cols);
  }
};

using Sections = std::span<const std::span<const std::byte>>;

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

void expect_bytes(std::span<const std::byte> section, std::int64_t bytes, const char* what,
                  const std::string& name) {
  PEMA_CHECK(std::ssize(section) == bytes, kCorrupt, name, ": its ", what, " take ", section.size(),
             " bytes instead of ", bytes);
}

CacheEntry decode_int8(Sections sections, const ProjectionKey& key, const std::string& name) {
  kernels::Int8Matrix matrix(key.rows, key.cols);
  expect_bytes(sections[0], std::ssize(matrix.values()), "values", name);
  expect_bytes(sections[1], std::ssize(matrix.scales()) * std::int64_t{sizeof(float)}, "scales",
               name);
  if (!sections[0].empty()) {
    std::memcpy(matrix.values().data(), sections[0].data(), sections[0].size());
    std::memcpy(matrix.scales().data(), sections[1].data(), sections[1].size());
  }
  PEMA_CHECK(all_finite(matrix.scales()), kCorrupt, name, ": a scale is not finite");
  CacheEntry entry;
  entry.projection_int8 = std::move(matrix);
  return entry;
}

CacheEntry decode_half(Sections sections, const ProjectionKey& key, const std::string& name) {
  kernels::HalfMatrix matrix(key.rows, key.cols, key.type);
  expect_bytes(sections[0], matrix.bytes(), "values", name);
  expect_bytes(sections[1], 0, "scales", name);
  if (!sections[0].empty()) {
    std::memcpy(matrix.values().data(), sections[0].data(), sections[0].size());
  }
  const auto values = matrix.values();
  PEMA_CHECK(
      std::all_of(values.begin(), values.end(),
                  [&](std::uint16_t v) { return std::isfinite(kernels::from_half(v, key.type)); }),
      kCorrupt, name, ": a value is not finite");
  CacheEntry entry;
  entry.projection_half = std::move(matrix);
  return entry;
}

CacheEntry decode_float32(Sections sections, const ProjectionKey& key, const std::string& name) {
  const std::int64_t values = core::checked_multiply(key.rows, key.cols, name.c_str());
  expect_bytes(sections[0], core::checked_multiply(values, sizeof(float), name.c_str()), "values",
               name);
  expect_bytes(sections[1], 0, "scales", name);
  CacheEntry entry;
  entry.projection = Matrix<float>(key.rows, key.cols);
  if (values > 0) {
    std::memcpy(entry.projection.data(), sections[0].data(), sections[0].size());
  }
  PEMA_CHECK(all_finite({entry.projection.data(), static_cast<std::size_t>(values)}), kCorrupt,
             name, ": a value is not finite");
  return entry;
}

std::optional<CacheEntry> load(const std::string& path, const ProjectionKey& key) {
  try {
    return decode_projection(core::MappedFile::open(path)->bytes(), key, path);
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool store(const std::string& folder, const ProjectionKey& key, const CacheEntry& entry) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return false;
  try {
    core::write_file_atomically(projection_path(folder, key), encode_projection(key, entry));
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::string projection_path(const std::string& folder, const ProjectionKey& key) {
  return folder + "/" + key.pool.hex() + "." + std::string(to_string(key.type)) + ".projection";
}

std::vector<std::byte> encode_projection(const ProjectionKey& key, const CacheEntry& entry) {
  std::array<std::span<const std::byte>, kSections> sections;
  if (key.type == NumberType::kInt8) {
    PEMA_ASSERT(entry.projection_int8.rows() == key.rows &&
                entry.projection_int8.cols() == key.cols);
    sections = {std::as_bytes(entry.projection_int8.values()),
                std::as_bytes(entry.projection_int8.scales())};
  } else if (key.type != NumberType::kFloat32) {
    PEMA_ASSERT(entry.projection_half.rows() == key.rows &&
                entry.projection_half.cols() == key.cols);
    sections[0] = std::as_bytes(entry.projection_half.values());
  } else {
    PEMA_ASSERT(entry.projection.rows() == key.rows && entry.projection.cols() == key.cols);
    sections[0] = std::as_bytes(
        std::span(entry.projection.data(), static_cast<std::size_t>(key.rows * key.cols)));
  }
  ProjectionMeta meta;
  meta.type = static_cast<std::uint32_t>(key.type);
  meta.pool = key.pool.bytes;
  meta.payload = core::payload_digest(sections).bytes;
  meta.rows = key.rows;
  meta.cols = key.cols;
  return core::build_object(core::ObjectKind::kProjection, core::encode_metadata(meta), sections);
}

CacheEntry decode_projection(std::span<const std::byte> bytes, const ProjectionKey& key,
                             const std::string& name) {
  const auto parts = core::parse_object(bytes, core::ObjectKind::kProjection, name);
  const auto meta = core::decode_metadata<ProjectionMeta>(parts.meta, name);
  PEMA_CHECK(meta.version == kVersion, kUnsupported, name, ": projection version ", meta.version,
             "; this build reads ", kVersion);
  PEMA_CHECK(meta.pool == key.pool.bytes && meta.type == static_cast<std::uint32_t>(key.type) &&
                 meta.rows == key.rows && meta.cols == key.cols,
             kCorrupt, name, ": belongs to another pool, number type or size");
  PEMA_CHECK(parts.sections.size() == kSections, kCorrupt, name, ": has ", parts.sections.size(),
             " sections instead of ", kSections);
  PEMA_CHECK(core::payload_digest(parts.sections).bytes == meta.payload, kCorrupt, name,
             ": its values do not have the digest that its header promises");
  switch (key.type) {
    case NumberType::kInt8:
      return decode_int8(parts.sections, key, name);
    case NumberType::kFloat16:
    case NumberType::kBFloat16:
      return decode_half(parts.sections, key, name);
    case NumberType::kFloat32:
      break;
  }
  return decode_float32(parts.sections, key, name);
}

CacheEntry load_or_make_projection(const std::string& folder, const ProjectionKey& key,
                                   CacheStats& stats, const std::function<CacheEntry()>& make) {
  if (folder.empty()) return make();
  if (std::optional<CacheEntry> found = load(projection_path(folder, key), key)) {
    ++stats.projections_read;
    return *std::move(found);
  }
  CacheEntry made = make();
  ++(store(folder, key, made) ? stats.projections_written : stats.projections_unwritten);
  return made;
}

ProjectionKey projection_key(const ModelInfo& model, NumberType type, const Pool& pool) {
  const AdapterBlock* shared = pool.shared();
  const std::int64_t rows =
      (shared != nullptr ? shared->view().up.rows : 0) + pool.info().adapters * pool.info().rank;
  return {pool.digest(), type, rows, model.vocab};
}

}  // namespace pema::engine

namespace pema {

bool projection_is_stored(const ModelInfo& model, const EngineOptions& options, const Pool& pool) {
  if (options.projection_folder.empty()) return false;
  std::error_code unreadable;
  return std::filesystem::is_regular_file(
      engine::projection_path(options.projection_folder,
                              engine::projection_key(model, options.projection, pool)),
      unreadable);
}

}  // namespace pema
