/// `pema generate`: continues a text, or chats, under a profile.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to `app`.
void add_generate(Command app, Context& context);

}  // namespace pema::tools
