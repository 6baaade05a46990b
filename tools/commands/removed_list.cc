#include "tools/commands/removed_list.h"

#include "pema/error.h"
#include "tools/terminal/output.h"

namespace pema::tools {

void print_removed(const Context& context, const Json& names, const char* one, const char* many) {
  if (context.options.json) {
    Json document;
    document["removed"] = names;
    print_json(document);
  } else {
    print(message("removed ", names.size(), " ", names.size() == 1 ? one : many, "\n"));
  }
}

}  // namespace pema::tools
