#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/command_line.h"
#include "tools/commands/lookup.h"
#include "tools/commands/profile_parts.h"
#include "tools/context.h"
#include "tools/terminal/output.h"
#include "tools/terminal/text_format.h"

namespace pema::tools {
namespace {

constexpr const char* kFooter =
    R"(Makes the profile, or the next generation of it; what is not named stays as it was.

Examples:
  pema profile set alice --pool demo --adapters 1,5,9
  pema profile set bob --pool demo --mask-from alice --lambda 0.6 --curve linear --length 200
  pema profile set alice --read handbook --read 5f1c0a9d --lambda-shared 0.3 --lambda-own 0.2
  pema profile set alice --read-nothing --pool none)";

/// Everything that was named on the command line; the rest is empty.
struct SetOptions {
  std::string name;
  std::string pool;
  std::int64_t pool_version = 0;
  std::string mask_from;
  std::string mask_hex;
  std::vector<std::int64_t> adapters;
  std::vector<std::string> read;
  bool read_nothing = false;
  bool only_new = false;
  std::optional<std::string> curve;
  std::optional<double> lambda;
  std::optional<double> lambda_own;
  std::optional<double> lambda_shared;
  std::optional<double> temperature;
  std::optional<std::int64_t> length;
  std::optional<std::int64_t> neighbours;
  bool gate = false;
  bool no_gate = false;
};

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  fail(ErrorCode::kInvalidArgument, "--mask-hex has a character that is not hexadecimal");
}

BitMask mask_from_hex(std::int64_t size, const std::string& text) {
  PEMA_CHECK(static_cast<std::int64_t>(text.size()) == (size + 7) / 8 * 2, kInvalidArgument,
             "--mask-hex has ", text.size(), " characters; a mask over ", size, " adapters has ",
             (size + 7) / 8 * 2);
  BitMask mask(size);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int byte = hex_value(text[i]) * 16 + hex_value(text[i + 1]);
    for (int bit = 0; bit < 8; ++bit) {
      if ((byte >> bit & 1) != 0) mask.set(static_cast<std::int64_t>(i / 2 * 8) + bit);
    }
  }
  return mask;
}

void set_mask(const Store& store, const SetOptions& options, ProfileDraft& draft) {
  if (!options.mask_from.empty()) {
    const ProfileRecord other = require_profile(store, options.mask_from);
    if (options.pool.empty()) draft.pool = other.pool;
    draft.mask = other.mask;
  }
  if (options.adapters.empty() && options.mask_hex.empty()) return;
  const std::optional<PoolRecord> pool = store.find_pool(draft.pool);
  PEMA_CHECK(pool.has_value(), kInvalidArgument,
             "a mask selects adapters of a pool, and the profile has none; name it with --pool");
  const std::int64_t size = pool->info.adapters;
  draft.mask = {};
  draft.mask.down = options.mask_hex.empty() ? BitMask::from_indices(size, options.adapters)
                                             : mask_from_hex(size, options.mask_hex);
  if (pool->info.algebra == Algebra::kSeparate) draft.mask.up = draft.mask.down;
}

void set_schedule(const SetOptions& options, LambdaSchedule& schedule) {
  if (options.curve) schedule.curve = parse_lambda_curve(*options.curve);
  schedule.lambda_max = options.lambda.value_or(schedule.lambda_max);
  schedule.lambda_own = options.lambda_own.value_or(schedule.lambda_own);
  schedule.lambda_shared = options.lambda_shared.value_or(schedule.lambda_shared);
  schedule.temperature = options.temperature.value_or(schedule.temperature);
  schedule.length = options.length.value_or(schedule.length);
  schedule.neighbours = options.neighbours.value_or(schedule.neighbours);
  schedule.gate = (schedule.gate || options.gate) && !options.no_gate;
  schedule.validate();
}

ProfileDraft make_draft(const Store& store, const SetOptions& options) {
  ProfileDraft draft;
  draft.name = options.name;
  if (const std::optional<ProfileRecord> old = store.find_profile(options.name)) {
    draft.pool = old->pool;
    draft.mask = old->mask;
    draft.schedule = old->schedule;
    draft.segments = old->segments;
  }
  if (options.pool == "none") {
    draft.pool = {};
    draft.mask = {};
  } else if (!options.pool.empty()) {
    draft.pool = require_pool(store, options.pool, options.pool_version).id;
  }
  set_mask(store, options, draft);
  set_schedule(options, draft.schedule);
  if (options.read_nothing) draft.segments.clear();
  for (const std::string& name : options.read) {
    draft.segments.push_back(require_segment(store, name).id);
  }
  std::sort(draft.segments.begin(), draft.segments.end());
  draft.segments.erase(std::unique(draft.segments.begin(), draft.segments.end()),
                       draft.segments.end());
  return draft;
}

int run_set(Context& context, const SetOptions& options) {
  Store& store = context.store();
  const ProfileRecord profile = store.put_profile(
      make_draft(store, options), options.only_new ? OnExisting::kRefuse : OnExisting::kReplace);
  if (context.options.json) {
    print_json(profile_json(store, profile));
  } else {
    print(profile_text(store, profile));
  }
  return 0;
}

}  // namespace

void add_profile_set(Command group, Context& context) {
  auto options = std::make_shared<SetOptions>();
  const Command command = group.add("set", "Make or change a profile by hand");
  command.option("NAME", options->name, "Name of the profile").required();
  const Argument pool = command.option("--pool", options->pool, "Its pool; none: no adapters");
  command.option("--pool-version", options->pool_version, "Default: the newest")
      .needs(pool)
      .positive();
  const Argument from =
      command.option("--mask-from", options->mask_from, "Copy the mask of this profile");
  const Argument hex = command.option("--mask-hex", options->mask_hex,
                                      "Mask as bytes in hexadecimal, lowest adapter first");
  const Argument adapters =
      command.option("--adapters", options->adapters, "Adapters, from 0, with commas")
          .split_at(',');
  hex.excludes(from);
  adapters.excludes(from).excludes(hex);
  command.option("--read", options->read, "Segment it may read as well (may be repeated)");
  command.flag("--read-nothing", options->read_nothing, "Take the rights it has away first");
  command.option("--lambda", options->lambda, "Weight of the personal distribution, 0 to 1");
  command.option("--curve", options->curve, "constant, linear or squared");
  command.option("--length", options->length, "Tokens of the curve; 0: the source's length");
  command.option("--lambda-own", options->lambda_own, "Weight of recall from own segments");
  command.option("--lambda-shared", options->lambda_shared,
                 "Weight of recall from shared segments");
  command.option("--neighbours", options->neighbours, "Neighbours of a recall");
  command.option("--temperature", options->temperature, "Temperature of the recall");
  const Argument gate =
      command.flag("--gate", options->gate, "Let the pool's gate weigh the sources of each token");
  command.flag("--no-gate", options->no_gate, "Weigh them by the lambdas").excludes(gate);
  command.flag("--new", options->only_new, "Refuse when the name is taken");
  command.footer(kFooter);
  command.runs(context, [&context, options] { return run_set(context, *options); });
}

}  // namespace pema::tools
