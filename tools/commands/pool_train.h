/// `pema pool train`: a pool of adapters from many people's texts.
#pragma once

namespace CLI {
class App;
}

namespace pema::tools {

class Context;

/// Adds the command to the group `pool`.
void add_pool_train(CLI::App& group, Context& context);

}  // namespace pema::tools
