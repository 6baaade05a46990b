/// What a Store holds.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "pema/store.h"
#include "profiles/registry.h"

namespace pema {

struct Store::Impl {
  Impl(const std::string& folder, OpenMode mode) : registry(folder, mode) {}

  /// Writes drafts in one transaction, their own segments' objects before it. When it fails,
  /// objects that only a failed draft wanted are taken away again: they are made of a person's
  /// text. The record of the last draft.
  ProfileRecord write_profiles(std::span<const ProfileDraft> drafts, OnExisting on_existing);
  /// Digests of masks that profiles of these names have now and that `drafts` do not give them
  /// again; empty where nobody is told. For finish_erasure; call it in the transaction.
  [[nodiscard]] std::vector<Digest> masks_before(std::span<const ProfileDraft> drafts);
  /// The digest of a profile's mask, as masks_before.
  [[nodiscard]] std::vector<Digest> mask_of(std::string_view name);
  /// After a commit: deletes doomed files, then tells the listener which content is gone. Throws as
  /// Registry::sweep_doomed, after telling.
  void finish_erasure(std::span<const Digest> masks = {});

  profiles::Registry registry;
  ErasureListener listener;
};

}  // namespace pema
