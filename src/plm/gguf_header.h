/// The header of a GGUF file, parsed with every size checked before it is used. ggml's own reader
/// asserts on some damaged files, so nothing reaches it (or llama.cpp) that was not accepted here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pema::plm {

/// Value types of a GGUF key. Numbers are the format's.
enum class GgufType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

/// One key's value, still in file bytes: for a string its characters, for an array its elements as
/// they stand in the file (strings with their lengths).
struct GgufValue {
  GgufType type = GgufType::kUint8;
  GgufType element = GgufType::kUint8;  ///< of an array
  std::int64_t count = 1;               ///< elements of an array
  std::span<const std::byte> bytes;
};

/// One tensor's description and bytes.
struct GgufTensor {
  std::int32_t type = 0;            ///< a ggml type that this build of ggml knows
  std::vector<std::int64_t> shape;  ///< fastest dimension first; 1 to 4 numbers, each >= 1
  std::span<const std::byte> data;  ///< exactly as many bytes as type and shape need
};

/// Spans point into the bytes that were parsed. Thread-safety: immutable.
struct GgufFile {
  std::map<std::string, GgufValue, std::less<>> values;
  std::map<std::string, GgufTensor, std::less<>> tensors;

  /// Null when absent.
  [[nodiscard]] const GgufTensor* tensor(std::string_view name) const;
  [[nodiscard]] const GgufValue* value(std::string_view key) const;
  /// Absent when the key is missing or of another kind.
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  /// Any integer type. Absent when missing, of another kind or above 2^63 - 1.
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;
  /// Float32 or float64. Absent when missing or of another kind.
  [[nodiscard]] std::optional<double> real(std::string_view key) const;
};

/// `name` is used in messages. Throws kCorrupt (not GGUF, truncated, impossible sizes, a name given
/// twice) or kUnsupported (another version or byte order, a tensor type unknown to this ggml).
[[nodiscard]] GgufFile parse_gguf(std::span<const std::byte> bytes, const std::string& name);

/// "Q8_0" or "type 77" for a number that this ggml does not know.
[[nodiscard]] std::string gguf_type_name(std::int32_t type);

/// Elements of `tensor` as f32, row-major with the fastest dimension last. Throws kUnsupported,
/// naming file, tensor and type, when ggml cannot dequantise it.
[[nodiscard]] std::vector<float> dequantise(const GgufTensor& tensor,
                                            const std::string& tensor_name,
                                            const std::string& file_name);

}  // namespace pema::plm
