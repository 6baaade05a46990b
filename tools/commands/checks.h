/// The single checks of `pema doctor`.
#pragma once

#include <string>
#include <vector>

namespace pema::tools {

class Context;

/// One thing that was looked at.
struct Check {
  std::string name;      ///< stable, "model_file"
  bool ok = false;       ///< it is there and as it should be
  bool needed = true;    ///< the main job cannot run without it
  std::string detail{};  ///< what was found
  std::string fix{};     ///< how to get it; empty when ok
};

/// Processor, memory, disk and GPU.
[[nodiscard]] std::vector<Check> check_machine(const Context& context);
/// OpenBLAS, llama.cpp, pema-train with LibTorch, the installed packages' documentation.
[[nodiscard]] std::vector<Check> check_software();
/// The machine's costs that `pema tune` keeps: there, intact, of this machine and version.
[[nodiscard]] Check check_costs_file(const Context& context);
/// The base model's file: there, readable, and, for the model of ./dev setup, with its SHA-256.
[[nodiscard]] Check check_model(Context& context);
/// The store named by --store: intact, and made for the base model. `ok` when there is none yet.
[[nodiscard]] Check check_store(Context& context);

}  // namespace pema::tools
