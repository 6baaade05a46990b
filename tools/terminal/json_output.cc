#include "tools/terminal/json_output.h"

#include "tools/terminal/output.h"

namespace pema::tools {

void print_json(const Json& document) {
  print(document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace pema::tools
