# cmake -DOUT=schema.cc "-DFILES=0001_a.sql;0002_b.sql" -DHEADER=x.h -DNAMESPACE=n -P embed_schema.cmake: the SQL files, in order, as one
# C++ source that defines n::migrations(). A file's name begins with the number of its schema.
set(body "")
foreach(file IN LISTS FILES)
  string(REGEX REPLACE "^.*/0*([0-9]+)_[^/]*$" "\\1" number "${file}")
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
