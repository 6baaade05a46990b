/// What a Store holds.
#pragma once

#include "pema/store.h"
#include "profiles/registry.h"

namespace pema {

struct Store::Impl {
  Impl(const std::string& folder, OpenMode mode) : registry(folder, mode) {}
  profiles::Registry registry;
};

}  // namespace pema
