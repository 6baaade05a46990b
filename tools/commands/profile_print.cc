#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/commands/memory_add.h"
#include "tools/commands/profile_parts.h"
#include "tools/terminal/text_format.h"
#include "tools/terminal/time_text.h"

namespace pema::tools {
namespace {

std::string hex(const BitMask& mask) {
  constexpr const char* kHex = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : mask.to_bytes()) {
    const auto value = std::to_integer<unsigned>(byte);
    text += {kHex[value >> 4], kHex[value & 15]};
  }
  return text;
}

Json side_json(const BitMask& bits, const std::vector<float>& weights) {
  Json side;
  if (!weights.empty()) {
    side["weights"] = weights;
  } else {
    side["adapters"] = bits.indices();
    side["hex"] = hex(bits);
  }
  return side;
}

Json mask_json(const ProfileMask& mask) {
  if (mask.size() == 0) return {};
  Json document;
  document["kind"] = mask.soft() ? "soft" : "hard";
  document["size"] = mask.size();
  document["bytes"] = mask.stored_bytes();
  document["digest"] = mask.digest().hex();
  document["down"] = side_json(mask.down, mask.down_weights);
  const bool two_sides = mask.up.size() > 0 || !mask.up_weights.empty();
  document["up"] = two_sides ? side_json(mask.up, mask.up_weights) : Json();
  return document;
}

Json schedule_json(const LambdaSchedule& schedule) {
  Json document;
  document["curve"] = to_string(schedule.curve);
  document["lambda"] = schedule.lambda_max;
  document["length"] = schedule.length;
  document["lambda_own"] = schedule.lambda_own;
  document["lambda_shared"] = schedule.lambda_shared;
  document["neighbours"] = schedule.neighbours;
  document["temperature"] = schedule.temperature;
  document["gate"] = schedule.gate;
  return document;
}

SegmentRecord segment_of(const Store& store, SegmentId id) {
  const std::optional<SegmentRecord> segment = store.find_segment(id);
  PEMA_CHECK(segment.has_value(), kNotFound, "segment number ", id.value,
             " is named by a profile and absent; `pema pool verify` says what else is wrong");
  return *segment;
}

std::string mask_text(const ProfileMask& mask) {
  if (mask.size() == 0) return "none";
  if (mask.soft()) return message("soft, ", mask.size(), " weights");
  const std::string up =
      mask.up.size() > 0 ? message(" down and ", mask.up.popcount(), " up") : std::string();
  return message("hard, ", mask.down.popcount(), up, " of ", mask.size(), " adapters");
}

}  // namespace

Json profile_json(const Store& store, const ProfileRecord& profile) {
  Json document;
  document["name"] = profile.name;
  document["generation"] = profile.generation;
  document["pool"] = nullptr;
  if (const auto pool = store.find_pool(profile.pool)) {
    document["pool"] = {
        {"name", pool->name}, {"version", pool->version}, {"digest", pool->digest.hex()}};
  }
  document["mask"] = mask_json(profile.mask);
  document["schedule"] = schedule_json(profile.schedule);
  const std::optional<std::int64_t> expires = store.expiry(profile.id);
  document["expires"] = expires ? Json(format_time(*expires)) : Json();
  document["segments"] = Json::array();
  for (const SegmentId id : profile.segments) {
    document["segments"].push_back(segment_json(segment_of(store, id)));
  }
  return document;
}

std::string profile_text(const Store& store, const ProfileRecord& profile) {
  const auto pool = store.find_pool(profile.pool);
  const LambdaSchedule& schedule = profile.schedule;
  std::string text = message(
      "profile    ", printable(profile.name), ", generation ", profile.generation, "\npool       ",
      pool ? message(printable(pool->name), ", version ", pool->version) : "none", "\nmask       ",
      mask_text(profile.mask), " (", profile.mask.stored_bytes(), " bytes)\nlambda     ",
      schedule.lambda_max, ", ", to_string(schedule.curve),
      schedule.length > 0 ? message(" over ", schedule.length, " tokens") : "", "; own memory ",
      schedule.lambda_own, ", shared memory ", schedule.lambda_shared, " (", schedule.neighbours,
      " neighbours, temperature ", schedule.temperature, ")\n",
      schedule.gate ? "gate       the pool's weighs the sources instead of the lambdas\n" : "");
  if (const auto expires = store.expiry(profile.id)) {
    text += "expires    " + format_time(*expires) + "\n";
  }
  for (const SegmentId id : profile.segments) {
    const SegmentRecord segment = segment_of(store, id);
    text += message("reads      ",
                    segment.kind == SegmentKind::kOwn ? "own " + segment.digest.short_hex()
                                                      : "shared " + printable(segment.name),
                    ", ", segment.list_entries, " entries\n");
  }
  return text;
}

}  // namespace pema::tools
