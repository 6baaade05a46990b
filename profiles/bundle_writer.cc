#include <map>
#include <utility>

#include "pema/error.h"
#include "profiles/bundle.h"
#include "profiles/bundle_meta.h"
#include "profiles/profile_codec.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"

namespace pema::profiles {
namespace {

/// Objects are laid into one section, as a container has only four.
class Packer {
 public:
  void add(ObjectRole role, const std::string& name, const Digest& digest,
           std::span<const std::byte> bytes) {
    objects.push_back({static_cast<std::uint8_t>(role), name, digest, bytes.size()});
    section.insert(section.end(), bytes.begin(), bytes.end());
    const auto unit = static_cast<std::size_t>(core::kObjectAlignment);
    section.resize((section.size() + unit - 1) / unit * unit);
  }
  std::vector<BundleObject> objects;
  std::vector<std::byte> section;
};

}  // namespace

std::vector<std::byte> encode_bundle(const Bundle& bundle) {
  BundleMeta meta;
  meta.model = bundle.model.fingerprint;
  meta.model_name = bundle.model.name;
  meta.architecture = bundle.model.architecture;
  meta.hidden = bundle.model.hidden;
  meta.vocab = bundle.model.vocab;
  meta.profile = bundle.profile;
  meta.schedule = encode_schedule(bundle.schedule);
  meta.mask = encode_mask(bundle.mask);
  Packer packer;
  if (bundle.pool != nullptr) {
    const PoolInfo& info = bundle.pool->info();
    meta.has_pool = 1;
    meta.pool_name = bundle.pool_name;
    meta.pool_digest = bundle.pool->digest();
    meta.site = static_cast<std::uint8_t>(info.site);
    meta.form = static_cast<std::uint8_t>(info.form);
    meta.algebra = static_cast<std::uint8_t>(info.algebra);
    meta.norm = static_cast<std::uint8_t>(info.norm);
    meta.mask_scale = info.mask_scale;
    meta.recipe = info.recipe;
    if (const AdapterBlock* shared = bundle.pool->shared(); shared != nullptr) {
      packer.add(ObjectRole::kSharedAdapter, {}, shared->digest(), shared->serialise());
    }
    for (const auto& block : bundle.pool->blocks()) {
      packer.add(ObjectRole::kBlock, {}, block->digest(), block->serialise());
    }
    if (const auto& gate = bundle.pool->gate(); gate != nullptr) {
      packer.add(ObjectRole::kGate, {}, gate->digest(), gate->serialise());
    }
  }
  std::map<Digest, std::shared_ptr<const Codebook>> codebooks;
  for (const BundleSegment& item : bundle.segments) {
    const auto& codebook = item.segment->codebook();
    if (codebook != nullptr) codebooks.emplace(codebook->digest(), codebook);
  }
  for (const auto& [digest, codebook] : codebooks) {
    packer.add(ObjectRole::kCodebook, {}, digest, codebook->serialise());
  }
  for (const BundleSegment& item : bundle.segments) {
    const bool own = item.kind == SegmentKind::kOwn;
    const bool named = !own && !item.appended;
    packer.add(own             ? ObjectRole::kOwnSegment
               : item.appended ? ObjectRole::kAppended
                               : ObjectRole::kSharedSegment,
               named ? item.name : std::string(), item.segment->digest(), item.segment->bytes());
  }
  meta.objects = std::move(packer.objects);
  const std::vector<std::byte> encoded = core::encode_metadata(meta);
  PEMA_CHECK(static_cast<std::int64_t>(encoded.size()) <= core::kMaxMetaBytes &&
                 static_cast<std::int64_t>(meta.objects.size()) <= kMaxBundleObjects,
             kUnsupported, "profile '", bundle.profile, "' has ", encoded.size(),
             " bytes of mask and names and ", meta.objects.size(),
             " objects; a bundle holds at most ", core::kMaxMetaBytes, " and ", kMaxBundleObjects);
  const std::span<const std::byte> sections[] = {packer.section};
  const bool lists = has_lists(bundle);
  return core::build_object(lists ? core::ObjectKind::kListBundle : core::ObjectKind::kBundle,
                            encoded, sections);
}

}  // namespace pema::profiles
