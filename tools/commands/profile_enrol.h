/// `pema profile enrol`: one person's profile from their texts.
#pragma once

namespace pema::tools {

class Command;
class Context;

/// Adds the command to the group `profile`.
void add_profile_enrol(Command group, Context& context);

}  // namespace pema::tools
