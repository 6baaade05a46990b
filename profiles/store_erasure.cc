// What a store tells of content that is gone.
#include <optional>
#include <utility>

#include "pema/error.h"
#include "pema/store.h"
#include "profiles/store_impl.h"

namespace pema {

void Store::on_erasure(ErasureListener listener) { impl_->listener = std::move(listener); }

std::vector<Digest> Store::Impl::mask_of(std::string_view name) {
  if (!listener) return {};
  const std::optional<ProfileRecord> profile = registry.find_profile(name);
  if (!profile || profile->mask.none()) return {};
  return {profile->mask.digest()};
}

std::vector<Digest> Store::Impl::masks_before(std::span<const ProfileDraft> drafts) {
  std::vector<Digest> masks;
  if (!listener) return masks;
  for (const ProfileDraft& draft : drafts) {
    for (const Digest& mask : mask_of(draft.name)) {
      if (mask != draft.mask.digest()) masks.push_back(mask);
    }
  }
  return masks;
}

namespace {

void tell(profiles::Registry& registry, const ErasureListener& listener,
          std::span<const Digest> masks) {
  std::vector<Digest> gone = registry.take_gone();
  gone.insert(gone.end(), masks.begin(), masks.end());
  if (listener && !gone.empty()) listener(gone);
}

}  // namespace

void Store::Impl::finish_write(std::span<const Digest> masks) {
  registry.tidy();
  tell(registry, listener, masks);
}

void Store::Impl::finish_erasure(std::span<const Digest> masks) {
  std::optional<Error> failed;
  try {
    registry.sweep_doomed();
  } catch (const Error& error) {
    failed = error;
  }
  tell(registry, listener, masks);
  if (failed) throw Error(*failed);
}

}  // namespace pema
