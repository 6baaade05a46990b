#include "pema/master_key.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "pema/error.h"
#include "profiles/seal.h"
#include "src/core/file_system.h"

namespace pema {
namespace {

constexpr std::size_t kTextBytes = 2 * MasterKey::kBytes;

/// Decodes a key's text into `key`. Throws kInvalidArgument, without a byte of it.
void read_text(std::string_view text, std::string_view where, std::span<std::byte> key) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::size_t count = 0;
  const int failed = sodium_hex2bin(reinterpret_cast<unsigned char*>(key.data()), key.size(),
                                    text.data(), text.size(), nullptr, &count, nullptr);
  PEMA_CHECK(text.size() == kTextBytes && failed == 0 && count == key.size(), kInvalidArgument,
             where, ": a master key is ", kTextBytes,
             " hexadecimal characters; make one with `pema store key new FILE`");
}

struct Descriptor {
  explicit Descriptor(int file) : value(file) {}
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value;
};

}  // namespace

MasterKey::MasterKey() {
  profiles::require_sodium();
  bytes_ = static_cast<std::byte*>(sodium_malloc(kBytes));
  PEMA_CHECK(bytes_ != nullptr, kIo, "the system gives no memory for a master key");
  sodium_memzero(bytes_, kBytes);
}

MasterKey::~MasterKey() { sodium_free(bytes_); }

std::shared_ptr<const MasterKey> MasterKey::from_callback(
    const std::function<void(std::span<std::byte>)>& fill) {
  const std::shared_ptr<MasterKey> key(new MasterKey());
  fill({key->bytes_, kBytes});
  PEMA_CHECK(sodium_is_zero(reinterpret_cast<unsigned char*>(key->bytes_), kBytes) == 0,
             kInvalidArgument, "a master key of zeros protects nothing; give the real one");
  sodium_mprotect_readonly(key->bytes_);
  return key;
}

std::shared_ptr<const MasterKey> MasterKey::from_bytes(std::span<const std::byte> bytes) {
  PEMA_CHECK(bytes.size() == kBytes, kInvalidArgument, "a master key has ", kBytes, " bytes, not ",
             bytes.size());
  return from_callback(
      [&](std::span<std::byte> key) { std::copy(bytes.begin(), bytes.end(), key.begin()); });
}

std::shared_ptr<const MasterKey> MasterKey::from_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  PEMA_CHECK(file.value >= 0 || errno != ENOENT, kNotFound, path,
             ": there is no such key file; make one with `pema store key new FILE`");
  if (file.value < 0) core::fail_file(errno, path, "opening the key file");
  struct stat info {};
  if (::fstat(file.value, &info) != 0) core::fail_file(errno, path, "examining the key file");
  PEMA_CHECK((info.st_mode & (S_IRWXG | S_IRWXO)) == 0, kPermission, path,
             ": others than its owner may use the key file; run `chmod 600` on it");
  return from_callback([&](std::span<std::byte> key) {
    std::array<char, kTextBytes + 2> text{};
    const ssize_t count = ::read(file.value, text.data(), text.size());
    if (count < 0) core::fail_file(errno, path, "reading the key file");
    const auto clear = [&] { sodium_memzero(text.data(), text.size()); };
    try {
      read_text({text.data(), static_cast<std::size_t>(count)}, path, key);
    } catch (...) {
      clear();
      throw;
    }
    clear();
  });
}

std::shared_ptr<const MasterKey> MasterKey::from_environment(const std::string& variable) {
  const char* const text = std::getenv(variable.c_str());
  PEMA_CHECK(text != nullptr, kNotFound, "the environment variable ", variable,
             " holds no master key; set it, or name a key file");
  return from_callback(
      [&](std::span<std::byte> key) { read_text(text, "the variable " + variable, key); });
}

void MasterKey::create_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  PEMA_CHECK(file.value >= 0 || errno != EEXIST, kAlreadyExists, path,
             ": there is a file already; a key file is never written over");
  if (file.value < 0) core::fail_file(errno, path, "creating the key file");
  profiles::DataKey key = profiles::DataKey::random();
  std::array<char, kTextBytes + 1> text{};
  sodium_bin2hex(text.data(), text.size(), reinterpret_cast<unsigned char*>(key.bytes().data()),
                 key.bytes().size());
  text[kTextBytes] = '\n';
  const ssize_t count = ::write(file.value, text.data(), text.size());
  const int error = count == static_cast<ssize_t>(text.size()) && ::fsync(file.value) == 0
                        ? 0
                        : (count < 0 || errno != 0 ? errno : EIO);
  sodium_memzero(text.data(), text.size());
  core::check_file(error, path, "writing the key file");
  core::check_file(core::file_system().sync_folder(core::folder_of(path)), path,
                   "syncing its folder");
}

}  // namespace pema
