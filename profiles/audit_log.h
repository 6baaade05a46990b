/// Table `audit` (docs/formats/audit.md).
///
///   event := byte kind, byte role, varint milliseconds, varint count
///   hash  := SHA-256("pema audit 1\n", hash of the event before (zero for the first),
///                    sequence as 8 bytes little-endian, event)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pema/audit.h"
#include "profiles/sql/database.h"

namespace pema::profiles {

/// Kind, role, time and count of `event`.
[[nodiscard]] std::vector<std::byte> encode_event(const AuditEvent& event);
/// Fills them. Throws kCorrupt, naming `what`; each event has one encoding only.
void decode_event(std::span<const std::byte> bytes, std::string_view what, AuditEvent& event);
[[nodiscard]] Digest event_hash(const Digest& before, std::int64_t sequence,
                                std::span<const std::byte> event);

/// Appends an event; expects a transaction, so that the event is there exactly when what it tells
/// of happened. The new head.
AuditHead append_event(sql::Database& database, AuditKind kind, Role role, std::int64_t count);

/// Events after `after`, at most `limit`. Throws kCorrupt.
[[nodiscard]] std::vector<AuditEvent> read_events(sql::Database& database, std::int64_t after,
                                                  std::int64_t limit);

/// Reads the whole log and compares every hash; with `noted`, that the log still holds that event.
[[nodiscard]] AuditReport verify_events(sql::Database& database, const AuditHead& noted);

}  // namespace pema::profiles
