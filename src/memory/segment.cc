#include <algorithm>
#include <utility>

#include "pema/codebook.h"
#include "pema/error.h"
#include "pema/memory.h"
#include "src/core/object_file.h"
#include "src/memory/segment_object.h"
#include "src/memory/stored_keys.h"
#include "src/memory/unit_vector.h"

namespace pema {
namespace {

constexpr const char* kFix = "; restore the file from a backup or store the segment again";

/// Throws `code` when `key` is no unit vector within `tolerance`.
void check_key(std::span<const float> key, std::int64_t entry, double tolerance, ErrorCode code,
               const std::string& name, const char* fix) {
  if (memory::is_unit(key, tolerance)) return;
  fail(code, name, ": the key of entry ", entry, " is no finite unit vector (its length is ",
       memory::norm(key), ")", fix);
}

void check_token(std::int32_t token, std::int64_t entry, std::int64_t vocab, ErrorCode code,
                 const std::string& name, const char* fix) {
  if (token >= 0 && token < vocab) return;
  fail(code, name, ": the token of entry ", entry, " is ", token, ", outside [0, ", vocab, ")",
       fix);
}

/// Throws unless `codebook` and `info` belong together; `code` is that of a wrong one.
void check_codebook(const Codebook& codebook, const SegmentInfo& info, ErrorCode code,
                    const std::string& name) {
  const CodebookInfo& book = codebook.info();
  if (book.model == info.model && book.site == info.site && book.hidden == info.hidden) return;
  fail(code, name, ": codebook ", codebook.digest().short_hex(), " is for ", to_string(book.site),
       " keys of width ", book.hidden, " of the base model ", book.model.short_hex(),
       ", the segment has ", to_string(info.site), " keys of width ", info.hidden, " of ",
       info.model.short_hex(), "; use a codebook that was learnt from keys of this kind");
}

/// The codebook that a segment read from `name` asks for.
std::shared_ptr<const Codebook> find_codebook(const SegmentInfo& info,
                                              const CodebookSource& codebooks,
                                              const std::string& name) {
  if (info.keys != KeyType::kProductQuantised) return nullptr;
  std::shared_ptr<const Codebook> codebook = codebooks ? codebooks(info.codebook) : nullptr;
  PEMA_CHECK(codebook != nullptr, kNotFound, name, ": its codebook ", info.codebook.hex(),
             " is not here; restore it from a backup");
  PEMA_CHECK(codebook->digest() == info.codebook && codebook->info().parts == info.parts, kCorrupt,
             name, ": needs codebook ", info.codebook.hex(), " of ", info.parts, " parts, not ",
             codebook->digest().hex(), " of ", codebook->info().parts, kFix);
  check_codebook(*codebook, info, ErrorCode::kCorrupt, name);
  return codebook;
}

}  // namespace

Segment::Segment() = default;
Segment::~Segment() = default;

std::shared_ptr<const Segment> Segment::make(SegmentInfo info, MatrixView<const float> keys,
                                             std::span<const std::int32_t> tokens,
                                             std::shared_ptr<const Codebook> codebook) {
  constexpr const char* kName = "segment";
  info.entries = keys.rows;
  const bool quantised = info.keys == KeyType::kProductQuantised;
  PEMA_CHECK(quantised == (codebook != nullptr), kInvalidArgument, "a segment of ",
             to_string(info.keys), " keys ", quantised ? "needs a" : "has no", " codebook");
  info.codebook = quantised ? codebook->digest() : Digest{};
  info.parts = quantised ? codebook->info().parts : 0;
  PEMA_CHECK(memory::in_range(info), kInvalidArgument, "a segment of ", info.entries,
             " keys of width ", info.hidden, " over a vocabulary of ", info.vocab,
             " cannot be made; the width is in [1, ", kMaxHidden, "], the vocabulary in [1, 2^31)");
  if (quantised) check_codebook(*codebook, info, ErrorCode::kMismatch, kName);
  PEMA_CHECK(keys.cols == info.hidden && keys.stride >= keys.cols &&
                 static_cast<std::int64_t>(tokens.size()) == keys.rows &&
                 (keys.rows == 0 || keys.data != nullptr),
             kInvalidArgument, "shapes disagree: keys [", keys.rows, ", ", keys.cols, "], tokens [",
             tokens.size(), "], width ", info.hidden);
  for (std::int64_t i = 0; i < keys.rows; ++i) {
    check_key(keys.row_span(i), i, kUnitTolerance, ErrorCode::kInvalidArgument, kName,
              "; make keys with make_recall_keys");
    check_token(tokens[static_cast<std::size_t>(i)], i, info.vocab, ErrorCode::kInvalidArgument,
                kName, "; take tokens and vocabulary from one base model");
  }
  const memory::RoundedKeys rounded = memory::round_keys(info, keys, codebook.get());
  return from_bytes(memory::build_segment(info, rounded.keys, rounded.scales, tokens),
                    [&](const Digest&) { return codebook; });
}

std::shared_ptr<const Segment> Segment::from_bytes(std::vector<std::byte> bytes,
                                                   const CodebookSource& codebooks) {
  const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return adopt(*owner, sha256(*owner), owner, "segment in memory", codebooks);
}

std::shared_ptr<const Segment> Segment::in_memory(std::span<const std::byte> bytes,
                                                  std::shared_ptr<const void> owner,
                                                  const std::string& name,
                                                  const CodebookSource& codebooks) {
  return adopt(bytes, sha256(bytes), std::move(owner), name, codebooks);
}

std::shared_ptr<const Segment> Segment::open(const std::string& path, const Digest& expected,
                                             const CodebookSource& codebooks) {
  const std::shared_ptr<const core::MappedFile> file = core::open_checked(path, expected);
  std::shared_ptr<Segment> segment = adopt(file->bytes(), expected, file, path, codebooks);
  segment->file_ = file;
  segment->release();
  return segment;
}

std::shared_ptr<Segment> Segment::adopt(std::span<const std::byte> bytes, const Digest& digest,
                                        std::shared_ptr<const void> owner, const std::string& name,
                                        const CodebookSource& codebooks) {
  const memory::SegmentParts parts = memory::parse_segment(bytes, name);
  std::shared_ptr<Segment> segment(new Segment);
  segment->info_ = parts.info;
  segment->tokens_ = parts.tokens;
  segment->digest_ = digest;
  segment->bytes_ = bytes;
  segment->owner_ = std::move(owner);
  segment->codebook_ = find_codebook(parts.info, codebooks, name);
  segment->stored_ = std::make_unique<const memory::StoredKeys>(parts, segment->codebook_, name);
  const SegmentInfo& info = segment->info_;
  const bool exact = info.keys == KeyType::kFloat32;
  if (exact) {
    segment->keys_ = {reinterpret_cast<const float*>(parts.keys.data()), info.entries, info.hidden};
  }
  std::vector<float> buffer(static_cast<std::size_t>(info.hidden));
  for (std::int64_t i = 0; i < info.entries; ++i) {
    check_token(parts.tokens[static_cast<std::size_t>(i)], i, info.vocab, ErrorCode::kCorrupt, name,
                kFix);
    if (segment->codebook_ != nullptr) continue;  // every code is legal
    check_key({segment->stored_->row(i, buffer.data()), buffer.size()}, i,
              exact ? kUnitTolerance : kRoundedUnitTolerance, ErrorCode::kCorrupt, name, kFix);
  }
  return segment;
}

void Segment::decode(std::int64_t entry, std::span<float> key) const {
  PEMA_CHECK(entry >= 0 && entry < info_.entries && std::ssize(key) == info_.hidden,
             kInvalidArgument, "key ", entry, " of width ", key.size(), " was asked of a segment [",
             info_.entries, ", ", info_.hidden, "]");
  const float* const row = stored_->row(entry, key.data());
  if (row != key.data()) std::copy_n(row, key.size(), key.data());
}

const kernels::KeySet& Segment::searchable(KeepCodes keep) const {
  return stored_->searchable(keep);
}

std::int64_t Segment::search_bytes() const { return stored_->search_bytes(); }

FilePlace Segment::place_in_file(std::int64_t entry) const noexcept {
  const std::span<const std::byte> stored = stored_->stored(entry);
  const std::int64_t first = stored.data() - bytes_.data();
  return {first, first + std::ssize(stored) - 1};
}

void Segment::release() const noexcept {
  if (file_ != nullptr) file_->release();
}

std::vector<std::byte> Segment::serialise() const { return {bytes_.begin(), bytes_.end()}; }

}  // namespace pema
