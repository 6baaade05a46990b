#include "profiles/sealed_row.h"

#include "pema/error.h"
#include "profiles/profile_codec.h"

namespace pema::profiles {
namespace {

constexpr std::size_t kNumberBytes = 8;

/// A value is bound to its store, its person's token and its key: it cannot be another person's.
std::string context_of(const KeyStore& keys, std::string_view token, std::int64_t key_id) {
  std::string text = "pema row 1\n";
  text.append(reinterpret_cast<const char*>(keys.mark().data()), keys.mark().size());
  text += message(key_id, "\n", token);
  return text;
}

void put_part(std::vector<std::byte>& out, std::span<const std::byte> part) {
  put_varint(out, static_cast<std::int64_t>(part.size()));
  out.insert(out.end(), part.begin(), part.end());
}

std::vector<std::byte> take_part(ByteReader& reader) {
  const std::span<const std::byte> part = reader.take(reader.varint());
  return {part.begin(), part.end()};
}

}  // namespace

PlainRow::~PlainRow() {
  wipe(std::as_writable_bytes(std::span(name)));
  wipe(schedule);
  wipe(segments);
  wipe(mask);
}

std::vector<std::byte> seal_row(const KeyStore& keys, std::string_view token, std::int64_t key_id,
                                const DataKey& key, const PlainRow& row) {
  std::vector<std::byte> plain;
  plain.reserve(row.name.size() + row.schedule.size() + row.segments.size() + row.mask.size() + 30);
  put_part(plain, std::as_bytes(std::span(row.name)));
  put_part(plain, row.schedule);
  put_part(plain, row.segments);
  plain.insert(plain.end(), row.mask.begin(), row.mask.end());
  const std::vector<std::byte> sealed = seal(plain, key.bytes(), context_of(keys, token, key_id));
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

std::optional<PlainRow> open_row(KeyStore& keys, std::string_view token,
                                 std::span<const std::byte> stored) {
  const std::string what = message("profile ", token, " (encrypted)");
  const std::int64_t key_id = key_of_row(stored, what);
  const std::optional<DataKey> key = keys.find(key_id);
  if (!key) return std::nullopt;
  std::optional<std::vector<std::byte>> plain =
      unseal(stored.subspan(kNumberBytes), key->bytes(), context_of(keys, token, key_id));
  PEMA_CHECK(plain.has_value(), kCorrupt, what,
             ": is not what was sealed with its key; restore registry.db from a backup or enrol "
             "the profile again");
  PlainRow row;
  ByteReader reader(*plain, what);
  const std::vector<std::byte> name = take_part(reader);
  row.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  row.schedule = take_part(reader);
  row.segments = take_part(reader);
  const std::span<const std::byte> mask = reader.take(reader.left());
  row.mask.assign(mask.begin(), mask.end());
  wipe(*plain);
  return row;
}

}  // namespace pema::profiles
