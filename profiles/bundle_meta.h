/// The metadata of a bundle: everything but the bytes of its objects.
#pragma once

#include <cereal/archives/portable_binary.hpp>
#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pema/digest.h"
#include "src/core/object_file.h"

namespace pema::profiles {

/// Longest text in a bundle, in bytes; the store keeps no longer recipe, model name or path.
inline constexpr std::int64_t kMaxTextBytes = std::int64_t{1} << 16;
/// Most objects in a bundle.
inline constexpr std::int64_t kMaxBundleObjects = std::int64_t{1} << 17;

/// Throws kCorrupt when a bundle states a length above `most`.
void check_length(std::uint64_t length, std::int64_t most);

/// A list of bytes whose stated length is checked before anything is allocated: cereal's own lists
/// are not. Throws kCorrupt on load.
template <typename List>
struct Bounded {
  List& list;
  std::int64_t most;

  template <typename Archive>
  void save(Archive& archive) const {
    archive(static_cast<std::uint64_t>(list.size()), cereal::binary_data(list.data(), list.size()));
  }
  template <typename Archive>
  void load(Archive& archive) {
    std::uint64_t size = 0;
    archive(size);
    check_length(size, most);
    list.resize(static_cast<std::size_t>(size));
    archive(cereal::binary_data(list.data(), list.size()));
  }
};
template <typename List>
Bounded(List&, std::int64_t) -> Bounded<List>;

/// What an inner object is. Stored: never renumber.
enum class ObjectRole : std::uint8_t {
  kSharedAdapter = 0,
  kBlock = 1,
  kOwnSegment = 2,
  kSharedSegment = 3,
  kGate = 4,      ///< lies behind the blocks
  kCodebook = 5,  ///< lies before the segments
  kAppended = 6,  ///< to the shared segment before it, in kListBundle
};

/// One inner object. Objects lie one after the other, each at the next multiple of 64.
struct BundleObject {
  std::uint8_t role = 0;
  std::string name;  ///< of a shared segment, else empty
  Digest digest;
  std::uint64_t bytes = 0;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(role, Bounded{name, kMaxTextBytes}, digest.bytes, bytes);
  }
};

/// Fields in the order of docs/formats/bundle.md. Enums are kept as bytes and checked by
/// decode_bundle.
struct BundleMeta {
  Digest model;
  std::string model_name;
  std::string architecture;
  std::int64_t hidden = 0;
  std::int64_t vocab = 0;
  std::string profile;
  std::vector<std::byte> schedule;  ///< encode_schedule
  std::vector<std::byte> mask;      ///< encode_mask
  std::uint8_t has_pool = 0;
  std::string pool_name;
  Digest pool_digest;
  std::uint8_t site = 0, form = 0, algebra = 0, norm = 0;
  double mask_scale = 1;
  std::string recipe;
  std::vector<BundleObject> objects;

  template <typename Archive>
  void save(Archive& archive) const {
    fields(*this, archive);
    archive(static_cast<std::uint64_t>(objects.size()));
    for (const BundleObject& object : objects) archive(object);
  }
  template <typename Archive>
  void load(Archive& archive) {
    fields(*this, archive);
    std::uint64_t count = 0;
    archive(count);
    check_length(count, kMaxBundleObjects);
    for (; count > 0; --count) archive(objects.emplace_back());
  }

 private:
  /// One list for both directions; Self is const when saving.
  template <typename Self, typename Archive>
  static void fields(Self& self, Archive& archive) {
    archive(self.model.bytes, Bounded{self.model_name, kMaxTextBytes},
            Bounded{self.architecture, kMaxTextBytes}, self.hidden, self.vocab,
            Bounded{self.profile, kMaxTextBytes}, Bounded{self.schedule, kMaxTextBytes},
            Bounded{self.mask, core::kMaxMetaBytes}, self.has_pool,
            Bounded{self.pool_name, kMaxTextBytes}, self.pool_digest.bytes, self.site, self.form,
            self.algebra, self.norm, self.mask_scale, Bounded{self.recipe, kMaxTextBytes});
  }
};

}  // namespace pema::profiles
