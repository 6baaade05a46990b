/// Buffers that the emulator knows by name: their guards are checked after each block, and the
/// trace counts what is done to them. Tests use EmulatedBuffer.
#pragma once

#include <cstddef>
#include <string>

namespace simt::detail {

inline constexpr std::size_t kBufferGuard = 256;

/// begin: 256-byte aligned, with kBufferGuard bytes of the caller's memory before it and behind its
/// end. read_only: a kernel that writes to it is reported by the trace.
void register_buffer(const void* begin, std::size_t bytes, std::size_t element, std::string name,
                     bool read_only);
void unregister_buffer(const void* begin);

}  // namespace simt::detail
