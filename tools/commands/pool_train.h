/// `pema pool train`: a pool of adapters from many people's texts.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to the group `pool`.
void add_pool_train(Command group, Context& context);

}  // namespace pema::tools
