#include "bench/durability/store_script.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>

#include "pema/backup.h"
#include "pema/error.h"
#include "pema/segment_list.h"

namespace pema::durability {
namespace {

constexpr std::int64_t kHidden = 4;
constexpr std::int64_t kVocab = 50;
constexpr std::int64_t kBlock = 8;  // adapters

ModelInfo model() { return {sha256("script"), "script", "llama", kHidden, kVocab}; }

std::shared_ptr<const AdapterBlock> block(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Matrix<float> down(kBlock, kHidden);
  Matrix<float> up(kBlock, kHidden);
  for (std::int64_t i = 0; i < kBlock * kHidden; ++i) {
    down.data()[i] = static_cast<float>(random() % 1000) * 0.001F;
    up.data()[i] = static_cast<float>(random() % 1000) * 0.001F;
  }
  const Matrix<float>& a = down;
  const Matrix<float>& b = up;
  return AdapterBlock::make(kBlock, 1, a.view(), b.view(), std::vector<float>(kBlock, 0.5F));
}

std::shared_ptr<const Segment> segment(std::uint64_t seed) {
  SegmentInfo info;
  info.model = model().fingerprint;
  info.hidden = kHidden;
  info.vocab = kVocab;
  const auto entries = static_cast<std::int64_t>(3 + seed % 9);
  Matrix<float> keys(entries, kHidden);
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < entries; ++i) {
    keys.row(i)[(static_cast<std::uint64_t>(i) + seed) % kHidden] = 1.0F;
    tokens.push_back(
        static_cast<std::int32_t>((seed * 7 + static_cast<std::uint64_t>(i)) % kVocab));
  }
  const Matrix<float>& view = keys;
  return Segment::make(info, view.view(), tokens);
}

Pool pool_of(std::int64_t blocks) {
  PoolInfo info;
  info.model = model().fingerprint;
  info.norm = HeadNorm::kNone;
  info.mask_scale = 0.1;
  std::vector<std::shared_ptr<const AdapterBlock>> list;
  for (std::int64_t i = 0; i < blocks; ++i) list.push_back(block(static_cast<std::uint64_t>(i)));
  return Pool(info, nullptr, std::move(list));
}

/// A person's draft; half of them bring an own segment, a third read the shared one.
ProfileDraft draft(Store& store, const std::string& name, std::mt19937_64& random) {
  ProfileDraft made;
  made.name = name;
  made.pool = store.find_pool("main")->id;
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < kBlock; ++i) {
    if (random() % 2 == 0) chosen.push_back(i);
  }
  made.mask.down = BitMask::from_indices(kBlock, chosen);
  made.schedule.lambda_max = static_cast<double>(random() % 100) / 100;
  made.schedule.length = static_cast<std::int64_t>(random() % 60);
  if (random() % 2 == 0) made.own_segments.push_back(segment(random() % 24));
  if (random() % 3 == 0) {
    const auto shared = store.find_segment("docs 0");
    if (shared) made.segments.push_back(shared->id);
  }
  return made;
}

std::string person(std::mt19937_64& random) { return "person " + std::to_string(random() % 12); }

enum class Step {
  kEnrol,
  kErase,
  kMany,
  kGrow,
  kShare,
  kMove,
  kBackup,
  kReopen,
  kFold,
  kAppend,
  kMerge,
  kForget
};

/// What a step does and the random numbers it goes on with.
struct Plan {
  Step step;
  std::mt19937_64 random;
};

Plan plan(std::uint64_t seed, std::int64_t index) {
  Plan made{Step::kEnrol, std::mt19937_64(seed * 1'000'003 + static_cast<std::uint64_t>(index))};
  made.random.discard(4);
  static constexpr Step kSteps[] = {
      Step::kEnrol,  Step::kEnrol,  Step::kEnrol,  Step::kEnrol,  Step::kEnrol,  Step::kEnrol,
      Step::kErase,  Step::kErase,  Step::kErase,  Step::kMany,   Step::kMany,   Step::kGrow,
      Step::kShare,  Step::kMove,   Step::kMove,   Step::kFold,   Step::kReopen, Step::kBackup,
      Step::kAppend, Step::kAppend, Step::kAppend, Step::kAppend, Step::kMerge,  Step::kMerge,
      Step::kForget, Step::kForget};
  made.step = kSteps[made.random() % std::size(kSteps)];
  return made;
}

}  // namespace

StoreScript::StoreScript(std::string folder, std::uint64_t seed, Durability durability)
    : folder_(std::move(folder)),
      store_(folder_ + "/store"),
      backups_(folder_ + "/backups"),
      seed_(seed),
      options_{durability} {}

void StoreScript::create() {
  open_.emplace(Store::open(store_, OpenMode::kCreate, options_));
  open_->put_model(model(), "script.gguf");
  open_->put_pool("main", pool_of(1));
}

Store& StoreScript::store() {
  if (!open_) open_.emplace(Store::open(store_, OpenMode::kReadWrite, options_));
  return *open_;
}

void StoreScript::perform(std::int64_t index) {
  Plan made = plan(seed_, index);
  std::mt19937_64& random = made.random;
  Store& open = store();
  unnoted_.clear();
  switch (made.step) {
    case Step::kEnrol:
      open.put_profile(draft(open, person(random), random), OnExisting::kReplace);
      break;
    case Step::kErase:
      open.remove_profile(person(random));
      break;
    case Step::kMany: {
      std::vector<ProfileDraft> drafts;
      for (int i = 0; i < 6; ++i) drafts.push_back(draft(open, person(random), random));
      open.put_profiles(drafts, OnExisting::kReplace);
      break;
    }
    case Step::kGrow:
      open.put_pool("main", pool_of(1 + open.find_pool("main")->version % 5));
      break;
    case Step::kShare: {
      const std::uint64_t which = random() % 3;
      const std::string name = message("docs ", which);
      if (open.find_segment(name)) break;  // by now it may have other contents
      open.put_segment(*segment(100 + which), SegmentKind::kShared, name);
      break;
    }
    case Step::kAppend: {
      if (const auto docs = open.find_segment("docs 0")) {
        open.append_segment(docs->id, *segment(200 + random() % 16));
      } else {
        open.put_segment(*segment(100), SegmentKind::kShared, "docs 0");
      }
      break;
    }
    case Step::kMerge:
      if (const auto docs = open.find_segment("docs 0")) open.merge_segment(docs->id, {});
      break;
    case Step::kForget: {
      const auto docs = open.find_segment("docs 0");
      if (!docs || docs->list_entries == 0) break;
      const auto entry =
          static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(docs->list_entries));
      open.forget_entries(docs->id, {.entries = {{entry, entry}}});
      break;
    }
    case Step::kMove: {
      const std::vector<ProfileRecord> all = open.profiles({}, 1);
      if (all.empty()) break;
      open.export_profile(all[0].name, folder_ + "/moved.pema");
      open.import_profile(folder_ + "/moved.pema", person(random), OnExisting::kReplace);
      break;
    }
    case Step::kBackup: {
      BackupOptions options;
      options.keep = 3;
      options.link_objects = random() % 2 == 0;
      unnoted_ = open.backup(backups_, options).unnoted;
      break;
    }
    case Step::kReopen:
      close();
      store();
      break;
    case Step::kFold:
      static_cast<void>(open.registry_bytes());
      break;
  }
}

std::string StoreScript::name_of(std::int64_t index) const {
  static constexpr const char* kNames[] = {"enrol",        "erase",  "enrol many", "grow the pool",
                                           "share",        "move",   "back up",    "reopen",
                                           "fold the log", "append", "merge",      "forget"};
  return message("step ", index, " (", kNames[static_cast<int>(plan(seed_, index).step)], ")");
}

std::string describe(const Store& store) {
  std::string text;
  std::vector<std::pair<PoolId, std::string>> pools;
  for (const PoolRecord& pool : store.pools()) {
    pools.emplace_back(pool.id, message(pool.name, " ", pool.version));
    text += message("pool ", pools.back().second, " ", pool.digest.hex(), "\n");
  }
  std::vector<std::string> segments;
  for (const SegmentRecord& segment : store.segments()) {
    segments.push_back(message("segment ", segment.digest.hex(), " ", segment.name, " ",
                               static_cast<int>(segment.kind)));
    for (const SegmentRecord& content : store.segment_list(segment.id)) {
      segments.back() += message(" ", content.digest.short_hex(), " ", content.info.entries);
    }
    segments.back() += "\n";
  }
  std::sort(segments.begin(), segments.end());
  for (const std::string& line : segments) text += line;
  for (const ProfileRecord& profile : store.profiles({}, 1'000'000)) {
    text += message("profile ", profile.name, " ", profile.generation, " ");
    for (const auto& [id, name] : pools) text += id == profile.pool ? name : "";
    text += message(" ", profile.mask.digest().hex(), " ", profile.schedule.lambda_max, " ",
                    profile.schedule.length);
    std::vector<std::string> reads;
    for (const SegmentId id : profile.segments) {
      reads.push_back(store.find_segment(id).value().digest.hex());
    }
    std::sort(reads.begin(), reads.end());
    for (const std::string& digest : reads) text += " " + digest;
    text += "\n";
  }
  return text;
}

std::string check_store(const std::string& folder, const std::vector<std::string>& allowed,
                        std::int64_t& found, double* open_seconds) {
  try {
    const auto start = std::chrono::steady_clock::now();
    const Store store = Store::open(folder, OpenMode::kReadWrite);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (open_seconds != nullptr) *open_seconds = taken.count();
    for (const Damage& damage : store.verify()) {
      return message(folder, ": verify: ", damage.what, ": ", damage.why);
    }
    const std::string state = describe(store);
    for (found = static_cast<std::int64_t>(allowed.size()) - 1; found >= 0; --found) {
      if (state == allowed[static_cast<std::size_t>(found)]) return {};
    }
    return message(folder, ": in none of the ", allowed.size(), " allowed states:\n", state,
                   "the newest allowed is\n", allowed.empty() ? "" : allowed.back());
  } catch (const Error& error) {
    return message(folder, ": ", error.what());
  }
}

std::string check_note(const std::string& store, const std::string& folder) {
  if (list_backups(folder).empty()) return {};
  try {
    if (!Store::open(store, OpenMode::kReadOnly).backup_folders().empty()) return {};
    return message(store, ": does not know that there are backups in ", folder);
  } catch (const Error& error) {
    return message(store, ": ", error.what());
  }
}

std::string check_backups(const std::string& folder, const std::vector<std::string>& allowed) {
  for (const BackupRecord& backup : list_backups(folder)) {
    std::int64_t found = 0;
    const std::string problem = check_store(backup.path, allowed, found);
    if (!problem.empty()) return "backup " + problem;
  }
  return {};
}

}  // namespace pema::durability
