/// What a command works with: the global options, and store and model opened when first asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "pema/engine.h"
#include "pema/plm/language_model.h"
#include "pema/progress.h"
#include "pema/store.h"
#include "tools/machine_file.h"

namespace pema::tools {

/// Options that every command takes, before or after its name.
struct GlobalOptions {
  std::string store = "./pema-store";
  std::string model;     ///< empty: the model that ./dev setup installs
  std::string key_file;  ///< of an encrypted store; empty: PEMA_KEY, or none
  bool json = false;
  bool quiet = false;
  std::int64_t threads = 0;  ///< 0: all cores
  std::string registry;      ///< of a store that is made: `init --registry`; empty: a file
  std::string durability = "durable";  ///< of what is written to the store: "durable" or "fast"
};

/// The state of one run of the program. Thread-safety: one thread.
class Context {
 public:
  Context(int argc_in, char** argv_in);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  GlobalOptions options;
  /// What to do, set by the chosen command (Command::runs); run after all options are known.
  /// Returns the exit status.
  std::function<int()> action;
  int argc;
  char** argv;

  /// The store, opened on the first call. kReadOnly is enough for a command that only looks; a
  /// later call that writes opens it again. Throws as Store::open.
  Store& store(OpenMode mode = OpenMode::kReadWrite);
  /// The master key of --key-file or of PEMA_KEY; null when neither is given. Throws as MasterKey.
  [[nodiscard]] std::shared_ptr<const MasterKey> key() const;
  /// --model, PEMA_MODEL, or the model of ./dev setup. Throws kNotFound, naming the fix.
  [[nodiscard]] std::string model_path() const;
  /// The model of ./dev setup, absent when it is not installed.
  [[nodiscard]] static std::optional<std::string> default_model();
  /// Identity, head and norms of the model, without llama.cpp's graph. Throws as read_gguf.
  const plm::GgufModel& gguf();
  /// The loaded model; `model_options` count on the first call only, their threads are --threads.
  /// Throws as LanguageModel::open.
  plm::LanguageModel& model(plm::ModelOptions model_options = {});
  /// Registers the model in the store (or finds it there). Opens the store for writing.
  ModelRecord register_model();
  /// The progress display on standard error; also answers Ctrl-C.
  Progress& progress();
  /// Ends the progress line, so that text can follow. Harmless when there is none.
  void end_progress();
  /// A line for people on standard error, unless --quiet.
  void note(const std::string& text);
  /// ${XDG_CACHE_HOME:-~/.cache}/pema. Throws kNotFound when neither it nor HOME is set.
  [[nodiscard]] static std::string cache_folder();
  /// Where projections of pools are kept; empty, and so nowhere, when there is no cache_folder.
  [[nodiscard]] static std::string projection_folder();
  /// Where `pema tune` keeps the costs of this machine with --threads threads. Throws as
  /// cache_folder.
  [[nodiscard]] std::string machine_file_name() const;
  /// The costs, nothing when they were never measured. Throws as load_machine_file.
  [[nodiscard]] std::optional<MachineFile> machine_file() const;
  /// For an engine of this run: --threads, and this machine's costs where they were measured.
  /// Throws as machine_file.
  [[nodiscard]] EngineOptions engine_options() const;
  /// Sets the type of U to what --projection `text` means for `lease` (null: no profile; "auto" is
  /// the type with the least predicted time), and tells the planner when that U is stored already.
  /// Throws kInvalidArgument.
  static void choose_projection(const std::string& text, const ModelInfo& model, const Lease* lease,
                                EngineOptions& engine);
  /// Where features are cached: `asked`, or a folder in cache_folder() when it is empty. Throws as
  /// cache_folder.
  [[nodiscard]] static std::string feature_folder(const std::string& asked);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pema::tools
