#include "profiles/registry_address.h"

#include <algorithm>

#include "pema/error.h"
#include "profiles/postgres/address.h"
#include "src/core/atomic_file.h"
#include "src/core/object_file.h"

namespace pema::profiles {
namespace {

constexpr std::size_t kMarkBytes = 64;

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f;
  });
}

}  // namespace

std::string address_file(const std::string& folder) { return folder + "/registry.url"; }

std::string encode_address(const RegistryAddress& address) {
  PEMA_CHECK(postgres::is_connection_string(address.url) && printable(address.url) &&
                 address.url.size() <= kMaxAddressBytes,
             kInvalidArgument,
             "the address of a registry is postgresql://USER@HOST:PORT/DATABASE, "
             "without spaces and of at most ",
             kMaxAddressBytes, " bytes");
  return address.url + "\n" + address.mark.hex() + "\n";
}

RegistryAddress decode_address(std::span<const std::byte> bytes, std::string_view what) {
  const auto refuse = [&](std::string_view why) {
    fail(ErrorCode::kCorrupt, what, ": ", why,
         "; it has two lines, the address of a database and 64 hexadecimal digits (restore it from "
         "a backup of the folder)");
  };
  if (bytes.size() > kMaxAddressBytes + kMarkBytes + 2) refuse("is too long");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) refuse("is cut short");
  RegistryAddress address;
  address.url = text.substr(0, end);
  if (!postgres::is_connection_string(address.url) || !printable(address.url)) {
    refuse("its first line is no address of a PostgreSQL database");
  }
  const std::string_view mark = text.substr(end + 1);
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (mark.size() != kMarkBytes + 1 || mark.back() != '\n' ||
      mark.find_first_not_of(kDigits) != kMarkBytes) {
    refuse("its second line is no mark");
  }
  address.mark = Digest::parse(mark.substr(0, kMarkBytes));
  return address;
}

RegistryAddress read_address(const std::string& path) {
  const auto file = core::MappedFile::open(path);
  return decode_address(file->bytes(), path);
}

void write_address(const std::string& path, const RegistryAddress& address) {
  core::AtomicFile file(path);
  file.write(encode_address(address));
  file.commit();
}

}  // namespace pema::profiles
