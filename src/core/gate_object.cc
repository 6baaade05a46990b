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
  std::int64_t memories = 0;
  std::int64_t sources = kMixtureSources;
  std::int64_t signals = MixtureGate::kSignals;
  std::int64_t neighbours = 0;
  double temperature = 0;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(memories, sources, signals, neighbours, temperature);
  }
};

/// Sets of weights that an object of either kind holds.
std::size_t memories_of(bool quantised) {
  return quantised ? MixtureGate::kMemories : MixtureGate::kPlainMemories;
}

core::ObjectKind kind_of(bool quantised) {
  return quantised ? core::ObjectKind::kQuantisedGate : core::ObjectKind::kGate;
}

MixtureGate read(std::span<const std::byte> bytes, const std::string& name) {
  const bool quantised = core::claims_kind(bytes, core::ObjectKind::kQuantisedGate);
  const core::ObjectParts parts = core::parse_object(bytes, kind_of(quantised), name);
  const auto meta = core::decode_metadata<GateMeta>(parts.meta, name);
  const std::size_t memories = memories_of(quantised);
  PEMA_CHECK(meta.memories == static_cast<std::int64_t>(memories) &&
                 meta.sources == GateMeta().sources && meta.signals == GateMeta().signals,
             kCorrupt, name, ": a gate of ", meta.memories, " times ", meta.sources, " times ",
             meta.signals, " weights is none of this format", kFix);
  MixtureGate::Weights weights{};
  const std::size_t size = memories * sizeof weights[0];
  PEMA_CHECK(parts.sections.size() == 1 && parts.sections[0].size() == size, kCorrupt, name,
             ": its weights have another size than ", size, " bytes", kFix);
  std::memcpy(&weights, parts.sections[0].data(), size);
  if (!quantised) weights = MixtureGate::without_quantised(weights);
  try {
    MixtureGate gate(weights, {meta.neighbours, meta.temperature});
    PEMA_CHECK(gate.knows_quantised() == quantised, kCorrupt,
               "its weights for quantised keys are those for exact ones");
    return gate;
  } catch (const Error& error) {
    fail(ErrorCode::kCorrupt, name, ": is damaged (", error.what(), ")", kFix);
  }
}

}  // namespace

MixtureGate MixtureGate::open(const std::string& path, const Digest& expected) {
  return read(core::open_checked(path, expected)->bytes(), path);
}

MixtureGate MixtureGate::from_bytes(std::span<const std::byte> bytes) {
  return read(bytes, "gate in memory");
}

std::vector<std::byte> MixtureGate::serialise() const {
  const bool quantised = knows_quantised();
  GateMeta meta;
  meta.memories = static_cast<std::int64_t>(memories_of(quantised));
  meta.neighbours = recall_.neighbours;
  meta.temperature = recall_.temperature;
  const std::span<const std::byte> sections[] = {
      std::as_bytes(std::span(weights_).first(memories_of(quantised)))};
  return core::build_object(kind_of(quantised), core::encode_metadata(meta), sections);
}

Digest MixtureGate::digest() const { return sha256(serialise()); }

}  // namespace pema
