#include "tools/commands/lookup.h"

#include <optional>

#include "tools/terminal/text_format.h"

namespace pema::tools {

PoolRecord require_pool(const Store& store, const std::string& name, std::int64_t version) {
  if (const std::optional<PoolRecord> pool = store.find_pool(name, version)) return *pool;
  std::string known;
  for (const PoolRecord& pool : store.pools()) {
    known += (known.empty() ? "" : ", ") + printable(pool.name) + " version " +
             std::to_string(pool.version);
  }
  fail(ErrorCode::kNotFound, "no pool '", printable(name), "'",
       version > 0 ? message(" version ", version) : "", " in ", store.folder(), "; there ",
       known.empty() ? std::string("are none, make one with `pema pool train`") : "are: " + known);
}

ProfileRecord require_profile(const Store& store, const std::string& name) {
  if (const std::optional<ProfileRecord> profile = store.find_profile(name)) return *profile;
  fail(ErrorCode::kNotFound, "no profile '", printable(name), "' in ", store.folder(),
       "; `pema profile ls` lists the ", store.profile_count(), " there are");
}

SegmentRecord require_segment(const Store& store, const std::string& name) {
  if (const std::optional<SegmentRecord> segment = store.find_segment(name)) return *segment;
  constexpr std::size_t kShortest = 6;
  std::optional<SegmentRecord> found;
  if (name.size() >= kShortest) {
    for (const SegmentRecord& segment : store.segments()) {
      if (!segment.digest.hex().starts_with(name)) continue;
      PEMA_CHECK(!found, kInvalidArgument, "several segments begin with '", printable(name),
                 "'; give more characters of the digest");
      found = segment;
    }
  }
  PEMA_CHECK(found.has_value(), kNotFound, "no segment '", printable(name), "' in ", store.folder(),
             "; `pema memory ls` lists names and digests");
  return *found;
}

}  // namespace pema::tools
