// Files of indexes: opened, or built and written.
#include <filesystem>

#include "pema/error.h"
#include "src/core/atomic_file.h"
#include "src/core/object_file.h"
#include "src/memory/segment_index.h"

namespace pema::memory {
namespace {

/// Throws kMismatch unless these codes will do.
void check_wanted(std::span<const std::byte> bytes, const Segments& segments,
                  const IndexOptions& options, const std::string& name) {
  const bool product = core::claims_kind(bytes, core::ObjectKind::kProductIndex);
  const IndexCodes kind = product ? IndexCodes::kProduct : IndexCodes::kInt8;
  PEMA_CHECK(options.codes == IndexCodes::kAuto || options.codes == kind, kMismatch, name,
             ": its codes are ", to_string(kind), ", not ", to_string(options.codes));
  PEMA_CHECK(product || options.memory_budget == 0 ||
                 code_bytes(segments, kind, 0) <= options.memory_budget / 2,
             kMismatch, name, ": its int8 codes are more than half of the budget of ",
             options.memory_budget, " bytes");
}

}  // namespace

std::shared_ptr<const SegmentIndex> SegmentIndex::open(const std::string& path) {
  const auto file = core::MappedFile::open(path);
  return read(file->bytes(), nullptr, path, file);
}

void SegmentIndex::write(const std::string& path) const {
  if (kind_ == IndexCodes::kProduct) {
    write_product(path);
  } else {
    core::write_file_atomically(path, serialise());
  }
}

std::shared_ptr<const SegmentIndex> SegmentIndex::open_or_build(const std::string& path,
                                                                const Segments& segments,
                                                                kernels::ThreadPool& pool,
                                                                const IndexOptions& options,
                                                                std::string& said) {
  said.clear();
  try {
    if (std::filesystem::exists(path)) {
      const auto file = core::MappedFile::open(path);
      check_segments(segments);
      check_wanted(file->bytes(), segments, options, path);
      auto index = read(file->bytes(), &segments, path, file);
      index->set_budget(options.memory_budget);
      return index;
    }
    said = path + ": there was no index; it was built";
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCorrupt && error.code() != ErrorCode::kMismatch &&
        error.code() != ErrorCode::kUnsupported) {
      throw;
    }
    said = std::string(error.what()) + " (it was built again)";
  }
  const auto index = make(segments, pool, options);
  index->write(path);
  return index;
}

}  // namespace pema::memory
