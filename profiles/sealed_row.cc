#include "profiles/sealed_row.h"

#include "pema/error.h"
#include "profiles/profile_codec.h"

namespace pema::profiles {
namespace {

constexpr std::size_t kNumberBytes = 8;

/// A value is bound to its store, its profile's number and its key: it cannot be another person's.
std::string context_of(const KeyStore& keys, std::int64_t profile, std::int64_t key_id) {
  std::string text = "pema row 1\n";
  text.append(reinterpret_cast<const char*>(keys.mark().data()), keys.mark().size());
  text += message(key_id, "\n", profile);
  return text;
}

}  // namespace

PlainRow::~PlainRow() {
  wipe(std::as_writable_bytes(std::span(name)));
  wipe(data);
}

std::vector<std::byte> seal_row(const KeyStore& keys, std::int64_t profile, std::int64_t key_id,
                                const DataKey& key, std::string_view name,
                                std::span<const std::byte> data) {
  std::vector<std::byte> plain;
  plain.reserve(name.size() + data.size() + 10);
  put_varint(plain, static_cast<std::int64_t>(name.size()));
  const auto bytes = std::as_bytes(std::span(name));
  plain.insert(plain.end(), bytes.begin(), bytes.end());
  plain.insert(plain.end(), data.begin(), data.end());
  const std::vector<std::byte> sealed = seal(plain, key.bytes(), context_of(keys, profile, key_id));
  wipe(plain);
  std::vector<std::byte> stored;
  for (std::size_t i = 0; i < kNumberBytes; ++i) {
    stored.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(key_id) >> (8 * i)));
  }
  stored.insert(stored.end(), sealed.begin(), sealed.end());
  return stored;
}

std::int64_t key_of_row(std::span<const std::byte> stored, std::string_view what) {
  PEMA_CHECK(stored.size() > kNumberBytes, kCorrupt, what,
             ": is damaged (it ends too early); restore registry.db from a backup");
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < kNumberBytes; ++i) {
    id |= std::to_integer<std::uint64_t>(stored[i]) << (8 * i);
  }
  return static_cast<std::int64_t>(id);
}

std::optional<PlainRow> open_row(KeyStore& keys, std::int64_t profile,
                                 std::span<const std::byte> stored) {
  const std::string what = message("profile ", profile, " (encrypted)");
  const std::int64_t key_id = key_of_row(stored, what);
  const std::optional<DataKey> key = keys.find(key_id);
  if (!key) return std::nullopt;
  std::optional<std::vector<std::byte>> plain =
      unseal(stored.subspan(kNumberBytes), key->bytes(), context_of(keys, profile, key_id));
  PEMA_CHECK(plain.has_value(), kCorrupt, what,
             ": is not what was sealed with its key; restore registry.db from a backup or enrol "
             "the profile again");
  PlainRow row;
  ByteReader reader(*plain, what);
  const std::span<const std::byte> name = reader.take(reader.varint());
  row.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  const std::span<const std::byte> data = reader.take(reader.left());
  row.data.assign(data.begin(), data.end());
  wipe(*plain);
  return row;
}

}  // namespace pema::profiles
