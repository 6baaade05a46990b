#include <cstring>
#include <limits>

#include "src/plm/gguf_header.h"

namespace pema::plm {
namespace {

template <typename T>
T load(const GgufValue& value) {
  T out{};
  std::memcpy(&out, value.bytes.data(), sizeof(T));
  return out;
}

template <typename Map>
auto* find(const Map& map, std::string_view key) {
  const auto place = map.find(key);
  return place == map.end() ? nullptr : &place->second;
}

}  // namespace

const GgufTensor* GgufFile::tensor(std::string_view name) const { return find(tensors, name); }

const GgufValue* GgufFile::value(std::string_view key) const { return find(values, key); }

std::optional<std::string> GgufFile::text(std::string_view key) const {
  const auto* found = value(key);
  if (found == nullptr || found->type != GgufType::kString) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(found->bytes.data()), found->bytes.size());
}

std::optional<std::int64_t> GgufFile::integer(std::string_view key) const {
  const auto* found = value(key);
  if (found == nullptr) return std::nullopt;
  switch (found->type) {
    case GgufType::kUint8:
      return load<std::uint8_t>(*found);
    case GgufType::kInt8:
      return load<std::int8_t>(*found);
    case GgufType::kUint16:
      return load<std::uint16_t>(*found);
    case GgufType::kInt16:
      return load<std::int16_t>(*found);
    case GgufType::kUint32:
      return load<std::uint32_t>(*found);
    case GgufType::kInt32:
      return load<std::int32_t>(*found);
    case GgufType::kInt64:
      return load<std::int64_t>(*found);
    case GgufType::kUint64: {
      const auto wide = load<std::uint64_t>(*found);
      if (wide > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return std::nullopt;
      }
      return static_cast<std::int64_t>(wide);
    }
    case GgufType::kFloat32:
    case GgufType::kBool:
    case GgufType::kString:
    case GgufType::kArray:
    case GgufType::kFloat64:
      break;
  }
  return std::nullopt;
}

std::optional<double> GgufFile::real(std::string_view key) const {
  const auto* found = value(key);
  if (found == nullptr) return std::nullopt;
  if (found->type == GgufType::kFloat32) return static_cast<double>(load<float>(*found));
  if (found->type == GgufType::kFloat64) return load<double>(*found);
  return std::nullopt;
}

}  // namespace pema::plm
