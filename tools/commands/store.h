/// `pema store`: checks a store, backs it up and restores it.
#pragma once

#include <cstdint>

namespace pema::tools {

class Command;
class Context;

/// Adds `key` to the group `store`.
void add_store_key(Command group, Context& context);

/// Adds `backup`, `backups` and `restore` to the group `store`.
void add_store_backups(const Command& group, Context& context);

/// Adds `copy` to the group `store`.
void add_store_copy(Command group, Context& context);
/// Adds `tenant` and `expire` to the group `store`.
void add_store_tenants(Command group, Context& context);

/// `--rate` of a command; `rate` must live as long as it.
void add_rate(const Command& command, std::int64_t& rate);

/// Adds the command to `app`.
void add_store(Command app, Context& context);

}  // namespace pema::tools
