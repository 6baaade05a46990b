#include "profiles/audit_log.h"

#include <chrono>
#include <limits>

#include "pema/error.h"
#include "profiles/profile_codec.h"
#include "profiles/sql/pages.h"
#include "profiles/sql/transaction.h"

namespace pema {

std::string_view to_string(AuditKind kind) noexcept {
  switch (kind) {
    case AuditKind::kEnrolled:
      return "enrolled";
    case AuditKind::kRemoved:
      return "removed";
    case AuditKind::kErased:
      return "erased";
    case AuditKind::kPool:
      return "pool";
    case AuditKind::kEncrypted:
      return "encrypted";
    case AuditKind::kRotated:
      return "rotated";
    case AuditKind::kRebased:
      return "rebased";
    case AuditKind::kRetired:
      return "retired";
    case AuditKind::kCollected:
      return "collected";
    case AuditKind::kLimited:
      return "limited";
    case AuditKind::kDated:
      return "dated";
    case AuditKind::kForgotten:
      return "forgotten";
  }
  return "unknown";
}

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::kRead:
      return "read";
    case Role::kEnrol:
      return "enrol";
    case Role::kAdmin:
      return "admin";
  }
  return "unknown";
}

namespace profiles {
namespace {

std::int64_t now_milliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The last event's place; zero in an empty log.
AuditHead head_of(sql::Database& database) {
  sql::Query row =
      database.query("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1");
  if (!row->step()) return {};
  return {row->integer(0), row->digest(1)};
}

/// The last number ever given, which the table alone does not know when its tail was cut.
std::int64_t last_given(sql::Database& database) {
  // SQLite's AUTOINCREMENT keeps it; PostgreSQL's sequences also count what was rolled back.
  return database.integer(
      database.engine() == sql::Engine::kSqlite
          ? "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)"
          : "SELECT value FROM counter WHERE name = 'audit'");
}

void note_given(sql::Database& database, std::int64_t sequence) {
  if (database.engine() == sql::Engine::kSqlite) return;
  sql::Query row = database.query("UPDATE counter SET value = ?1 WHERE name = 'audit'");
  row->bind(1, sequence).run();
}

constexpr const char* kChanged =
    "; somebody changed registry.db by other means than pema: compare with a backup";

/// Walks over the log; keeps what a mistake in one event does not spoil for the next.
class Chain {
 public:
  explicit Chain(AuditReport& report) : report_(report) {}

  void take(const sql::Statement& row) {
    const std::int64_t sequence = row.integer(0);
    const std::string what = message("audit event ", sequence);
    if (sequence != head().sequence + 1) {
      damage(message("audit event ", head().sequence + 1), "is missing");
    }
    AuditEvent event;
    try {
      decode_event(row.blob(1), what, event);
    } catch (const Error& error) {
      report_.damages.push_back({what, error.what()});
    }
    const Digest hash = row.digest(2);
    // After a gap only what follows the first event behind it can be compared.
    if (sequence == head().sequence + 1 && hash != event_hash(head().hash, sequence, row.blob(1))) {
      damage(what, "or the one before it was changed: its hash is another one");
    }
    report_.head = {sequence, hash};
  }

  void damage(const std::string& what, const std::string& why) {
    report_.damages.push_back({what, why + kChanged});
  }
  [[nodiscard]] const AuditHead& head() const { return report_.head; }

 private:
  AuditReport& report_;
};

}  // namespace

std::vector<std::byte> encode_event(const AuditEvent& event) {
  std::vector<std::byte> out = {static_cast<std::byte>(event.kind),
                                static_cast<std::byte>(event.role)};
  put_varint(out, event.milliseconds);
  put_varint(out, event.count);
  return out;
}

void decode_event(std::span<const std::byte> bytes, std::string_view what, AuditEvent& event) {
  ByteReader reader(bytes, what);
  const auto refuse = [&](const char* why) {
    fail(ErrorCode::kCorrupt, what, ": is damaged (", why, "); compare with a backup");
  };
  if (reader.left() < 4) refuse("it ends too early");
  const auto kind = std::to_integer<std::uint8_t>(reader.take(1)[0]);
  const auto role = std::to_integer<std::uint8_t>(reader.take(1)[0]);
  if (kind < 1 || kind > static_cast<std::uint8_t>(AuditKind::kForgotten)) refuse("unknown kind");
  if (role < 1 || role > static_cast<std::uint8_t>(Role::kAdmin)) refuse("unknown role");
  event.kind = static_cast<AuditKind>(kind);
  event.role = static_cast<Role>(role);
  event.milliseconds = reader.varint();
  event.count = reader.varint();
  reader.finish();
}

Digest event_hash(const Digest& before, std::int64_t sequence, std::span<const std::byte> event) {
  Sha256 hash;
  hash.update("pema audit 1\n");
  hash.update(std::as_bytes(std::span(before.bytes)));
  hash.update_int(sequence);
  hash.update(event);
  return hash.finish();
}

AuditHead append_event(sql::Database& database, AuditKind kind, Role role, std::int64_t count) {
  PEMA_ASSERT(database.in_transaction());
  const AuditHead before = head_of(database);
  AuditEvent event;
  event.kind = kind;
  event.role = role;
  event.count = count;
  event.milliseconds = now_milliseconds();
  const std::vector<std::byte> bytes = encode_event(event);
  const AuditHead head{before.sequence + 1, event_hash(before.hash, before.sequence + 1, bytes)};
  sql::Query row = database.query("INSERT INTO audit (sequence, event, hash) VALUES (?1, ?2, ?3)");
  row->bind(1, head.sequence).bind(2, bytes).bind(3, head.hash).run();
  note_given(database, head.sequence);
  return head;
}

std::vector<AuditEvent> read_events(sql::Database& database, std::int64_t after,
                                    std::int64_t limit) {
  PEMA_CHECK(limit >= 0, kInvalidArgument, "a limit of ", limit, " events is negative");
  std::vector<AuditEvent> events;
  sql::Query row = database.query(
      "SELECT sequence, event, hash FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2");
  row->bind(1, after).bind(2, limit);
  while (row->step()) {
    AuditEvent event;
    event.sequence = row->integer(0);
    decode_event(row->blob(1), message("audit event ", event.sequence), event);
    event.hash = row->digest(2);
    events.push_back(event);
  }
  return events;
}

AuditReport verify_events(sql::Database& database, const AuditHead& noted) {
  AuditReport report;
  Chain chain(report);
  const sql::Transaction snapshot(database, sql::TransactionKind::kRead);
  bool noted_is_there = noted.sequence == 0;
  {
    const auto take = [&](const sql::Statement& row) {
      chain.take(row);
      if (chain.head().sequence != noted.sequence) return true;
      noted_is_there = true;
      if (chain.head().hash != noted.hash) {
        chain.damage(message("audit event ", noted.sequence), "is not the one that was noted");
      }
      return true;
    };
    sql::read_pages(database,
                    "SELECT sequence, event, hash FROM audit WHERE sequence > ?1 ORDER BY sequence "
                    "LIMIT ?2",
                    std::numeric_limits<std::int64_t>::min(), take);
  }
  const std::int64_t given = last_given(database);
  const std::int64_t last = report.head.sequence;
  if (given > last) {
    chain.damage("audit log", message("ends at event ", last, ", and ", given, " were written"));
  } else if (given < last) {
    chain.damage("audit log",
                 message("ends at event ", last, ", and only ", given, " were written"));
  }
  if (!noted_is_there) {
    chain.damage("audit log",
                 message("does not have the noted event ", noted.sequence, "; it ends at ", last));
  }
  return report;
}

}  // namespace profiles
}  // namespace pema
