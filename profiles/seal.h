/// XChaCha20-Poly1305 of libsodium, over short values and over whole object files. The only header
/// of the folder behind which sodium.h is seen, with master_key.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pema::profiles {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kNonceBytes = 24;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kWrappedBytes = kNonceBytes + kKeyBytes + kTagBytes;

/// A key of one person, one object or one purpose; zeroed at the end.
class DataKey {
 public:
  DataKey() = default;
  ~DataKey();
  DataKey(const DataKey&) = default;
  DataKey& operator=(const DataKey&) = default;
  [[nodiscard]] static DataKey random();
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return bytes_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::array<std::byte, kKeyBytes> bytes_{};
};

/// Makes libsodium usable. Throws kInternal when it cannot be. Thread-safety: reentrant, as
/// everything here.
void require_sodium();

/// Overwrites bytes that are no longer needed, whatever the optimiser thinks.
void wipe(std::span<std::byte> bytes) noexcept;

void fill_random(std::span<std::byte> bytes);

/// sealed := nonce[24] ciphertext tag[16]; `context` is authenticated with it.
[[nodiscard]] std::vector<std::byte> seal(std::span<const std::byte> plain,
                                          std::span<const std::byte> key, std::string_view context);
/// Nothing when the key, the context or a byte is another one.
[[nodiscard]] std::optional<std::vector<std::byte>> unseal(std::span<const std::byte> sealed,
                                                           std::span<const std::byte> key,
                                                           std::string_view context);

/// 22 characters that stand for `text` under `key`: the same for the same, and nothing of it.
/// BLAKE2b, 16 bytes, URL-safe base64.
[[nodiscard]] std::string keyed_token(std::string_view text, std::span<const std::byte> key);

/// An object file with `plain` in it (docs/formats/object.md, kind 10): chunks of 64 KiB, each
/// authenticated together with its place, the last one known as the last.
[[nodiscard]] std::vector<std::byte> seal_object(std::span<const std::byte> plain,
                                                 const DataKey& key);

/// Plain bytes of a sealed object, in memory that is locked where the system allows it, never
/// dumped, and zeroed at the end. Starts at a multiple of 64.
struct OpenedObject {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
};
/// Throws kCorrupt, naming `name` and the chunk that is damaged or cut off.
[[nodiscard]] OpenedObject open_sealed_object(std::span<const std::byte> file, const DataKey& key,
                                              const std::string& name);

}  // namespace pema::profiles
