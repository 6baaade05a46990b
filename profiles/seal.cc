#include "profiles/seal.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "pema/error.h"
#include "src/core/object_file.h"

namespace pema::profiles {
namespace {

static_assert(kKeyBytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(kNonceBytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(kTagBytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);
static_assert(kKeyBytes == crypto_secretstream_xchacha20poly1305_KEYBYTES);

constexpr std::size_t kChunkBytes = std::size_t{1} << 16;
constexpr std::size_t kChunkExtra = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr std::size_t kHeaderBytes = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
/// "PEMASEA1", then the plain bytes as 8 bytes little-endian, then the stream's header.
constexpr std::array<char, 8> kMagic = {'P', 'E', 'M', 'A', 'S', 'E', 'A', '1'};
constexpr std::size_t kMetaBytes = kMagic.size() + 8 + kHeaderBytes;

const unsigned char* raw(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

std::size_t chunk_count(std::size_t plain) {
  return std::max<std::size_t>(1, (plain + kChunkBytes - 1) / kChunkBytes);
}

/// A block that starts at a multiple of 64: sodium_malloc ends its blocks at a page's end.
std::byte* locked_block(std::size_t bytes) {
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + 63) / 64 * 64;
  void* const block = sodium_malloc(rounded);
  PEMA_CHECK(block != nullptr, kIo, "the system gives no memory for ", bytes,
             " bytes of an encrypted segment; free some, or raise the limit of mappings");
  return static_cast<std::byte*>(block);
}

}  // namespace

DataKey::~DataKey() { wipe(bytes_); }

DataKey DataKey::random() {
  DataKey key;
  fill_random(key.bytes_);
  return key;
}

void require_sodium() {
  static const int ready = sodium_init();
  PEMA_CHECK(ready >= 0, kInternal, "libsodium cannot be used on this system (sodium_init failed)");
}

void wipe(std::span<std::byte> bytes) noexcept { sodium_memzero(bytes.data(), bytes.size()); }

void fill_random(std::span<std::byte> bytes) {
  require_sodium();
  randombytes_buf(bytes.data(), bytes.size());
}

std::vector<std::byte> seal(std::span<const std::byte> plain, std::span<const std::byte> key,
                            std::string_view context) {
  std::vector<std::byte> out(kNonceBytes + plain.size() + kTagBytes);
  fill_random(std::span(out).first(kNonceBytes));
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      raw(std::span(out).subspan(kNonceBytes)), nullptr, raw(plain), plain.size(),
      reinterpret_cast<const unsigned char*>(context.data()), context.size(), nullptr,
      raw(std::span<const std::byte>(out)), raw(key));
  return out;
}

std::optional<std::vector<std::byte>> unseal(std::span<const std::byte> sealed,
                                             std::span<const std::byte> key,
                                             std::string_view context) {
  require_sodium();
  if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const std::span<const std::byte> body = sealed.subspan(kNonceBytes);
  std::vector<std::byte> plain(body.size() - kTagBytes);
  const int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
      raw(std::span(plain)), nullptr, nullptr, raw(body), body.size(),
      reinterpret_cast<const unsigned char*>(context.data()), context.size(), raw(sealed),
      raw(key));
  if (failed != 0) return std::nullopt;
  return plain;
}

std::string keyed_token(std::string_view text, std::span<const std::byte> key) {
  require_sodium();
  std::array<unsigned char, 16> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), raw(key), key.size());
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::array<char, 32> token{};
  sodium_bin2base64(token.data(), token.size(), hash.data(), hash.size(), kVariant);
  return token.data();
}

std::vector<std::byte> seal_object(std::span<const std::byte> plain, const DataKey& key) {
  require_sodium();
  std::array<std::byte, kMetaBytes> meta{};
  std::memcpy(meta.data(), kMagic.data(), kMagic.size());
  const std::uint64_t size = plain.size();
  std::memcpy(meta.data() + kMagic.size(), &size, sizeof size);
  crypto_secretstream_xchacha20poly1305_state state;
  crypto_secretstream_xchacha20poly1305_init_push(
      &state, raw(std::span(meta).subspan(kMagic.size() + 8)), raw(key.bytes()));
  const std::size_t chunks = chunk_count(plain.size());
  std::vector<std::byte> body(plain.size() + chunks * kChunkExtra);
  for (std::size_t i = 0; i < chunks; ++i) {
    const std::size_t at = i * kChunkBytes;
    const auto piece = plain.subspan(at, std::min(kChunkBytes, plain.size() - at));
    const unsigned char tag = i + 1 == chunks ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
                                              : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
    crypto_secretstream_xchacha20poly1305_push(
        &state, raw(std::span(body).subspan(i * (kChunkBytes + kChunkExtra))), nullptr, raw(piece),
        piece.size(), nullptr, 0, tag);
  }
  sodium_memzero(&state, sizeof state);
  const std::array<std::span<const std::byte>, 1> sections = {body};
  return core::build_object(core::ObjectKind::kSealed, meta, sections);
}

OpenedObject open_sealed_object(std::span<const std::byte> file, const DataKey& key,
                                const std::string& name) {
  require_sodium();
  const core::ObjectParts parts = core::parse_object(file, core::ObjectKind::kSealed, name);
  const auto refuse = [&](const auto&... why) {
    fail(ErrorCode::kCorrupt, name, ": is damaged (", why...,
         "); restore it from a backup or enrol the profile again");
  };
  if (parts.meta.size() != kMetaBytes || parts.sections.size() != 1 ||
      std::memcmp(parts.meta.data(), kMagic.data(), kMagic.size()) != 0) {
    refuse("its head is that of no sealed object");
  }
  std::uint64_t size = 0;
  std::memcpy(&size, parts.meta.data() + kMagic.size(), sizeof size);
  const std::span<const std::byte> body = parts.sections[0];
  if (size > body.size() || body.size() != size + chunk_count(size) * kChunkExtra) {
    refuse("it has ", body.size(), " sealed bytes for ", size, " plain ones");
  }
  std::byte* const block = locked_block(size);
  OpenedObject out{{block, [](const void* at) { sodium_free(const_cast<void*>(at)); }},
                   {block, static_cast<std::size_t>(size)}};
  crypto_secretstream_xchacha20poly1305_state state;
  bool good = crypto_secretstream_xchacha20poly1305_init_pull(
                  &state, raw(parts.meta.subspan(kMagic.size() + 8)), raw(key.bytes())) == 0;
  const std::size_t chunks = chunk_count(size);
  for (std::size_t i = 0; i < chunks; ++i) {
    const std::size_t at = i * kChunkBytes;
    const std::size_t plain = std::min<std::size_t>(kChunkBytes, size - at);
    unsigned char tag = 0;
    good = good && crypto_secretstream_xchacha20poly1305_pull(
                       &state, reinterpret_cast<unsigned char*>(block) + at, nullptr, &tag,
                       raw(body.subspan(i * (kChunkBytes + kChunkExtra))), plain + kChunkExtra,
                       nullptr, 0) == 0;
    const bool last = i + 1 == chunks;
    if (!good || (tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL) != last) {
      sodium_memzero(&state, sizeof state);
      refuse("chunk ", i + 1, " of ", chunks, " is not what was sealed with this key");
    }
  }
  sodium_memzero(&state, sizeof state);
  sodium_mprotect_readonly(block);
  return out;
}

}  // namespace pema::profiles
