/// The parts of `pema profile` that have files of their own.
#pragma once

#include "pema/store.h"
#include "tools/terminal/json_output.h"

namespace pema::tools {

class Command;
class Context;

/// Adds `export` and `import` to the group `profile`.
void add_profile_bundle(Command group, Context& context);

/// Adds `expire` to the group `profile`.
void add_profile_expire(Command group, Context& context);

/// Adds `pack` and `unpack` to the group `profile`.
void add_profile_pack(Command group, Context& context);

/// Adds `rebase` to the group `profile`.
void add_profile_rebase(Command group, Context& context);

/// Adds `rm` to the group `profile`.
void add_profile_rm(Command group, Context& context);

/// Adds `set` to the group `profile`.
void add_profile_set(Command group, Context& context);

/// Adds `similar` to the group `profile`.
void add_profile_similar(Command group, Context& context);

/// A profile as docs/cli.md describes it. Throws kNotFound when a row it names is gone.
[[nodiscard]] Json profile_json(const Store& store, const ProfileRecord& profile);

/// The same for people, several lines.
[[nodiscard]] std::string profile_text(const Store& store, const ProfileRecord& profile);

}  // namespace pema::tools
