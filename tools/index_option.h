/// Whether a command searches memories through the store's indexes: --index, --recall.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pema/engine.h"
#include "tools/command_line.h"
#include "tools/context.h"

namespace pema::tools {

struct IndexOption {
  std::string use = "auto";      ///< "auto", "off", or an index's name
  std::optional<double> recall;  ///< instead of what the index was built with
};

/// Adds --index and --recall.
void add_index_options(Command command, IndexOption& option);

[[nodiscard]] IndexChoice index_choice(const IndexOption& option);

/// The index. Throws kNotFound, naming those there are.
[[nodiscard]] RecallIndexRecord require_index(const Store& store, const std::string& name);

/// The lease of a profile. An index that was named and is damaged is built again; that, and why an
/// index is not used, is said on standard error. Throws as LeaseBook::acquire.
[[nodiscard]] std::shared_ptr<const Lease> acquire_lease(
    Context& context, const ModelInfo& model, const std::string& profile, const IndexChoice& choice,
    const std::shared_ptr<MemoryManager>& memory = nullptr);

}  // namespace pema::tools
