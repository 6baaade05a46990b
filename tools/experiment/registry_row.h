/// What a profile costs in registry.db.
#pragma once

#include <cstdint>
#include <string>

#include "pema/store.h"

namespace pema::tools {

struct RegistryCost {
  std::int64_t profiles = 0;
  double bytes_per_profile =
      0;  ///< growth of registry.db after a checkpoint: rows, names, lambdas, rights, indexes
  std::int64_t mask_bytes = 0;  ///< of each, as stored
};

/// Enrols `copies` copies of the profile `name` of `store` under new names of 16 characters, in a
/// store of its own below `folder` (removed afterwards), and measures how registry.db grows. The
/// copies read the same segments. Throws kNotFound, kIo.
[[nodiscard]] RegistryCost measure_registry_row(const Store& store, const std::string& name,
                                                std::int64_t copies, const std::string& folder);

}  // namespace pema::tools
