# cmake -DOUT=schema.cc "-DFILES=a.sql;b.sql" -DHEADER=x.h -DNAMESPACE=n -P embed_schema.cmake: the SQL files, in order, as one C++
# source that defines n::migrations().
set(body "")
set(number 0)
foreach(file IN LISTS FILES)
  math(EXPR number "${number} + 1")
  file(READ "${file}" sql)
  string(APPEND body "    {${number}, R\"pema_sql(${sql})pema_sql\"},\n")
endforeach()
file(WRITE "${OUT}" "// Made from profiles/schema/*.sql by embed_schema.cmake.
#include \"${HEADER}\"

namespace ${NAMESPACE} {
namespace {
constexpr Migration kMigrations[] = {
${body}};
}  // namespace

std::span<const Migration> migrations() noexcept { return kMigrations; }

}  // namespace ${NAMESPACE}
")
