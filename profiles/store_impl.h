/// What a Store holds.
#pragma once

#include "pema/store.h"
#include "profiles/registry.h"

namespace pema {

struct Store::Impl {
  Impl(const std::string& folder, OpenMode mode, const StoreOptions& options)
      : registry(folder, mode, options) {}
  profiles::Registry registry;
};

}  // namespace pema
