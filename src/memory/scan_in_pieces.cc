#include "src/memory/scan_in_pieces.h"

#include <algorithm>
#include <iterator>

#include "src/memory/segment_table.h"

namespace pema::memory {
namespace {

/// Segments that are scanned together.
struct Piece {
  std::vector<const Segment*> segments;
  std::int64_t bytes = 0;
};

/// All segments of all rows, each once, and which piece has it.
struct Pieces {
  std::vector<Piece> pieces;
  SegmentTable piece_of;
};

Pieces split(std::span<const SearchRow> rows, std::int64_t bytes) {
  std::size_t named = 0;
  for (const SearchRow& row : rows) named += row.segments.size();
  Pieces out{std::vector<Piece>(1), SegmentTable(named)};
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t place = 0; place < rows[r].segments.size(); ++place) {
      const Segment* const segment = rows[r].segments[place].get();
      if (segment == nullptr) check_segment(rows[r], r, place);
      if (out.piece_of.find(segment) >= 0) continue;
      const std::int64_t size = segment->info().entries * key_bytes(segment->info());
      if (out.pieces.back().bytes > 0 && out.pieces.back().bytes + size > bytes) {
        out.pieces.emplace_back();
      }
      out.piece_of.insert(segment, static_cast<std::int32_t>(out.pieces.size() - 1));
      out.pieces.back().segments.push_back(segment);
      out.pieces.back().bytes += size;
    }
  }
  return out;
}

/// A row's segments of one piece.
struct Part {
  std::size_t row = 0;
  std::vector<std::shared_ptr<const Segment>> segments;
  std::vector<std::int32_t> place;  // among the row's
};

void prepare(const Piece& piece, kernels::ThreadPool& pool) {
  pool.run(std::ssize(piece.segments), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      (void)piece.segments[static_cast<std::size_t>(s)]->searchable(KeepCodes::kNo);
    }
  });
}

}  // namespace

std::vector<std::vector<kernels::NearKey>> scan_in_pieces(std::span<const SearchRow> rows,
                                                          kernels::ThreadPool& pool,
                                                          std::int64_t bytes) {
  const Pieces all = split(rows, bytes);
  std::vector<std::vector<kernels::NearKey>> found(rows.size());
  std::vector<std::vector<Part>> parts(all.pieces.size());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t place = 0; place < rows[r].segments.size(); ++place) {
      const auto& segment = rows[r].segments[place];
      auto& some = parts[static_cast<std::size_t>(all.piece_of.find(segment.get()))];
      if (some.empty() || some.back().row != r) some.push_back({r, {}, {}});
      some.back().segments.push_back(segment);
      some.back().place.push_back(static_cast<std::int32_t>(place));
    }
  }
  for (std::size_t p = 0; p < all.pieces.size(); ++p) {
    prepare(all.pieces[p], pool);
    std::vector<SearchRow> some;
    for (const Part& part : parts[p]) {
      some.push_back({part.segments, rows[part.row].query, rows[part.row].k});
    }
    const auto near = search_places(some, pool, KeepCodes::kNo);
    for (std::size_t i = 0; i < near.size(); ++i) {
      const Part& part = parts[p][i];
      std::vector<kernels::NearKey> both = near[i];
      for (kernels::NearKey& key : both)
        key.place = part.place[static_cast<std::size_t>(key.place)];
      merge_nearest(found[part.row], both, rows[part.row].k);
    }
    for (const Segment* const segment : all.pieces[p].segments) segment->release();
  }
  return found;
}

}  // namespace pema::memory
