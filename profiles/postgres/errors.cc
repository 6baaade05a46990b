#include "profiles/postgres/errors.h"

#include <algorithm>
#include <iterator>

#include "profiles/sql/database.h"

namespace pema::profiles::postgres {
namespace {

struct Kind {
  std::string_view state;  ///< the whole SQLSTATE, or its class (two characters)
  ErrorCode code;
  const char* fix;
};

constexpr const char* kRestore =
    "the database is damaged: restore it from a backup, and see PostgreSQL's log";
constexpr const char* kSchemaFix =
    "it does not have the tables this program expects: create the store with `pema init`, or check "
    "the search_path of the connection string";

/// Whole states come before their classes. PostgreSQL's appendix A names them.
constexpr Kind kKinds[] = {
    {"55P03", ErrorCode::kBusy, "another process is writing to this store; try again"},
    {"57014", ErrorCode::kBusy, "the statement was cancelled or took too long; try again"},
    {"53300", ErrorCode::kBusy,
     "use a smaller connection pool or raise max_connections of the server"},
    {"57P03", ErrorCode::kBusy, "the server is starting or stopping; try again"},
    {"53100", ErrorCode::kDiskFull, "free space on the server's disk, then retry"},
    {"53", ErrorCode::kIo, "the server lacks resources; see its log"},
    {"XX001", ErrorCode::kCorrupt, kRestore},
    {"XX002", ErrorCode::kCorrupt, "an index is damaged: REINDEX it, and see PostgreSQL's log"},
    {"42P01", ErrorCode::kCorrupt, kSchemaFix},
    {"42703", ErrorCode::kCorrupt, kSchemaFix},
    {"3F", ErrorCode::kCorrupt, kSchemaFix},
    {"42501", ErrorCode::kIo, "grant this user the right, or connect as the store's owner"},
    {"25006", ErrorCode::kIo,
     "the store was opened read-only or this server is a standby; open it for writing at the "
     "primary"},
    {"28", ErrorCode::kIo, "check user, password and the server's pg_hba.conf"},
    {"3D000", ErrorCode::kNotFound, "create the database, or name another one"},
    {"22021", ErrorCode::kInvalidArgument, "texts are UTF-8 without zero bytes"},
    {"22P05", ErrorCode::kInvalidArgument, "texts are UTF-8 without zero bytes"},
    {"54", ErrorCode::kInvalidArgument, "the value is larger than PostgreSQL stores"},
    {"42P07", ErrorCode::kAlreadyExists, "there is such a table already"},
    {"0A", ErrorCode::kUnsupported, "this server cannot do it; use PostgreSQL 11 or newer"},
    {"58", ErrorCode::kIo, "check the server's disk and its log"},
};

Kind kind_of(std::string_view state) {
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const Kind& kind) { return state.starts_with(kind.state); });
  if (found != std::end(kKinds)) return *found;
  return {state, ErrorCode::kInternal,
          "run `pema verify`; if it finds nothing, please report this"};
}

}  // namespace

bool ends_connection(std::string_view state) noexcept {
  return state.empty() || state.starts_with("08") || state == "57P01" || state == "57P02" ||
         state == "57P04" || state == "57P05" || state == "25P03";
}

bool refused_for_now(std::string_view state) noexcept {
  return state == "57P03" || state == "57P01" || state == "53300";
}

bool prepared_too_long_ago(std::string_view state, std::string_view words) noexcept {
  return state == "26000" ||
         (state == "0A000" && words.find("cached plan") != std::string_view::npos);
}

void raise_state(std::string_view state, const std::string& address, std::string_view doing,
                 std::string_view words) {
  const std::string what = message(address, ": ", doing, ": ", words);
  if (ends_connection(state)) throw LostConnection(what);
  if (state == "40001" || state == "40P01" || prepared_too_long_ago(state, words)) {
    throw sql::TransientError(ErrorCode::kBusy,
                              message(what, " (SQLSTATE ", state,
                                      "); it met another transaction and was undone; try again"));
  }
  const Kind kind = kind_of(state);
  fail(kind.code, what, " (SQLSTATE ", state, "); ", kind.fix);
}

}  // namespace pema::profiles::postgres
