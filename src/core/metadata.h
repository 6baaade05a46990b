/// Metadata of an object: one struct with cereal's `serialize`, as portable binary.
#pragma once

#include <cereal/archives/portable_binary.hpp>
#include <cstddef>
#include <exception>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "pema/error.h"

namespace pema::core {

/// Little-endian on every machine, so that equal values give equal bytes and so equal digests.
template <typename T>
[[nodiscard]] std::vector<std::byte> encode_metadata(const T& value) {
  std::ostringstream out(std::ios::binary);
  cereal::PortableBinaryOutputArchive(
      out, cereal::PortableBinaryOutputArchive::Options::LittleEndian())(value);
  const std::string text = out.str();
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

/// Reads what `encode_metadata` wrote. T has fields of fixed size only: cereal allocates what a
/// damaged length asks for, so a T with strings or vectors must cap them in its own `load`. `name`
/// is used in messages. Throws kCorrupt when bytes are missing or left over; an Error thrown by T's
/// own `load` passes.
template <typename T>
[[nodiscard]] T decode_metadata(std::span<const std::byte> meta, const std::string& name) {
  T value{};
  std::istringstream in(std::string(reinterpret_cast<const char*>(meta.data()), meta.size()),
                        std::ios::binary);
  try {
    cereal::PortableBinaryInputArchive archive(in);
    archive(value);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {  // cereal::Exception, std::bad_alloc, std::length_error
    fail(ErrorCode::kCorrupt, name, ": its metadata cannot be read (", error.what(),
         "); restore the file from a backup or store the object again");
  }
  PEMA_CHECK(in.peek() == std::istringstream::traits_type::eof(), kCorrupt, name,
             ": its metadata is longer than it should be; restore the file from a backup or store "
             "the object again");
  return value;
}

}  // namespace pema::core
