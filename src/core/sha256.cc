#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <fstream>
#include <vector>

#include "pema/digest.h"
#include "pema/error.h"

namespace pema {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool Digest::is_zero() const noexcept { return *this == Digest{}; }

std::string Digest::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Digest Digest::parse(std::string_view hex) {
  PEMA_CHECK(hex.size() == 64, kInvalidArgument, "a digest has 64 hexadecimal characters, not ",
             hex.size());
  Digest digest;
  for (std::size_t i = 0; i < 32; ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    PEMA_CHECK(high >= 0 && low >= 0, kInvalidArgument,
               "a digest has 64 hexadecimal characters; character ", 2 * i + 1,
               " or its neighbour is none");
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

Digest Digest::from_bytes(std::span<const std::byte> raw) {
  PEMA_CHECK(raw.size() == 32, kInvalidArgument, "a digest has 32 bytes, not ", raw.size());
  Digest digest;
  std::memcpy(digest.bytes.data(), raw.data(), 32);
  return digest;
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  PEMA_ASSERT(state_->context != nullptr &&
              EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  PEMA_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
  return *this;
}

Sha256& Sha256::update(std::string_view text) {
  return update(std::as_bytes(std::span(text.data(), text.size())));
}

Sha256& Sha256::update_int(std::int64_t value) {
  std::array<std::byte, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
  return update(bytes);
}

Digest Sha256::finish() {
  Digest digest;
  unsigned int length = 0;
  PEMA_ASSERT(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), &length) == 1 &&
              length == 32);
  return digest;
}

Digest sha256(std::span<const std::byte> bytes) { return Sha256().update(bytes).finish(); }
Digest sha256(std::string_view text) { return Sha256().update(text).finish(); }

Digest sha256_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  PEMA_CHECK(file.good(), kNotFound, path,
             ": cannot be opened; check the path and the permissions");
  Sha256 hash;
  std::vector<char> buffer(std::size_t{1} << 20);
  while (file.good()) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.update(std::as_bytes(std::span(buffer.data(), static_cast<std::size_t>(file.gcount()))));
  }
  PEMA_CHECK(file.eof(), kIo, path, ": reading failed half-way");
  return hash.finish();
}

}  // namespace pema

std::size_t std::hash<pema::Digest>::operator()(const pema::Digest& digest) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, digest.bytes.data(), sizeof value);
  return value;
}
