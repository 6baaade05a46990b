/// SHA-256 identities: objects, models, masks and data sets are named by the digest of their bytes
/// (FIPS 180-4).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace pema {

/// 32 bytes of SHA-256. Ordered and hashable. The default value is all zero and means "none".
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Digest&) const = default;
  [[nodiscard]] bool is_zero() const noexcept;
  /// 64 lower-case hexadecimal characters.
  [[nodiscard]] std::string hex() const;
  /// The first 12 of them, for people.
  [[nodiscard]] std::string short_hex() const { return hex().substr(0, 12); }
  /// Throws kInvalidArgument unless `hex` is 64 hexadecimal characters.
  [[nodiscard]] static Digest parse(std::string_view hex);
  /// Throws kInvalidArgument unless `raw` has 32 bytes.
  [[nodiscard]] static Digest from_bytes(std::span<const std::byte> raw);
};

/// Incremental SHA-256. Thread-safety: one thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view text);
  /// Eight little-endian bytes, so that sizes enter a digest the same way on every machine.
  Sha256& update_int(std::int64_t value);
  /// Ends the digest; the object may only be destroyed afterwards.
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Digest sha256(std::span<const std::byte> bytes);
[[nodiscard]] Digest sha256(std::string_view text);
/// Digest of a whole file, read in pieces. Throws kIo or kNotFound, naming the path.
[[nodiscard]] Digest sha256_file(const std::string& path);

}  // namespace pema

template <>
struct std::hash<pema::Digest> {
  std::size_t operator()(const pema::Digest& digest) const noexcept;
};
