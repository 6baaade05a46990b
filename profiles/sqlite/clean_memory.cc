#include "profiles/sqlite/clean_memory.h"

#include <sqlite3.h>
#include <string.h>  // explicit_bzero

#include <algorithm>
#include <array>
#include <cstddef>

namespace pema::profiles::sqlite {
namespace {

sqlite3_mem_methods system_memory;

void free_zeroed(void* block) {
  if (block == nullptr) return;
  explicit_bzero(block, static_cast<std::size_t>(system_memory.xSize(block)));
  system_memory.xFree(block);
}

/// Never the system's: it would free the old place without zeroing it.
void* reallocate(void* block, int bytes) {
  const int now = system_memory.xSize(block);
  if (bytes <= now && bytes > now / 2) return block;
  void* const moved = system_memory.xMalloc(bytes);
  if (moved == nullptr) return nullptr;
  memcpy(moved, block, static_cast<std::size_t>(std::min(now, bytes)));
  free_zeroed(block);
  return moved;
}

bool configure() {
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory) != SQLITE_OK) return false;
  sqlite3_mem_methods clean = system_memory;
  clean.xFree = free_zeroed;
  clean.xRealloc = reallocate;
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &clean) != SQLITE_OK) return false;
  // Otherwise each connection's first pages are one block that is freed with the connection.
  return sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0) == SQLITE_OK;
}

}  // namespace

bool use_clean_memory() noexcept {
  static const bool used = configure();
  return used;
}

[[gnu::noinline]] void clear_dead_stack() noexcept {
  std::array<std::byte, std::size_t{1} << 16> below;
  explicit_bzero(below.data(), below.size());
}

}  // namespace pema::profiles::sqlite
