/// What a Store holds.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pema/erasure.h"
#include "pema/store.h"
#include "profiles/registry.h"

namespace pema {

struct Store::Impl {
  Impl(const std::string& folder, OpenMode mode, const StoreOptions& options)
      : key(options.key), registry(folder, mode, options) {}

  /// Writes drafts in one transaction, their own segments' objects before it. When it fails,
  /// objects that only a failed draft wanted are taken away again: they are made of a person's
  /// text. `finish` runs before the commit.
  void write_profiles(std::span<const ProfileDraft> drafts, OnExisting on_existing,
                      const std::function<void()>& finish = {});
  /// Digests of masks that profiles of these names have now and that `drafts` do not give them
  /// again; empty where nobody is told. Call it in the transaction, before the write.
  [[nodiscard]] std::vector<Digest> masks_before(std::span<const ProfileDraft> drafts);
  /// The digest of a profile's mask, as masks_before.
  [[nodiscard]] std::vector<Digest> mask_of(std::string_view name);
  /// After the commit of a write: deletes doomed files as far as it can, and tells the listener
  /// which content is gone.
  void finish_write(std::span<const Digest> masks = {});
  /// After the commit of a removal: the same, and throws as Registry::sweep_doomed, after telling.
  void finish_erasure(std::span<const Digest> masks = {});

  /// As Store::erase_profile, but nothing happens, and `found` is false, when `still` (asked in the
  /// transaction; empty: yes) says no.
  [[nodiscard]] ErasureReceipt erase(std::string_view name, const ErasureOptions& options,
                                     const std::function<bool(const ProfileRecord&)>& still = {});

  std::shared_ptr<const MasterKey> key;
  profiles::Registry registry;
  ErasureListener listener;
};

}  // namespace pema
