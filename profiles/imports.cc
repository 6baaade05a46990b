#include "profiles/imports.h"

#include "pema/error.h"

namespace pema::profiles {

void check_model_is_here(Registry& registry, const ModelInfo& model, const std::string& path) {
  if (registry.find_model(model.fingerprint)) return;
  std::string here;
  for (const ModelRecord& record : registry.models()) {
    here += message(here.empty() ? "" : ", ", record.info.fingerprint.hex(), " (", record.info.name,
                    ")");
  }
  fail(ErrorCode::kMismatch, path, ": was made for the base model ", model.fingerprint.hex(), " (",
       model.name, "); ", registry.folder(), " has ",
       here.empty() ? std::string("no base model") : here,
       "; import it into a store of that model, or register the model first");
}

PoolId put_pool_of_file(Registry& registry, const std::string& name, const Pool& pool) {
  if (const std::optional<PoolRecord> same = registry.find_pool(pool.digest())) return same->id;
  return registry.put_pool(name, pool).id;
}

}  // namespace pema::profiles
