#include "src/memory/index_search.h"
#include "tests/fuzz/repair_object.h"
#include "tests/memory/segment_fixture.h"

namespace {

const pema::memory::Segments& segments() {
  static const pema::memory::Segments some{
      pema::test::segment_of(pema::test::unit_rows(40, 3, 1)),
      pema::test::segment_of(pema::test::unit_rows(2, 3, 2), 100)};
  return some;
}

/// Null for an index over other segments, which is no damage.
std::shared_ptr<const pema::memory::SegmentIndex> read_index(const std::vector<std::byte>& bytes) {
  try {
    return pema::memory::SegmentIndex::from_bytes(bytes, segments(), "fuzz");
  } catch (const pema::Error& error) {
    if (error.code() != pema::ErrorCode::kMismatch) throw;
    return nullptr;
  }
}

/// Without its segments an index believes the file, and a search compares.
void check_alone(const std::vector<std::byte>& bytes) {
  const auto alone = pema::memory::SegmentIndex::from_bytes(bytes, "fuzz");
  pema::fuzz::require(alone->serialise() == bytes);
  if (alone->lists().cols != 3) return;
  pema::kernels::ThreadPool pool(1);
  const pema::memory::SearchRow row{segments(), segments()[0]->keys().row_span(7), 50};
  pema::fuzz::require(pema::memory::search({&row, 1}, pool, alone.get(), {0.9})[0].size() <= 42);
  std::vector<const pema::Segment*> seen(alone->digests().size());
  std::vector<std::int32_t> place(seen.size(), -1);
  for (std::int32_t p = 0; p < 2; ++p) {
    const pema::Segment* const segment = segments()[static_cast<std::size_t>(p)].get();
    const std::int32_t number = alone->number_of(segment);
    if (number < 0 || alone->size_of(number) != segment->info().entries) continue;
    seen[static_cast<std::size_t>(number)] = segment;
    place[static_cast<std::size_t>(number)] = p;
  }
  const pema::kernels::ListRow listed{row.query.data(), place, 50, 1, 60};
  pema::fuzz::require(alone->nearest({&listed, 1}, seen, pool)[0].size() <= 50);
}

/// What is accepted must be usable and serialise to the same bytes.
void check(const std::vector<std::byte>& bytes) {
  check_alone(bytes);
  const auto index = read_index(bytes);
  if (index == nullptr) return;
  pema::fuzz::require(index->serialise() == bytes);
  pema::kernels::ThreadPool pool(1);
  const pema::memory::SearchRow row{segments(), segments()[0]->keys().row_span(7), 50};
  pema::fuzz::require(pema::memory::search({&row, 1}, pool, index.get(), {0.9})[0].size() <= 42);
  std::vector<std::int32_t> all{0, 1};
  const pema::kernels::ListRow listed{row.query.data(), all, 50, 1, 60};
  const pema::Segment* const seen[] = {segments()[0].get(), segments()[1].get()};
  pema::fuzz::require(index->nearest({&listed, 1}, seen, pool)[0].size() <= 42);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return pema::fuzz::read_object_with_payload(data, size, check);
}
