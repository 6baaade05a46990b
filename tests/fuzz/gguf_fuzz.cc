// The GGUF header parser must read or refuse any bytes with pema::Error; what it accepts must be
// safe to dequantise.
#include <cstddef>
#include <cstdint>
#include <span>

#include "pema/error.h"
#include "src/plm/gguf_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto file = pema::plm::parse_gguf(std::as_bytes(std::span(data, size)), "fuzz");
    for (const auto& [key, value] : file.values) {
      static_cast<void>(file.text(key));
      static_cast<void>(file.integer(key));
      static_cast<void>(file.real(key));
    }
    for (const auto& [name, tensor] : file.tensors) {
      if (tensor.data.size() > 4096) continue;
      try {
        static_cast<void>(pema::plm::dequantise(tensor, name, "fuzz"));
      } catch (const pema::Error&) {
      }
    }
  } catch (const pema::Error&) {
  }
  return 0;
}
