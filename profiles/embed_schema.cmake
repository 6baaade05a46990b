# cmake -DOUT=schema.cc "-DFILES=a.sql;b.sql" -P embed_schema.cmake: the SQL files, in order, as one C++ source.
set(body "")
set(number 0)
foreach(file IN LISTS FILES)
  math(EXPR number "${number} + 1")
  file(READ "${file}" sql)
  string(APPEND body "    {${number}, R\"pema_sql(${sql})pema_sql\"},\n")
endforeach()
file(WRITE "${OUT}" "// Made from profiles/schema/*.sql by embed_schema.cmake.
#include \"profiles/migrations.h\"

namespace pema::profiles {
namespace {
constexpr Migration kMigrations[] = {
${body}};
}  // namespace

std::span<const Migration> migrations() noexcept { return kMigrations; }

}  // namespace pema::profiles
")
