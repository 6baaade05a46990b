#include "pema/similar.h"

#include <algorithm>

#include "kernels/mask_search.h"
#include "pema/error.h"

namespace pema {
namespace {

/// Masks that are searched at once.
constexpr std::int64_t kBlock = 65'536;

/// Both sides one after another.
BitMask joined(const ProfileMask& mask) {
  if (mask.up.size() == 0) return mask.down;
  BitMask both(mask.down.size() + mask.up.size());
  for (const std::int64_t i : mask.down.indices()) both.set(i);
  for (const std::int64_t i : mask.up.indices()) both.set(mask.down.size() + i);
  return both;
}

/// The best of all blocks so far.
class Nearest {
 public:
  Nearest(BitMask query, std::int64_t count, std::int64_t threads)
      : query_(std::move(query)), count_(count), pool_(threads), table_(query_.size()) {}

  void offer(ProfileId id, const ProfileMask& mask) {
    ids_.push_back(id);
    table_.append(joined(mask));
    if (table_.size() == kBlock) search();
  }

  void search() {
    const auto found = kernels::nearest_by_overlap(table_, std::span(&query_, 1), count_, pool_);
    for (const kernels::MaskMatch& match : found[0]) {
      best_.push_back({ids_[static_cast<std::size_t>(match.index)], {}, match.overlap});
    }
    // Numbers rise from block to block, so that a stable order keeps the lowest first.
    std::stable_sort(best_.begin(), best_.end(),
                     [](const auto& a, const auto& b) { return a.overlap > b.overlap; });
    if (std::ssize(best_) > count_) best_.resize(static_cast<std::size_t>(count_));
    ids_.clear();
    table_ = kernels::MaskTable(query_.size());
  }

  [[nodiscard]] std::vector<SimilarProfile> take() { return std::move(best_); }

 private:
  BitMask query_;
  std::int64_t count_;
  kernels::ThreadPool pool_;
  kernels::MaskTable table_;
  std::vector<ProfileId> ids_;
  std::vector<SimilarProfile> best_;
};

}  // namespace

std::vector<SimilarProfile> similar_profiles(const Store& store, std::string_view name,
                                             std::int64_t count, std::int64_t threads) {
  PEMA_CHECK(count >= 0, kInvalidArgument, "a count of ", count, " profiles is negative");
  const std::optional<ProfileRecord> self = store.find_profile(name);
  PEMA_CHECK(self.has_value(), kNotFound, "there is no profile '", name, "' in ", store.folder(),
             "; `pema profile ls` shows those there are");
  const ProfileMask& mask = self->mask;
  PEMA_CHECK(mask.down.size() > 0, kInvalidArgument, "the profile '", name,
             "' has no hard mask to compare; profiles with one can be compared");
  Nearest nearest(joined(mask), count, threads);
  store.visit_profiles(self->pool, [&](std::span<const ProfileRecord> block) {
    for (const ProfileRecord& other : block) {
      if (other.id != self->id && other.mask.down.size() == mask.down.size() &&
          other.mask.up.size() == mask.up.size()) {
        nearest.offer(other.id, other.mask);
      }
    }
    return true;
  });
  nearest.search();
  std::vector<SimilarProfile> found = nearest.take();
  std::vector<ProfileId> ids;
  for (const SimilarProfile& profile : found) ids.push_back(profile.id);
  const std::vector<std::string> names = store.profile_names(ids);
  for (std::size_t i = 0; i < found.size(); ++i) found[i].name = names[i];
  return found;
}

}  // namespace pema
