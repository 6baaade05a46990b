#include "src/plm/gguf_header.h"

#include <bit>
#include <cstring>

#include "ggml.h"
#include "pema/error.h"
#include "src/core/checked_math.h"

namespace pema::plm {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read in place");

constexpr std::int64_t kDefaultAlignment = 32;
constexpr std::int64_t kMaxDims = 4;
constexpr char kFix[] = "; copy or download the model file again";

/// Walks the bytes; every step is checked against what is left.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  [[nodiscard]] std::int64_t at() const { return at_; }
  [[nodiscard]] std::int64_t left() const { return std::ssize(bytes_) - at_; }
  [[nodiscard]] std::span<const std::byte> since(std::int64_t start) const {
    return bytes_.subspan(start, at_ - start);
  }

  std::span<const std::byte> take(std::uint64_t count, const char* what) {
    PEMA_CHECK(count <= static_cast<std::uint64_t>(left()), kCorrupt, name_, ": truncated or ",
               "damaged at byte ", at_, ": ", what, " needs ", count, " bytes, ", left(),
               " are left", kFix);
    const auto part = bytes_.subspan(at_, count);
    at_ += static_cast<std::int64_t>(count);
    return part;
  }

  template <typename T>
  T number(const char* what) {
    T value{};
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  std::string_view string(const char* what) {
    const auto part = take(number<std::uint64_t>(what), what);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

  template <typename... Parts>
  [[noreturn]] void corrupt(const Parts&... parts) const {
    fail(ErrorCode::kCorrupt, name_, ": damaged at byte ", at_, ": ", parts..., kFix);
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& name_;
  std::int64_t at_ = 0;
};

/// 0 for types without a fixed size and for numbers that are no type.
std::uint64_t scalar_bytes(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      return 1;
    case GgufType::kUint16:
    case GgufType::kInt16:
      return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  return 0;
}

void read_array(Cursor& cursor, GgufValue& value) {
  value.element = static_cast<GgufType>(cursor.number<std::uint32_t>("an array's type"));
  const auto count = cursor.number<std::uint64_t>("an array's length");
  const std::uint64_t least =
      value.element == GgufType::kString ? sizeof(std::uint64_t) : scalar_bytes(value.element);
  if (least == 0) {
    cursor.corrupt("an array has elements of type ", static_cast<std::uint32_t>(value.element));
  }
  if (count > static_cast<std::uint64_t>(cursor.left()) / least) {
    cursor.corrupt("an array claims ", count, " elements, more than the file holds");
  }
  value.count = static_cast<std::int64_t>(count);
  const std::int64_t start = cursor.at();
  if (value.element == GgufType::kString) {
    for (std::uint64_t i = 0; i < count; ++i) cursor.string("an array's string");
  } else {
    cursor.take(count * least, "an array");
  }
  value.bytes = cursor.since(start);
}

GgufValue read_value(Cursor& cursor) {
  GgufValue value;
  value.type = static_cast<GgufType>(cursor.number<std::uint32_t>("a value's type"));
  if (value.type == GgufType::kArray) {
    read_array(cursor, value);
  } else if (value.type == GgufType::kString) {
    value.bytes = cursor.take(cursor.number<std::uint64_t>("a string's length"), "a string");
  } else {
    const std::uint64_t bytes = scalar_bytes(value.type);
    if (bytes == 0) cursor.corrupt("a value has type ", static_cast<std::uint32_t>(value.type));
    value.bytes = cursor.take(bytes, "a value");
  }
  return value;
}

const ggml_type_traits* traits_of(std::int32_t type) {
  if (type < 0 || type >= GGML_TYPE_COUNT) return nullptr;
  const auto* traits = ggml_get_type_traits(static_cast<ggml_type>(type));
  return traits->blck_size > 0 && traits->type_size > 0 ? traits : nullptr;
}

struct Described {
  GgufTensor tensor;
  std::uint64_t offset = 0;
  std::int64_t bytes = 0;
};

Described read_description(Cursor& cursor, const std::string& tensor_name,
                           const std::string& name) {
  Described d;
  const auto dims = cursor.number<std::uint32_t>("a tensor's dimensions");
  if (dims < 1 || dims > kMaxDims) cursor.corrupt(tensor_name, " has ", dims, " dimensions");
  std::int64_t elements = 1;
  for (std::uint32_t i = 0; i < dims; ++i) {
    const auto size = cursor.number<std::int64_t>("a tensor's size");
    if (size < 1) cursor.corrupt(tensor_name, " has a size of ", size);
    d.tensor.shape.push_back(size);
    elements = core::checked_multiply(elements, size, name.c_str());
  }
  d.tensor.type = cursor.number<std::int32_t>("a tensor's type");
  d.offset = cursor.number<std::uint64_t>("a tensor's offset");
  const auto* traits = traits_of(d.tensor.type);
  PEMA_CHECK(traits != nullptr, kUnsupported, name, ": tensor ", tensor_name, " has ",
             gguf_type_name(d.tensor.type),
             ", which this build of ggml does not know; use a model ",
             "quantised to Q8_0 or another common type, or a newer llama.cpp");
  if (d.tensor.shape[0] % traits->blck_size != 0) {
    cursor.corrupt(tensor_name, " has rows of ", d.tensor.shape[0], " elements, ",
                   gguf_type_name(d.tensor.type), " needs a multiple of ", traits->blck_size);
  }
  d.bytes = core::checked_multiply(elements / traits->blck_size,
                                   static_cast<std::int64_t>(traits->type_size), name.c_str());
  return d;
}

}  // namespace

std::string gguf_type_name(std::int32_t type) {
  const auto* traits = traits_of(type);
  return traits != nullptr ? std::string(traits->type_name) : message("type ", type);
}

GgufFile parse_gguf(std::span<const std::byte> bytes, const std::string& name) {
  Cursor cursor(bytes, name);
  PEMA_CHECK(bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0, kCorrupt, name,
             ": not a GGUF file (it does not begin with \"GGUF\"); give a model in GGUF form");
  cursor.take(4, "the magic");
  const auto version = cursor.number<std::uint32_t>("the version");
  PEMA_CHECK(version == 2 || version == 3, kUnsupported, name, ": GGUF version ", version,
             (version & 0xFFFFU) == 0 ? " (big-endian?)" : "",
             "; this build reads versions 2 and 3, little-endian: convert the model again");
  const auto tensors = cursor.number<std::uint64_t>("the tensor count");
  const auto values = cursor.number<std::uint64_t>("the key count");

  GgufFile file;
  for (std::uint64_t i = 0; i < values; ++i) {
    const std::string key(cursor.string("a key"));
    if (!file.values.emplace(key, read_value(cursor)).second) {
      cursor.corrupt("the key ", key, " stands there twice");
    }
  }
  std::vector<std::pair<GgufTensor*, Described>> described;
  for (std::uint64_t i = 0; i < tensors; ++i) {
    const std::string tensor_name(cursor.string("a tensor's name"));
    Described d = read_description(cursor, tensor_name, name);
    const auto [place, fresh] = file.tensors.emplace(tensor_name, d.tensor);
    if (!fresh) cursor.corrupt("the tensor ", tensor_name, " stands there twice");
    described.emplace_back(&place->second, std::move(d));
  }

  std::int64_t alignment = kDefaultAlignment;
  if (const auto* given = file.value("general.alignment")) {
    alignment = file.integer("general.alignment").value_or(0);
    if (given->type != GgufType::kUint32 || alignment <= 0 ||
        !std::has_single_bit(static_cast<std::uint64_t>(alignment))) {
      cursor.corrupt("general.alignment is not a power of two");
    }
  }
  if (tensors == 0) return file;
  const std::int64_t start = (cursor.at() + alignment - 1) / alignment * alignment;
  const std::int64_t blob = std::ssize(bytes) - start;
  for (auto& [tensor, d] : described) {
    if (d.offset % static_cast<std::uint64_t>(alignment) != 0 || blob < d.bytes ||
        d.offset > static_cast<std::uint64_t>(blob - d.bytes)) {
      cursor.corrupt("a tensor of ", d.bytes, " bytes at offset ", d.offset,
                     " does not fit the file's ", std::ssize(bytes), " bytes");
    }
    tensor->data = bytes.subspan(start + static_cast<std::int64_t>(d.offset), d.bytes);
  }
  return file;
}

std::vector<float> dequantise(const GgufTensor& tensor, const std::string& tensor_name,
                              const std::string& file_name) {
  const auto* traits = traits_of(tensor.type);
  const bool plain = tensor.type == GGML_TYPE_F32;
  PEMA_CHECK(plain || (traits != nullptr && traits->to_float != nullptr), kUnsupported, file_name,
             ": tensor ", tensor_name, " has type ", gguf_type_name(tensor.type),
             ", which ggml cannot turn into floats; quantise the model with this tensor as Q8_0, ",
             "F16 or F32");
  std::int64_t elements = 1;
  for (const std::int64_t size : tensor.shape) elements *= size;
  std::vector<float> out(static_cast<std::size_t>(elements));
  if (plain) {
    std::memcpy(out.data(), tensor.data.data(), out.size() * sizeof(float));
  } else {
    traits->to_float(tensor.data.data(), out.data(), elements);
  }
  return out;
}

}  // namespace pema::plm
