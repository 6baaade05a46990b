#include <algorithm>
#include <chrono>
#include <filesystem>

#include "pema/backup.h"
#include "pema/error.h"
#include "profiles/store_impl.h"
#include "src/core/atomic_file.h"
#include "src/core/object_file.h"
#include "src/core/pace.h"

namespace pema {
namespace {

using profiles::NamedObject;
using profiles::Registry;

/// Where a round stands is written again after so many bytes.
constexpr std::int64_t kNoteBytes = std::int64_t{64} << 20;

/// The last object of a round that was compared, kept in the file `scrub` of the store's folder:
/// 64 hexadecimal characters.
class Position {
 public:
  explicit Position(const std::string& folder) : path_(folder + "/scrub") {}

  /// All zero when no round is under way; a damaged note begins a new one.
  [[nodiscard]] Digest load() const {
    if (!std::filesystem::exists(path_)) return {};
    const auto file = core::MappedFile::open(path_);
    const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()),
                                file->bytes().size());
    const bool digest =
        text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
    return digest ? Digest::parse(text) : Digest{};
  }
  void save(const Digest& digest) const {
    core::AtomicFile file(path_);
    file.write(digest.hex());
    file.commit();
  }
  void clear() const {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

 private:
  std::string path_;
};

void delete_unnamed(Registry& registry, const std::vector<NamedObject>& named,
                    ScrubReport& report) {
  std::vector<Digest> unnamed;
  for (const Digest& digest : registry.objects().all()) {
    const auto found =
        std::lower_bound(named.begin(), named.end(), digest,
                         [](const NamedObject& a, const Digest& b) { return a.digest < b; });
    if (found == named.end() || found->digest != digest) unnamed.push_back(digest);
  }
  report.unnamed = static_cast<std::int64_t>(unnamed.size());
  registry.drop_unnamed(unnamed);
}

}  // namespace

ScrubReport Store::scrub(const ScrubOptions& options) {
  Registry& registry = impl_->registry;
  registry.require(Role::kAdmin);
  const Position position(registry.folder());
  core::Pace pace(options.bytes_per_second);
  ScrubReport report;
  Digest last = position.load();
  if (last.is_zero()) report.damages = registry.verify(VerifyDepth::kQuick);
  const std::vector<NamedObject> named = registry.named_objects();
  std::int64_t noted = 0;
  std::int64_t done = 0;
  for (const NamedObject& object : named) {
    ++done;
    if (object.digest <= last) continue;
    const bool enough = options.bytes > 0 && report.bytes >= options.bytes;
    const bool stop = options.progress != nullptr && options.progress->stop_requested();
    if (enough || stop || report.bytes - noted >= kNoteBytes) {
      if (!last.is_zero()) position.save(last);
      noted = report.bytes;
    }
    if (enough || stop) return report;
    if (options.progress != nullptr) {
      options.progress->report("reading objects", done, static_cast<std::int64_t>(named.size()),
                               "objects");
    }
    const std::string problem = registry.objects().problem(object.digest);
    if (!problem.empty() && registry.names_object(object.digest)) {
      report.damages.push_back({"object " + object.digest.hex(), problem});
    }
    last = object.digest;
    ++report.objects;
    const std::int64_t bytes = registry.objects().bytes(object.digest);
    report.bytes += bytes;
    pace.spend(bytes);
  }
  delete_unnamed(registry, named, report);
  position.clear();
  report.complete = true;
  return report;
}

}  // namespace pema
