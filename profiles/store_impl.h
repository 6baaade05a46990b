/// What a Store holds.
#pragma once

#include "pema/store.h"
#include "profiles/registry.h"

namespace pema {

struct Store::Impl {
  Impl(const std::string& folder, OpenMode mode, const StoreOptions& options)
      : key(options.key), registry(folder, mode, options) {}
  std::shared_ptr<const MasterKey> key;
  profiles::Registry registry;
};

}  // namespace pema
