// A store beside a plain model of one: after any series of operations both say the same. The seed
// is printed; PEMA_MODEL_SEED and PEMA_MODEL_OPERATIONS choose others.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "pema/bulk_enrolment.h"
#include "pema/erasure.h"
#include "pema/profile_reader.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

std::int64_t setting(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : otherwise;
}

/// What a store should hold, in the plainest way.
struct Model {
  struct Person {
    std::int64_t generation = 0;
    ProfileId id;
    PoolId pool;
    ProfileMask mask;
    LambdaSchedule schedule;
    std::set<SegmentId> shared;
    std::size_t own = 0;
  };
  std::map<std::string, Person> people;
  std::map<std::string, std::int64_t> removed;  ///< last generations
  std::int64_t floor = 0;                       ///< of the erased
  std::vector<PoolRecord> pools;
  std::map<std::string, SegmentId> shared;
  std::int64_t last_number = 0;

  [[nodiscard]] std::int64_t next_generation(const std::string& name) const {
    const auto person = people.find(name);
    if (person != people.end()) return person->second.generation + 1;
    const auto gone = removed.find(name);
    return std::max(gone == removed.end() ? 0 : gone->second, floor) + 1;
  }
  void put(const ProfileDraft& draft) {
    Person person;
    person.generation = next_generation(draft.name);
    const auto there = people.find(draft.name);
    if (there != people.end()) person.id = there->second.id;
    person.pool = draft.pool;
    person.mask = draft.mask;
    person.schedule = draft.schedule.quantised();
    person.shared = {draft.segments.begin(), draft.segments.end()};
    person.own = draft.own_segments.size();
    removed.erase(draft.name);
    people[draft.name] = person;
  }
  void remove(const std::string& name) {
    const auto there = people.find(name);
    if (there == people.end()) return;
    removed[name] = there->second.generation;
    people.erase(there);
  }
  void erase(const std::string& name) {
    remove(name);
    const auto gone = removed.find(name);
    if (gone == removed.end()) return;
    floor = std::max(floor, gone->second);
    removed.erase(gone);
  }
  [[nodiscard]] std::int64_t readers(SegmentId id) const {
    return std::count_if(people.begin(), people.end(),
                         [&](const auto& item) { return item.second.shared.contains(id); });
  }
};

struct ModelTest : ::testing::Test {
  static constexpr std::size_t kMostPools = 12;
  static constexpr std::size_t kMostShared = 12;

  TinyStore tiny;
  std::optional<Store> store{std::move(tiny.store)};
  Model model;
  std::mt19937_64 random;
  std::uint64_t contents = 0;  ///< segments so far, each unlike the others
  std::vector<std::shared_ptr<const AdapterBlock>> blocks{tiny_block(1)};

  /// tiny_segment repeats itself after a hundred.
  std::shared_ptr<const Segment> new_segment() {
    ++contents;
    return tiny_segment(contents % 100, 1 + static_cast<std::int64_t>(contents / 100));
  }
  std::uint64_t below(std::uint64_t bound) { return random() % bound; }
  std::string some_name() { return message("p", below(120)); }

  ProfileDraft some_draft(const std::string& name) {
    ProfileDraft draft;
    draft.name = name;
    draft.schedule.curve = below(2) == 0 ? LambdaCurve::kSquared : LambdaCurve::kConstant;
    draft.schedule.lambda_max = static_cast<double>(below(10'001)) / 1e4;
    draft.schedule.length = static_cast<std::int64_t>(1 + below(3));
    if (!model.pools.empty() && below(8) != 0) {
      const PoolRecord& pool = model.pools[below(model.pools.size())];
      draft.pool = pool.id;
      draft.mask.down = BitMask(pool.info.adapters);
      for (std::int64_t i = 0; i < pool.info.adapters; ++i) {
        if (below(3) == 0) draft.mask.down.set(i);
      }
    }
    for (const auto& [of, id] : model.shared) {
      if (below(3) == 0) draft.segments.push_back(id);
    }
    if (below(6) == 0) draft.own_segments.push_back(new_segment());
    return draft;
  }

  void enrol() {
    const ProfileDraft draft = some_draft(some_name());
    if (model.people.contains(draft.name)) {
      expect_error(ErrorCode::kAlreadyExists, [&] { store->put_profile(draft); });
      return;
    }
    model.put(draft);
    expect_same(store->put_profile(draft), model.people.at(draft.name), draft.name);
  }
  void replace() {
    const ProfileDraft draft = some_draft(some_name());
    model.put(draft);
    expect_same(store->put_profile(draft, OnExisting::kReplace), model.people.at(draft.name),
                draft.name);
  }
  void enrol_many() {
    std::vector<ProfileDraft> drafts;
    const std::uint64_t count = 1 + below(40);
    for (std::uint64_t i = 0; i < count; ++i) drafts.push_back(some_draft(some_name()));
    if (below(2) == 0) {
      store->put_profiles(drafts, OnExisting::kReplace);
    } else {
      BulkEnrolment bulk(*store, {.on_existing = OnExisting::kReplace});
      bulk.add(drafts);
      bulk.commit();
    }
    for (const ProfileDraft& draft : drafts) model.put(draft);
  }
  /// Gives or takes the right to read one segment.
  void change_rights() {
    const auto there = model.people.find(some_name());
    if (there == model.people.end() || model.shared.empty()) return;
    const SegmentId segment =
        std::next(model.shared.begin(), static_cast<std::ptrdiff_t>(below(model.shared.size())))
            ->second;
    const ProfileRecord before = *store->find_profile(there->first);
    ProfileDraft draft{before.name, before.pool, before.mask, before.schedule, {}, {}};
    std::set<SegmentId> rights(before.segments.begin(), before.segments.end());
    if (rights.erase(segment) == 0) rights.insert(segment);
    draft.segments = {rights.begin(), rights.end()};
    store->put_profile(draft, OnExisting::kReplace);
    Model::Person& person = there->second;
    ++person.generation;
    if (person.shared.erase(segment) == 0) person.shared.insert(segment);
  }
  void remove() {
    const std::string name = some_name();
    EXPECT_EQ(store->remove_profile(name), model.people.contains(name));
    model.remove(name);
  }
  void erase() {
    const std::string name = some_name();
    EXPECT_EQ(store->erase_profile(name, {}).found, model.people.contains(name));
    model.erase(name);
  }
  void grow_pool() {
    if (model.pools.size() >= kMostPools) return;
    if (!model.pools.empty()) blocks.push_back(tiny_block(100 + blocks.size()));
    model.pools.push_back(store->put_pool("main", tiny_pool(blocks)));
    EXPECT_EQ(model.pools.back().version, std::ssize(model.pools));
  }
  void change_segments() {
    const std::string name = message("docs ", below(kMostShared));
    const auto there = model.shared.find(name);
    if (there == model.shared.end()) {
      model.shared[name] = store->put_segment(*new_segment(), SegmentKind::kShared, name).id;
    } else if (model.readers(there->second) > 0) {
      expect_error(ErrorCode::kInvalidArgument,
                   [&] { static_cast<void>(store->remove_segment(there->second)); });
    } else {
      EXPECT_TRUE(store->remove_segment(there->second));
      model.shared.erase(there);
    }
  }
  void look_up() {
    const std::string name = some_name();
    const std::optional<ProfileRecord> record = store->find_profile(name);
    const auto there = model.people.find(name);
    ASSERT_EQ(record.has_value(), there != model.people.end()) << name;
    if (record) expect_same(*record, there->second, name);
  }
  void list() {
    const std::string after = some_name();
    auto expected = model.people.upper_bound(after);
    for (const ProfileRecord& record : store->profiles(after, 7)) {
      ASSERT_NE(expected, model.people.end());
      ASSERT_EQ(record.name, expected->first);
      expect_same(record, expected->second, record.name);
      ++expected;
    }
    EXPECT_EQ(store->profile_count(), std::ssize(model.people));
  }
  void reopen() {
    store.reset();
    store.emplace(Store::open(tiny.path, OpenMode::kReadWrite));
  }

  void expect_same(const ProfileRecord& record, Model::Person& person, const std::string& name) {
    EXPECT_EQ(record.name, name);
    EXPECT_EQ(record.generation, person.generation) << name;
    EXPECT_EQ(record.pool, person.pool) << name;
    EXPECT_EQ(record.mask, person.mask) << name;
    EXPECT_EQ(record.schedule, person.schedule) << name;
    std::set<SegmentId> rights(record.segments.begin(), record.segments.end());
    for (const SegmentId id : person.shared) EXPECT_EQ(rights.erase(id), 1U) << name;
    EXPECT_EQ(rights.size(), person.own) << name;
    if (!person.id) person.id = record.id;
    EXPECT_EQ(record.id, person.id) << name << " keeps its number";
  }

  void step() {
    const std::uint64_t what = below(1000);
    if (what < 200) return look_up();
    if (what < 450) return enrol();
    if (what < 600) return replace();
    if (what < 640) return enrol_many();
    if (what < 700) return change_rights();
    if (what < 860) return remove();
    if (what < 880) return erase();
    if (what < 890) return grow_pool();
    if (what < 920) return change_segments();
    if (what < 995) return list();
    reopen();
  }

  void compare_all() {
    ProfileReader reader = ProfileReader::open(tiny.path);
    ProfileRecord record;
    std::size_t own = 0;
    for (auto& [name, person] : model.people) {
      ASSERT_TRUE(reader.find(name, record)) << name;
      expect_same(record, person, name);
      ASSERT_TRUE(reader.find(person.id, record)) << name;
      EXPECT_EQ(record.generation, person.generation);
      own += person.own;
    }
    EXPECT_EQ(store->profile_count(), std::ssize(model.people));
    EXPECT_EQ(store->segments(SegmentKind::kShared).size(), model.shared.size());
    EXPECT_EQ(store->segments(SegmentKind::kOwn).size(), own);
    std::int64_t users = 0;
    for (const PoolRecord& pool : model.pools) users += store->pool_users(pool.id).profiles;
    EXPECT_EQ(users, std::count_if(model.people.begin(), model.people.end(),
                                   [](const auto& item) { return bool(item.second.pool); }));
    for (const Damage& damage : store->verify()) ADD_FAILURE() << damage.what << ": " << damage.why;
    EXPECT_TRUE(store->verify_audit({}).damages.empty());
  }
};

TEST_F(ModelTest, AStoreAndItsModelSayTheSame) {
  const std::int64_t seed = setting("PEMA_MODEL_SEED", 20261127);
  const std::int64_t operations = setting("PEMA_MODEL_OPERATIONS", 1500);
  std::printf("seed %lld, %lld operations\n", static_cast<long long>(seed),
              static_cast<long long>(operations));
  random.seed(static_cast<std::uint64_t>(seed));
  const std::int64_t pause = std::max<std::int64_t>(operations / 5, 500);
  for (std::int64_t done = 0; done < operations; ++done) {
    step();
    if ((done + 1) % pause == 0) compare_all();
    ASSERT_FALSE(HasFailure()) << "seed " << seed << ", operation " << done;
  }
  compare_all();
}

}  // namespace
}  // namespace pema::test
