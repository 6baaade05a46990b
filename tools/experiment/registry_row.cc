#include "tools/experiment/registry_row.h"

#include <filesystem>
#include <vector>

#include "pema/error.h"

namespace pema::tools {
namespace {

namespace fs = std::filesystem;

/// Removes its folder, whatever happens in between.
class ScratchFolder {
 public:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) { fs::remove_all(path_); }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

RegistryCost measure_registry_row(const Store& store, const std::string& name, std::int64_t copies,
                                  const std::string& folder) {
  PEMA_CHECK(copies > 0, kInvalidArgument, "copies is ", copies, "; at least 1 is needed");
  const auto profile = store.find_profile(name);
  PEMA_CHECK(profile.has_value(), kNotFound, "there is no profile '", name, "' to copy");
  const ScratchFolder scratch(folder);
  Store target = Store::open(scratch.path(), OpenMode::kCreate);
  for (const ModelRecord& model : store.models()) target.put_model(model.info, model.path);

  ProfileDraft draft;
  draft.mask = profile->mask;
  draft.schedule = profile->schedule;
  if (profile->pool) draft.pool = target.put_pool("copied", *store.load_pool(profile->pool)).id;
  for (const SegmentId id : profile->segments) {
    draft.segments.push_back(target
                                 .put_segment(*store.load_segment(id), SegmentKind::kShared,
                                              message("segment ", id.value))
                                 .id);
  }
  const std::int64_t before = target.registry_bytes();
  std::vector<ProfileDraft> drafts(static_cast<std::size_t>(copies), draft);
  for (std::int64_t i = 0; i < copies; ++i) {
    // Hashed, so that names arrive in no order, as people do.
    drafts[static_cast<std::size_t>(i)].name = sha256(message("copy ", i)).hex().substr(0, 16);
  }
  target.put_profiles(drafts);
  RegistryCost cost;
  cost.profiles = copies;
  cost.bytes_per_profile =
      static_cast<double>(target.registry_bytes() - before) / static_cast<double>(copies);
  cost.mask_bytes = profile->mask.stored_bytes();
  return cost;
}

}  // namespace pema::tools
