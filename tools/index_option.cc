#include "tools/index_option.h"

#include "pema/error.h"
#include "pema/memory_manager.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

/// Builds a named index again and says so; false, with a note, where the store refuses.
bool build_again(Context& context, const std::string& name) {
  try {
    Store& store = context.store();
    const BuiltRecallIndex built =
        store.build_index(store.draft_of(require_index(store, name)),
                          {.threads = context.options.threads, .progress = &context.progress()});
    context.note(built.built);
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    context.note(message("index '", printable(name), "' cannot be built again: ", error.what()));
    return false;
  }
}

bool is_damage(const std::optional<ErrorCode>& cause) {
  return cause == ErrorCode::kCorrupt || cause == ErrorCode::kNotFound;
}

}  // namespace

void add_index_options(Command command, IndexOption& option) {
  command
      .option(
          "--index", option.use,
          "Search memories through an index of the store (`pema memory index`): auto (where one "
          "holds them and pays), off (scan), or a name")
      .shows_default();
  command
      .option("--recall", option.recall,
              "Share of the nearest memories that an index is to find for rows that see 20,000 and "
              "more (default: what it was built with; 1: exact)")
      .within(1e-6, 1.0);
}

IndexChoice index_choice(const IndexOption& option) {
  IndexChoice choice;
  choice.wanted_recall = option.recall;
  if (option.use == "auto") return choice;
  choice.use = option.use == "off" ? IndexChoice::Use::kOff : IndexChoice::Use::kNamed;
  if (choice.use == IndexChoice::Use::kNamed) choice.name = option.use;
  return choice;
}

RecallIndexRecord require_index(const Store& store, const std::string& name) {
  if (const auto index = store.find_index(name)) return *index;
  std::string known;
  for (const RecallIndexRecord& index : store.indexes()) {
    known += (known.empty() ? "" : ", ") + printable(index.name);
  }
  fail(ErrorCode::kNotFound, "no index '", printable(name), "' in ", store.folder(), "; there ",
       known.empty() ? std::string("are none, make one with `pema memory index build`")
                     : "are: " + known);
}

std::shared_ptr<const Lease> acquire_lease(Context& context, const ModelInfo& model,
                                           const std::string& profile, const IndexChoice& choice,
                                           const std::shared_ptr<MemoryManager>& memory) {
  const auto acquire = [&] {
    return LeaseBook(context.store(OpenMode::kReadOnly), model, memory, choice).acquire(profile);
  };
  std::shared_ptr<const Lease> lease = acquire();
  const bool named = choice.use == IndexChoice::Use::kNamed;
  if (named && is_damage(lease->index.cause)) {
    context.note(lease->index.trouble);
    if (!build_again(context, choice.name)) return lease;
    lease = acquire();
  }
  if (!lease->index.trouble.empty()) context.note(lease->index.trouble);
  return lease;
}

}  // namespace pema::tools
