/// Receipts of erasures, for people and as JSON.
#pragma once

#include <string>

#include "pema/erasure.h"
#include "tools/terminal/json_output.h"

namespace pema::tools {

[[nodiscard]] Json receipt_json(const ErasureReceipt& receipt);
/// One row for each place.
[[nodiscard]] std::string receipt_text(const ErasureReceipt& receipt);

}  // namespace pema::tools
