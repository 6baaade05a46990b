#include <cstring>
#include <utility>

#include "pema/adapter.h"
#include "pema/error.h"
#include "pema/mask.h"
#include "src/core/checked_math.h"
#include "src/core/finite.h"
#include "src/core/metadata.h"
#include "src/core/object_file.h"

namespace pema {
namespace {

constexpr const char* kFix = "; restore the file from a backup or store the pool again";

/// Metadata of an adapter block. Sections: down [n*r, d] f32, up [n*r, d] f32, scale [n] f32.
struct BlockMeta {
  std::int64_t count = 0;
  std::int64_t rank = 0;
  std::int64_t hidden = 0;

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(count, rank, hidden);
  }
};

bool in_range(const BlockMeta& meta) {
  return meta.count >= 1 && meta.count <= BitMask::kMaxSize && meta.rank >= 1 &&
         meta.rank <= AdapterBlock::kMaxRank && meta.hidden >= 1 &&
         meta.hidden <= AdapterBlock::kMaxHidden;
}

/// The view's elements as one span; rows are gathered into `scratch` when they lie apart.
std::span<const float> contiguous(MatrixView<const float> view, std::vector<float>& scratch) {
  const auto count = static_cast<std::size_t>(view.rows * view.cols);
  if (view.stride == view.cols || view.rows == 1) return {view.data, count};
  scratch.reserve(count);
  for (std::int64_t row = 0; row < view.rows; ++row) {
    scratch.insert(scratch.end(), view.row(row), view.row(row) + view.cols);
  }
  return scratch;
}

/// A section as floats; its size and 4-byte alignment were checked.
const float* floats(std::span<const std::byte> section) {
  return reinterpret_cast<const float*>(section.data());
}

}  // namespace

std::shared_ptr<const AdapterBlock> AdapterBlock::make(std::int64_t count, std::int64_t rank,
                                                       MatrixView<const float> down,
                                                       MatrixView<const float> up,
                                                       std::span<const float> scale) {
  const BlockMeta meta{count, rank, down.cols};
  PEMA_CHECK(in_range(meta), kInvalidArgument, "a block of ", count, " adapters of rank ", rank,
             " and width ", down.cols, " cannot be made; each is at least 1 and at most ",
             BitMask::kMaxSize, ", ", kMaxRank, " and ", kMaxHidden);
  PEMA_CHECK(down.rows == count * rank && up.rows == count * rank && up.cols == down.cols &&
                 static_cast<std::int64_t>(scale.size()) == count,
             kInvalidArgument, "shapes disagree: ", count, " adapters of rank ", rank,
             " need down [", count * rank, ", ", down.cols, "], up of the same shape and scale [",
             count, "]; given are down [", down.rows, ", ", down.cols, "], up [", up.rows, ", ",
             up.cols, "], scale [", scale.size(), "]");
  PEMA_CHECK(down.stride >= down.cols && up.stride >= up.cols && down.data != nullptr &&
                 up.data != nullptr,
             kInvalidArgument, "a matrix view of an adapter block is null or its rows overlap");
  std::vector<float> down_scratch;
  std::vector<float> up_scratch;
  const std::span<const float> parts[] = {contiguous(down, down_scratch),
                                          contiguous(up, up_scratch), scale};
  constexpr const char* kNames[] = {"down", "up", "scale"};
  std::vector<std::span<const std::byte>> sections;
  for (std::size_t i = 0; i < 3; ++i) {
    PEMA_CHECK(core::all_finite(parts[i]), kInvalidArgument, "the ", kNames[i],
               " side of an adapter block has a value that is NaN or infinite; check the training "
               "run that made it");
    sections.push_back(std::as_bytes(parts[i]));
  }
  return from_bytes(
      core::build_object(core::ObjectKind::kAdapterBlock, core::encode_metadata(meta), sections));
}

std::shared_ptr<const AdapterBlock> AdapterBlock::from_bytes(std::vector<std::byte> bytes) {
  const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return adopt(*owner, sha256(*owner), owner, "adapter block in memory");
}

std::shared_ptr<const AdapterBlock> AdapterBlock::open(const std::string& path,
                                                       const Digest& expected) {
  const core::MappedObject object =
      core::open_object(path, core::ObjectKind::kAdapterBlock, expected);
  return adopt(object.file->bytes(), expected, object.file, path);
}

std::shared_ptr<const AdapterBlock> AdapterBlock::adopt(std::span<const std::byte> bytes,
                                                        const Digest& digest,
                                                        std::shared_ptr<const void> owner,
                                                        const std::string& name) {
  const core::ObjectParts parts = core::parse_object(bytes, core::ObjectKind::kAdapterBlock, name);
  const auto meta = core::decode_metadata<BlockMeta>(parts.meta, name);
  PEMA_CHECK(in_range(meta), kCorrupt, name, ": ", meta.count, " adapters of rank ", meta.rank,
             " and width ", meta.hidden, " are outside the limits", kFix);
  const std::int64_t rows = core::checked_multiply(meta.count, meta.rank, name.c_str());
  const std::int64_t side = core::checked_multiply(
      core::checked_multiply(rows, meta.hidden, name.c_str()), sizeof(float), name.c_str());
  const std::int64_t sizes[] = {side, side, 4 * meta.count};
  PEMA_CHECK(parts.sections.size() == 3, kCorrupt, name, ": has ", parts.sections.size(),
             " sections instead of 3", kFix);
  for (std::size_t i = 0; i < 3; ++i) {
    PEMA_CHECK(static_cast<std::int64_t>(parts.sections[i].size()) == sizes[i], kCorrupt, name,
               ": section ", i, " has ", parts.sections[i].size(), " bytes instead of ", sizes[i],
               kFix);
    PEMA_CHECK(core::all_finite({floats(parts.sections[i]), parts.sections[i].size() / 4}),
               kCorrupt, name, ": section ", i, " has a value that is NaN or infinite", kFix);
  }
  std::shared_ptr<AdapterBlock> block(new AdapterBlock);
  block->view_ = {meta.count,
                  meta.rank,
                  {floats(parts.sections[0]), rows, meta.hidden},
                  {floats(parts.sections[1]), rows, meta.hidden},
                  {floats(parts.sections[2]), static_cast<std::size_t>(meta.count)}};
  block->digest_ = digest;
  block->bytes_ = bytes;
  block->owner_ = std::move(owner);
  return block;
}

Digest AdapterBlock::adapter_digest(std::int64_t index) const {
  PEMA_CHECK(index >= 0 && index < view_.count, kInvalidArgument, "adapter ", index,
             " is outside a block of ", view_.count);
  const auto elements = static_cast<std::size_t>(view_.rank * hidden());
  Sha256 hash;
  hash.update("pema adapter").update_int(view_.rank).update_int(hidden());
  hash.update(std::as_bytes(view_.scale.subspan(static_cast<std::size_t>(index), 1)));
  for (const MatrixView<const float>& side : {view_.down, view_.up}) {
    hash.update(std::as_bytes(std::span(side.row(index * view_.rank), elements)));
  }
  return hash.finish();
}

std::vector<std::byte> AdapterBlock::serialise() const { return {bytes_.begin(), bytes_.end()}; }

}  // namespace pema
