/// `pema memory codebook`: learns, lists and removes codebooks of product-quantised keys.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the group to `memory`.
void add_memory_codebook(Command memory, Context& context);

}  // namespace pema::tools
