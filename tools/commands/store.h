/// `pema store`: checks a store, backs it up and restores it.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds `key` to the group `store`.
void add_store_key(Command group, Context& context);

/// Adds `copy` to the group `store`.
void add_store_copy(Command group, Context& context);
/// Adds `tenant` and `expire` to the group `store`.
void add_store_tenants(Command group, Context& context);

/// Adds the command to `app`.
void add_store(Command app, Context& context);

}  // namespace pema::tools
