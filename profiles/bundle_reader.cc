#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "pema/error.h"
#include "pema/segment_edit.h"
#include "profiles/bundle.h"
#include "profiles/bundle_meta.h"
#include "profiles/mask_check.h"
#include "profiles/name.h"
#include "profiles/profile_codec.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"

namespace pema::profiles {
namespace {

class Unpacker {
 public:
  Unpacker(std::span<const std::byte> section, const std::string& origin)
      : section_(section), origin_(origin) {}

  /// A copy of the next object's bytes, whose digest was checked.
  std::vector<std::byte> next(const BundleObject& object) {
    const auto unit = static_cast<std::uint64_t>(core::kObjectAlignment);
    require(object.bytes <= section_.size(), "an object is longer than the file");
    const auto size = static_cast<std::size_t>(object.bytes);
    const std::size_t padded =
        std::min<std::size_t>((size + unit - 1) / unit * unit, section_.size());
    const std::span<const std::byte> bytes = section_.first(size);
    const std::span<const std::byte> pad = section_.subspan(size, padded - size);
    section_ = section_.subspan(padded);
    require(std::all_of(pad.begin(), pad.end(), [](std::byte b) { return b == std::byte{0}; }),
            "there are bytes between two objects");
    require(sha256(bytes) == object.digest, "an object's bytes do not have its digest");
    return {bytes.begin(), bytes.end()};
  }
  void finish() const { require(section_.empty(), "there are bytes after the last object"); }
  void require(bool condition, const char* why) const {
    PEMA_CHECK(condition, kCorrupt, origin_, ": the bundle is damaged (", why,
               "); export the profile again");
  }

 private:
  std::span<const std::byte> section_;
  const std::string& origin_;
};

/// Inner objects in file order: shared adapter, blocks, gate, codebooks, segments.
struct Inner {
  std::map<Digest, std::shared_ptr<const Codebook>> codebooks;
  std::shared_ptr<const AdapterBlock> shared;
  std::vector<std::shared_ptr<const AdapterBlock>> blocks;
  std::shared_ptr<const MixtureGate> gate;
  std::vector<BundleSegment> segments;
};

/// Place of a role in the file; segments of both kinds are mixed.
int order_of(ObjectRole role) {
  switch (role) {
    case ObjectRole::kSharedAdapter:
      return 0;
    case ObjectRole::kBlock:
      return 1;
    case ObjectRole::kGate:
      return 2;
    case ObjectRole::kCodebook:
      return 3;
    case ObjectRole::kOwnSegment:
    case ObjectRole::kSharedSegment:
    case ObjectRole::kAppended:
      return 4;
  }
  return 5;
}

/// Gives what was appended the name of its list, of which it must be a part.
void join_list(const std::vector<BundleSegment>& before, BundleSegment& item,
               const Unpacker& unpacker) {
  unpacker.require(!before.empty() && before.back().kind == SegmentKind::kShared,
                   "a segment was appended to nothing");
  item.name = before.back().name;
  check_same_kind(before.back().segment->info(), item.segment->info(), item.name);
  for (auto other = before.rbegin();; ++other) {
    unpacker.require(other->segment->digest() != item.segment->digest(),
                     "a list has one content twice");
    if (!other->appended) break;
  }
}

Inner unpack(const BundleMeta& meta, Unpacker& unpacker) {
  Inner inner;
  std::set<Digest> needed;
  int last_role = 0;
  for (const BundleObject& object : meta.objects) {
    const int order = order_of(static_cast<ObjectRole>(object.role));
    unpacker.require(order <= 4 && order >= last_role, "its objects are out of order");
    last_role = order;
    switch (static_cast<ObjectRole>(object.role)) {
      case ObjectRole::kSharedAdapter:
        unpacker.require(inner.shared == nullptr, "it has two shared adapters");
        inner.shared = AdapterBlock::from_bytes(unpacker.next(object));
        break;
      case ObjectRole::kBlock:
        inner.blocks.push_back(AdapterBlock::from_bytes(unpacker.next(object)));
        break;
      case ObjectRole::kGate:
        unpacker.require(inner.gate == nullptr, "it has two gates");
        inner.gate =
            std::make_shared<const MixtureGate>(MixtureGate::from_bytes(unpacker.next(object)));
        break;
      case ObjectRole::kCodebook: {
        // Rising, so that equal contents have one encoding.
        unpacker.require(object.name.empty() && (inner.codebooks.empty() ||
                                                 inner.codebooks.rbegin()->first < object.digest),
                         "a codebook is out of order or has a name");
        inner.codebooks.emplace(object.digest, Codebook::from_bytes(unpacker.next(object)));
        break;
      }
      case ObjectRole::kOwnSegment:
      case ObjectRole::kSharedSegment:
      case ObjectRole::kAppended: {
        const bool appended = object.role == static_cast<std::uint8_t>(ObjectRole::kAppended);
        const bool own = object.role == static_cast<std::uint8_t>(ObjectRole::kOwnSegment);
        unpacker.require((own || appended) == object.name.empty(), "a segment has a wrong name");
        if (!own && !appended) check_name(object.name, "segment name");
        const auto codebook_of = [&](const Digest& digest) {
          const auto found = inner.codebooks.find(digest);
          unpacker.require(found != inner.codebooks.end(), "a segment's codebook is missing");
          needed.insert(digest);
          return found->second;
        };
        BundleSegment item{Segment::from_bytes(unpacker.next(object), codebook_of),
                           own ? SegmentKind::kOwn : SegmentKind::kShared, object.name, appended};
        if (appended) join_list(inner.segments, item, unpacker);
        inner.segments.push_back(std::move(item));
        const SegmentInfo& info = inner.segments.back().segment->info();
        unpacker.require(
            info.model == meta.model && info.hidden == meta.hidden && info.vocab == meta.vocab,
            "a segment is of another base model");
        break;
      }
    }
  }
  unpacker.finish();
  unpacker.require(needed.size() == inner.codebooks.size(),
                   "no segment needs one of its codebooks");
  return inner;
}

std::shared_ptr<const Pool> make_pool(const BundleMeta& meta, Inner& inner,
                                      const Unpacker& unpacker) {
  if (meta.has_pool == 0) {
    unpacker.require(inner.shared == nullptr && inner.blocks.empty() && inner.gate == nullptr,
                     "it has adapters or a gate but no pool");
    return nullptr;
  }
  unpacker.require(meta.has_pool == 1, "a flag is neither 0 nor 1");
  check_name(meta.pool_name, "pool name");
  PoolInfo info;
  info.model = meta.model;
  info.site = static_cast<FeatureSite>(meta.site);
  info.form = static_cast<Form>(meta.form);
  info.algebra = static_cast<Algebra>(meta.algebra);
  info.norm = static_cast<HeadNorm>(meta.norm);
  info.mask_scale = meta.mask_scale;
  info.recipe = meta.recipe;
  auto pool = std::make_shared<const Pool>(info, inner.shared, inner.blocks, inner.gate);
  unpacker.require(pool->digest() == meta.pool_digest && pool->info().hidden == meta.hidden,
                   "its pool does not have its digest");
  return pool;
}

Bundle decode(std::span<const std::byte> bytes, const std::string& origin) {
  const bool lists = core::claims_kind(bytes, core::ObjectKind::kListBundle);
  const core::ObjectParts parts = core::parse_object(
      bytes, lists ? core::ObjectKind::kListBundle : core::ObjectKind::kBundle, origin);
  const auto meta = core::decode_metadata<BundleMeta>(parts.meta, origin);
  Unpacker unpacker(parts.sections.empty() ? std::span<const std::byte>{} : parts.sections[0],
                    origin);
  unpacker.require(parts.sections.size() == 1, "it has not one section");
  Bundle bundle;
  bundle.model = {meta.model, meta.model_name, meta.architecture, meta.hidden, meta.vocab};
  bundle.profile = meta.profile;
  check_name(bundle.profile, "profile name");
  bundle.schedule = decode_schedule(meta.schedule, origin);
  bundle.mask = decode_mask(meta.mask, origin);
  Inner inner = unpack(meta, unpacker);
  bundle.pool_name = meta.pool_name;
  bundle.pool = make_pool(meta, inner, unpacker);
  bundle.segments = std::move(inner.segments);
  unpacker.require(has_lists(bundle) == lists, "its kind and its lists disagree");
  const bool needs_model = bundle.pool != nullptr || !bundle.segments.empty();
  unpacker.require(needs_model == !meta.model.is_zero(), "its base model is missing");
  unpacker.require(bundle.pool != nullptr || bundle.mask.size() == 0, "it has a mask but no pool");
  unpacker.require(
      !bundle.schedule.gate || (bundle.pool != nullptr && bundle.pool->gate() != nullptr),
      "it uses a gate that is not there");
  if (bundle.pool != nullptr) {
    check_mask_fits(bundle.mask, bundle.pool->info().adapters, bundle.pool->info().algebra);
  }
  return bundle;
}

}  // namespace

Bundle decode_bundle(std::span<const std::byte> bytes, const std::string& origin) {
  try {
    return decode(bytes, origin);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported) throw;
    // What a caller may get wrong elsewhere is damage when a file says it.
    fail(ErrorCode::kCorrupt, origin, ": the bundle is damaged (", error.what(),
         "); export the profile again");
  }
}

}  // namespace pema::profiles
