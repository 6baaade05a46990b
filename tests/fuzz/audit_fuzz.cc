// Events of the audit log. What is accepted has one encoding.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pema/error.h"
#include "profiles/audit_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  pema::AuditEvent event;
  try {
    pema::profiles::decode_event(bytes, "fuzz", event);
  } catch (const pema::Error&) {
    return 0;
  }
  const auto again = pema::profiles::encode_event(event);
  if (!std::ranges::equal(again, bytes)) __builtin_trap();
  return 0;
}
