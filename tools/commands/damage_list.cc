#include "tools/commands/damage_list.h"

#include "pema/error.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {

std::string damage_text(const std::vector<Damage>& damages, const std::string& whole) {
  if (damages.empty()) return whole;
  std::string text;
  for (const Damage& damage : damages) {
    text += "damaged " + printable(damage.what) + ": " + printable(damage.why) + "\n";
  }
  return text;
}

Json damage_json(const std::vector<Damage>& damages) {
  Json list = Json::array();
  for (const Damage& damage : damages) list.push_back({{"what", damage.what}, {"why", damage.why}});
  return list;
}

int damage_status(const std::vector<Damage>& damages) {
  return damages.empty() ? 0 : exit_code(ErrorCode::kCorrupt);
}

}  // namespace pema::tools
