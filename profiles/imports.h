/// What reading one profile or many from a file has in common.
#pragma once

#include <string>

#include "profiles/registry.h"

namespace pema::profiles {

/// Throws kMismatch, naming both fingerprints, unless the base model is registered here.
void check_model_is_here(Registry& registry, const ModelInfo& model, const std::string& path);

/// The pool of the same content, whatever its name; otherwise it becomes the next version of
/// `name`. Expects a transaction and the pool's objects.
[[nodiscard]] PoolId put_pool_of_file(Registry& registry, const std::string& name,
                                      const Pool& pool);

}  // namespace pema::profiles
