// Lists of shared segments: the head's row has the first content, segment_part the others.
#include "pema/error.h"
#include "pema/segment_list.h"
#include "profiles/registry.h"

namespace pema::profiles {

std::vector<SegmentRecord> Registry::segment_list(SegmentId id) {
  std::vector<SegmentRecord> list;
  std::optional<SegmentRecord> head = find_segment(id);
  if (!head) return list;
  list.push_back(std::move(*head));
  if (list[0].contents == 1) return list;
  sql::Query row = database_.query(
      "SELECT position, digest, entries, bytes FROM segment_part WHERE head = ?1 "
      "ORDER BY position");
  row->bind(1, id.value);
  while (row->step()) {
    SegmentRecord& part = list.emplace_back(list[0]);
    part.position = row->integer(0);
    part.digest = row->digest(1);
    part.info.entries = row->integer(2);
    part.bytes = row->integer(3);
  }
  return list;
}

std::vector<SegmentRecord> Registry::require_list(SegmentId id, std::string_view done) {
  std::vector<SegmentRecord> list = segment_list(id);
  PEMA_CHECK(!list.empty(), kNotFound, folder_, ": there is no segment ", id.value,
             "; list them with `pema memory ls`");
  PEMA_CHECK(list[0].kind == SegmentKind::kShared, kInvalidArgument, "segment ", id.value,
             " is a person's own and cannot be ", done,
             "; write the profile again with the segments that it is to have");
  return list;
}

void Registry::append_part(SegmentId id, const Segment& segment) {
  const std::int64_t bytes = std::ssize(segment.bytes());
  sql::Query insert = database_.query(
      "INSERT INTO segment_part (head, position, digest, entries, bytes) "
      "SELECT id, version, ?2, ?3, ?4 FROM segment WHERE id = ?1");
  insert->bind(1, id.value)
      .bind(2, segment.digest())
      .bind(3, segment.info().entries)
      .bind(4, bytes)
      .run();
  bump_version(id);
}

void Registry::replace_content(const SegmentRecord& content, const Segment* next) {
  const bool head = content.position == 0;
  PEMA_ASSERT(next != nullptr || !head);
  if (next == nullptr) {
    sql::Query drop = database_.query("DELETE FROM segment_part WHERE head = ?1 AND position = ?2");
    drop->bind(1, content.id.value).bind(2, content.position).run();
  } else {
    sql::Query update = database_.query(
        head ? "UPDATE segment SET digest = ?3, entries = ?4, bytes = ?5 WHERE id = ?1 AND ?2 = 0"
             : "UPDATE segment_part SET digest = ?3, entries = ?4, bytes = ?5 "
               "WHERE head = ?1 AND position = ?2");
    update->bind(1, content.id.value)
        .bind(2, content.position)
        .bind(3, next->digest())
        .bind(4, next->info().entries)
        .bind(5, std::ssize(next->bytes()))
        .run();
  }
  drop_indexes_of(content.digest);
  if (!names_object(content.digest)) doom(content.digest);
}

void Registry::bump_version(SegmentId id) {
  sql::Query update = database_.query("UPDATE segment SET version = version + 1 WHERE id = ?1");
  update->bind(1, id.value).run();
}

void Registry::drop_parts(SegmentId id) {
  std::vector<Digest> digests;
  {
    sql::Query row =
        database_.query("SELECT digest FROM segment_part WHERE head = ?1 ORDER BY position");
    row->bind(1, id.value);
    while (row->step()) digests.push_back(row->digest(0));
  }
  if (digests.empty()) return;
  {
    sql::Query drop = database_.query("DELETE FROM segment_part WHERE head = ?1");
    drop->bind(1, id.value).run();
  }
  for (const Digest& digest : digests) {
    drop_indexes_of(digest);
    doom(digest);
  }
}

bool Registry::has_content(const Digest& digest) {
  sql::Query row = database_.query(
      "SELECT EXISTS (SELECT 1 FROM segment WHERE digest = ?1) OR "
      "EXISTS (SELECT 1 FROM segment_part WHERE digest = ?1)");
  return row->bind(1, digest).step() && row->integer(0) != 0;
}

std::vector<SegmentRecord> Registry::segments_with(const Digest& digest) {
  std::vector<SegmentId> ids;
  {
    sql::Query row = database_.query(
        "SELECT id FROM segment WHERE digest = ?1 UNION "
        "SELECT head FROM segment_part WHERE digest = ?1 ORDER BY 1");
    row->bind(1, digest);
    while (row->step()) ids.push_back(SegmentId{row->integer(0)});
  }
  std::vector<SegmentRecord> segments;
  for (const SegmentId id : ids) segments.push_back(*find_segment(id));
  return segments;
}

}  // namespace pema::profiles
