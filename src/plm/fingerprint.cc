#include "src/plm/fingerprint.h"

#include <algorithm>
#include <string_view>

namespace pema::plm {
namespace {

constexpr std::string_view kTag = "pema model fingerprint 1";
constexpr std::int64_t kSampleBytes = 4096;

void add(Sha256& hash, std::span<const std::byte> bytes) {
  hash.update_int(std::ssize(bytes)).update(bytes);
}

void add(Sha256& hash, std::string_view text) { hash.update_int(std::ssize(text)).update(text); }

}  // namespace

Digest fingerprint(const GgufFile& file, const std::string& architecture, const std::string& head) {
  Sha256 hash;
  add(hash, kTag);
  add(hash, architecture);
  add(hash, head);
  const std::string sizes = architecture + ".";
  for (const auto& [key, value] : file.values) {
    if (!key.starts_with(sizes) && !key.starts_with("tokenizer.ggml.")) continue;
    add(hash, key);
    hash.update_int(static_cast<std::int64_t>(value.type))
        .update_int(static_cast<std::int64_t>(value.element))
        .update_int(value.count);
    add(hash, value.bytes);
  }
  for (const auto& [name, tensor] : file.tensors) {
    add(hash, name);
    hash.update_int(tensor.type).update_int(std::ssize(tensor.shape));
    for (const std::int64_t size : tensor.shape) hash.update_int(size);
    const bool whole = name == head || tensor.shape.size() == 1;
    const std::int64_t size = std::ssize(tensor.data);
    add(hash, tensor.data.first(whole ? size : std::min(size, kSampleBytes)));
  }
  return hash.finish();
}

}  // namespace pema::plm
