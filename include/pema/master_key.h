/// The key of an encrypted store: it wraps the data key of every person (docs/formats/keys.md).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace pema {

/// 32 secret bytes in memory that is locked where the system allows it, never dumped, and zeroed at
/// the end. Text forms are 64 hexadecimal characters, a newline may follow. Thread-safety:
/// immutable.
class MasterKey {
 public:
  static constexpr std::size_t kBytes = 32;

  /// Throws kInvalidArgument unless there are 32 bytes, not all zero.
  [[nodiscard]] static std::shared_ptr<const MasterKey> from_bytes(
      std::span<const std::byte> bytes);
  /// Throws kNotFound, kIo, kInvalidArgument (not such a text), kPermission (others than its owner
  /// may read the file).
  [[nodiscard]] static std::shared_ptr<const MasterKey> from_file(const std::string& path);
  /// Throws kNotFound when `variable` is not set, kInvalidArgument.
  [[nodiscard]] static std::shared_ptr<const MasterKey> from_environment(
      const std::string& variable);
  /// `fill` is given 32 bytes of that memory: for keys that a key service hands out. Throws what it
  /// throws, kInvalidArgument when it leaves them zero.
  [[nodiscard]] static std::shared_ptr<const MasterKey> from_callback(
      const std::function<void(std::span<std::byte>)>& fill);
  /// Writes a new random key to `path`, which must not exist, readable by its owner alone. Throws
  /// kAlreadyExists, kIo, kDiskFull.
  static void create_file(const std::string& path);

  ~MasterKey();
  MasterKey(const MasterKey&) = delete;
  MasterKey& operator=(const MasterKey&) = delete;
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_, kBytes}; }

 private:
  MasterKey();
  std::byte* bytes_;
};

}  // namespace pema
