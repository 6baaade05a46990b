#include "bench/registry/people.h"

#include <span>

#include "pema/memory.h"

namespace pema::bench {
namespace {

constexpr std::int64_t kWidth = 4;
constexpr std::int64_t kSegments = 12;
constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

std::uint64_t mixed(std::uint64_t value) {  // SplitMix64
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

ModelInfo bench_model() { return {sha256("registry bench"), "bench", "llama", kWidth, 100}; }

Store open_store(const std::string& folder, const std::string& registry) {
  if (Store::exists(folder)) {
    return Store::open(folder, OpenMode::kReadWrite);
  }
  Store store = Store::open(folder, OpenMode::kCreate, {.registry = registry});
  store.put_model(bench_model(), "bench.gguf");
  Matrix<float> down(kMaskBits, kWidth);
  Matrix<float> up(kMaskBits, kWidth);
  for (std::int64_t i = 0; i < kMaskBits * kWidth; ++i) {
    down.data()[i] = static_cast<float>(i % 7);
    up.data()[i] = static_cast<float>(i % 5);
  }
  PoolInfo info;
  info.model = bench_model().fingerprint;
  info.algebra = Algebra::kSeparate;
  const Matrix<float>& a = down;
  const Matrix<float>& b = up;
  const std::vector<float> scale(kMaskBits, 1.0F);
  store.put_pool(
      "bench", Pool(info, nullptr, {AdapterBlock::make(kMaskBits, 1, a.view(), b.view(), scale)}));
  for (std::int64_t i = 0; i < kSegments; ++i) {
    SegmentInfo segment;
    segment.model = bench_model().fingerprint;
    segment.hidden = kWidth;
    segment.vocab = 100;
    Matrix<float> keys(1, kWidth);
    keys.row(0)[0] = 1.0F;
    const Matrix<float>& view = keys;
    const std::vector<std::int32_t> tokens{static_cast<std::int32_t>(i)};
    store.put_segment(*Segment::make(segment, view.view(), tokens), SegmentKind::kShared,
                      "segment " + std::to_string(i));
  }
  return store;
}

}  // namespace

Person person(std::uint64_t index) {
  Person person;
  std::uint64_t state = mixed(index);
  const auto next = [&] { return state = mixed(state); };
  for (std::size_t i = 0; i < kNameBytes; i += 8) {
    const std::uint64_t bits = next();
    for (std::size_t j = 0; j < 8; ++j) person.name[i + j] = kLetters[(bits >> (6 * j)) & 63];
  }
  for (std::uint64_t& word : person.down) word = next();
  for (std::uint64_t& word : person.up) word = next();
  person.lambdas = {static_cast<std::int32_t>(next() % 10'001),
                    static_cast<std::int32_t>(next() % 5'001),
                    static_cast<std::int32_t>(next() % 5'000)};
  person.rights = static_cast<std::int32_t>(next() % kRights);
  return person;
}

People::People(const std::string& folder, const std::string& registry)
    : store_(open_store(folder, registry)) {
  pool_ = store_.find_pool("bench")->id;
  const std::vector<SegmentRecord> segments = store_.segments(SegmentKind::kShared);
  for (std::int64_t right = 0; right < kRights; ++right) {
    rights_.emplace_back();
    for (std::size_t bit = 0; bit < segments.size(); ++bit) {
      if (((right + 1) >> bit & 1) != 0) rights_.back().push_back(segments[bit].id);
    }
  }
}

void People::fill(std::uint64_t index, ProfileDraft& draft) const {
  const Person source = person(index);
  draft.name = source.key();
  draft.pool = pool_;
  draft.mask.down.assign(kMaskBits, std::as_bytes(std::span(source.down)));
  draft.mask.up.assign(kMaskBits, std::as_bytes(std::span(source.up)));
  draft.schedule.lambda_max = source.lambdas[0] / 1e4;
  draft.schedule.lambda_own = source.lambdas[1] / 1e4;
  draft.schedule.lambda_shared = source.lambdas[2] / 1e4;
  draft.segments = rights_[static_cast<std::size_t>(source.rights)];
}

}  // namespace pema::bench
