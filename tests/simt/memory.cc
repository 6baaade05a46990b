// Shared memory, asynchronous copies into it, and the buffers tests have named.
#include <algorithm>
#include <map>
#include <memory>

#include "tests/simt/block.h"
#include "tests/simt/buffers.h"
#include "tests/simt/trace_state.h"

#if defined(SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace simt::detail {

namespace {

constexpr std::size_t kSharedGuard = 4096;
constexpr std::size_t kArenaBytes = std::size_t{4} << 20U;
constexpr std::size_t kStaticLimit = 48 * 1024;
constexpr unsigned char kCanary = 0xa5;

void poison([[maybe_unused]] const char* begin, [[maybe_unused]] std::size_t bytes) {
#if defined(SIMT_ASAN)
  __asan_poison_memory_region(begin, bytes);
#endif
}
void unpoison([[maybe_unused]] const char* begin, [[maybe_unused]] std::size_t bytes) {
#if defined(SIMT_ASAN)
  __asan_unpoison_memory_region(begin, bytes);
#endif
}

struct SharedArray {
  const char* function;
  const char* name;
  char* data;
  std::size_t bytes;
};

/// One piece of memory from which a launch's shared arrays are cut, with guards between them.
struct Arena {
  std::unique_ptr<char[]> memory;
  char* begin = nullptr;
  std::size_t used = 0;
  std::size_t static_bytes = 0;
  std::vector<SharedArray> arrays;
  char* dynamic = nullptr;
};
Arena arena;
std::map<const char*, Region> regions;  // by where the guard in front begins

void write_guards(const Region& region) {
  char* const begin = const_cast<char*>(region.begin);
  std::memset(begin - region.guard, kCanary, region.guard);
  std::memset(begin + region.bytes, kCanary, region.guard);
  poison(begin - region.guard, region.guard);
  poison(begin + region.bytes, region.guard);
}

#if !defined(SIMT_ASAN)
std::ptrdiff_t first_change(const char* guard, std::size_t bytes) {
  const auto* const p = reinterpret_cast<const unsigned char*>(guard);
  const auto* const changed =
      std::find_if(p, p + bytes, [](unsigned char c) { return c != kCanary; });
  return changed == p + bytes ? -1 : changed - p;
}
#endif

/// The regions whose guard was written to; ASan stops at the write itself.
void check_guards([[maybe_unused]] const Region& region) {
#if !defined(SIMT_ASAN)
  const std::ptrdiff_t before = first_change(region.begin - region.guard, region.guard);
  const std::ptrdiff_t behind = first_change(region.end(), region.guard);
  if (before < 0 && behind < 0) {
    return;
  }
  const std::string block = "(" + std::to_string(blockIdx.x) + "," + std::to_string(blockIdx.y) +
                            "," + std::to_string(blockIdx.z) + ")";
  write_guards(region);
  throw Breach("'" + region.name + "' was overrun in block " + block + ": byte " +
               std::to_string(before >= 0 ? before - static_cast<std::ptrdiff_t>(region.guard)
                                          : behind + static_cast<std::ptrdiff_t>(region.bytes)) +
               " of " + std::to_string(region.bytes) + " was written");
#endif
}

char* cut(const std::string& name, std::size_t bytes, std::size_t element, Site site) {
  if (arena.begin == nullptr) {
    arena.memory = std::make_unique<char[]>(kArenaBytes + 256);
    const auto address = reinterpret_cast<std::uintptr_t>(arena.memory.get());
    arena.begin = arena.memory.get() + (256 - address % 256) % 256;
  }
  const std::size_t rounded = (bytes + 255) / 256 * 256;
  if (arena.used + rounded + 2 * kSharedGuard > kArenaBytes) {
    breach("too much shared memory for the emulator", site);
  }
  Region region{
      arena.begin + arena.used + kSharedGuard, bytes, element, name, true, false, kSharedGuard};
  char* const data = arena.begin + arena.used + kSharedGuard;
  arena.used += rounded + 2 * kSharedGuard;
  unpoison(data - kSharedGuard, bytes + 2 * kSharedGuard);
  write_guards(region);
  std::memset(data, 0xff, bytes);
  regions[data - kSharedGuard] = region;
  return data;
}

void land(const AsyncCopy& copy) {
  std::memcpy(copy.dst, copy.src, 16);
  trace_async_landed(copy.dst);
}

}  // namespace

void register_buffer(const void* begin, std::size_t bytes, std::size_t element, std::string name,
                     bool read_only) {
  const Region region{static_cast<const char*>(begin),
                      bytes,
                      element,
                      std::move(name),
                      false,
                      read_only,
                      kBufferGuard};
  write_guards(region);
  regions[region.begin - kBufferGuard] = region;
}

void unregister_buffer(const void* begin) {
  const auto found = regions.find(static_cast<const char*>(begin) - kBufferGuard);
  const Region& region = found->second;
  unpoison(region.begin - region.guard, region.bytes + 2 * region.guard);
  trace_remove_region(region);
  regions.erase(found);
}

const Region* find_region(const void* p) {
  const auto next = regions.upper_bound(static_cast<const char*>(p));
  if (next == regions.begin()) {
    return nullptr;
  }
  const Region& region = std::prev(next)->second;
  return p < region.end() + region.guard ? &region : nullptr;
}

void* shared_array(const SharedDeclaration& declaration, Site site) {
  for (const SharedArray& array : arena.arrays) {
    if (array.function == declaration.function && array.name == declaration.name) {
      return array.data;
    }
  }
  arena.static_bytes += declaration.bytes;
  if (arena.static_bytes > kStaticLimit) {
    breach("more than 48 KiB of static shared memory", site);
  }
  char* const data = cut(declaration.name, declaration.bytes, declaration.element, site);
  arena.arrays.push_back({declaration.function, declaration.name, data, declaration.bytes});
  return data;
}

void* dynamic_shared(std::size_t element, Site site) {
  if (arena.dynamic == nullptr) {
    arena.dynamic = cut("dynamic shared memory", block_state.dynamic_bytes, element, site);
  }
  return arena.dynamic;
}

void start_block_memory() {
  for (const SharedArray& array : arena.arrays) {
    std::memset(array.data, 0xff, array.bytes);
  }
  if (arena.dynamic != nullptr) {
    std::memset(arena.dynamic, 0xff, block_state.dynamic_bytes);
  }
}

void finish_block_memory() {
  for (const auto& [start, region] : regions) {
    check_guards(region);
  }
}

void finish_launch_memory() {
  for (auto it = regions.begin(); it != regions.end();) {
    if (it->second.shared) {
      trace_remove_region(it->second);
      it = regions.erase(it);
    } else {
      ++it;
    }
  }
  arena.arrays.clear();
  arena.dynamic = nullptr;
  arena.used = 0;
  arena.static_bytes = 0;
}

void checked_access(const void* p, std::size_t bytes, Access access, Site site) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  if (address % bytes != 0) {
    const Region* const region = find_region(p);
    breach(
        "misaligned access of " + std::to_string(bytes) + " bytes, " +
            std::to_string(address % bytes) + " past a multiple" +
            (region == nullptr ? std::string()
                               : ", in '" + region->name + "' at byte " +
                                     std::to_string(static_cast<const char*>(p) - region->begin)),
        site);
  }
  if (trace_active()) {
    trace_access(p, bytes, access, __builtin_return_address(0), &site);
  }
}

void cp_async(void* shared_dst, const void* global_src, Site site) {
  Thread& self = block_state.self();
  if ((reinterpret_cast<std::uintptr_t>(shared_dst) |
       reinterpret_cast<std::uintptr_t>(global_src)) %
          16 !=
      0) {
    breach("cp.async of 16 bytes with a misaligned address", site);
  }
  const Region* const to = find_region(shared_dst);
  if (to == nullptr || !to->shared || shared_dst < to->begin ||
      static_cast<char*>(shared_dst) + 16 > to->end()) {
    breach("cp.async to an address outside of shared memory", site);
  }
  const Region* const from = find_region(global_src);
  if (from != nullptr && from->shared) {
    breach("cp.async from shared memory", site);
  }
  if (trace_active()) {
    trace_access(global_src, 16, Access::kRead, __builtin_return_address(0), &site);
    trace_async_issued(shared_dst, __builtin_return_address(0), site);
  }
  char now[16];
  std::memcpy(now, global_src, 16);  // for ASan: the source must be readable when asked for
  std::memset(shared_dst, 0xff, 16);
  self.copies.push_back({shared_dst, global_src, self.committed});
}

void cp_async_commit_group() { ++block_state.self().committed; }

void cp_async_wait_group(int newest, Site site) {
  Thread& self = block_state.self();
  if (newest < 0) {
    breach("cp.async.wait_group of a negative number", site);
  }
  const auto still_out = static_cast<std::uint64_t>(newest);
  auto first_out = self.copies.begin();
  while (first_out != self.copies.end() && first_out->group + still_out < self.committed) {
    land(*first_out);
    ++first_out;
  }
  self.copies.erase(self.copies.begin(), first_out);
}

}  // namespace simt::detail
