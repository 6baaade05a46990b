// A gate as an object file (docs/formats/object.md).
#include <cstring>

#include "pema/error.h"
#include "pema/gate.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"

namespace pema {
namespace {

constexpr const char* kFix = "; restore the file from a backup or store the pool again";

/// Sections: weights f32 [memories, sources, signals].
struct GateMeta {
  std::int64_t memories = MixtureGate::kMemories;
  std::int64_t sources = kMixtureSources;
  std::int64_t signals = MixtureGate::kSignals;
  std::int64_t neighbours = 0;
  double temperature = 0;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(memories, sources, signals, neighbours, temperature);
  }
};

MixtureGate read(const core::ObjectParts& parts, const std::string& name) {
  const auto meta = core::decode_metadata<GateMeta>(parts.meta, name);
  const GateMeta ours;
  PEMA_CHECK(meta.memories == ours.memories && meta.sources == ours.sources &&
                 meta.signals == ours.signals,
             kCorrupt, name, ": a gate of ", meta.memories, " times ", meta.sources, " times ",
             meta.signals, " weights is none of this format", kFix);
  MixtureGate::Weights weights{};
  PEMA_CHECK(parts.sections.size() == 1 && parts.sections[0].size() == sizeof weights, kCorrupt,
             name, ": its weights have another size than ", sizeof weights, " bytes", kFix);
  std::memcpy(&weights, parts.sections[0].data(), sizeof weights);
  try {
    return MixtureGate(weights, {meta.neighbours, meta.temperature});
  } catch (const Error& error) {
    fail(ErrorCode::kCorrupt, name, ": is damaged (", error.what(), ")", kFix);
  }
}

}  // namespace

MixtureGate MixtureGate::open(const std::string& path, const Digest& expected) {
  return read(core::open_object(path, core::ObjectKind::kGate, expected).parts, path);
}

MixtureGate MixtureGate::from_bytes(std::span<const std::byte> bytes) {
  const std::string name = "gate in memory";
  return read(core::parse_object(bytes, core::ObjectKind::kGate, name), name);
}

std::vector<std::byte> MixtureGate::serialise() const {
  GateMeta meta;
  meta.neighbours = recall_.neighbours;
  meta.temperature = recall_.temperature;
  const std::span<const std::byte> sections[] = {std::as_bytes(std::span(&weights_, 1))};
  return core::build_object(core::ObjectKind::kGate, core::encode_metadata(meta), sections);
}

Digest MixtureGate::digest() const { return sha256(serialise()); }

}  // namespace pema
