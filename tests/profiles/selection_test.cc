// Many profiles as one file: everything comes back bit for bit, and of a damaged file nothing.
#include "profiles/selection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "pema/audit.h"
#include "pema/master_key.h"
#include "pema/operating.h"
#include "pema/segment_list.h"
#include "tests/profiles/store_fixture.h"

namespace pema::test {
namespace {

struct SelectionTest : ::testing::Test {
  TinyStore from;
  TinyStore to;
  std::string file = from.folder.file("many.pema");
  PoolRecord pool = from.put_pool();
  PoolRecord other = from.store.put_pool("soft", tiny_pool({tiny_block(2)}, Algebra::kSeparate));
  SegmentRecord docs = from.store.put_segment(*tiny_segment(1), SegmentKind::kShared, "docs");

  SelectionTest() {
    ProfileDraft ada = draft_of("acme/ada", pool.id, {docs.id});
    ada.own_segments = {tiny_segment(2)};
    from.store.put_profile(ada);
    from.store.set_expiry("acme/ada", 5000);
    from.store.put_profile(draft_of("acme/bob", pool.id, {docs.id}));
    ProfileDraft soft = draft_of("acme/cyd", other.id);
    soft.mask = {};
    soft.mask.down_weights.assign(8, 0.25F);
    soft.mask.up_weights.assign(8, -1.5F);
    from.store.put_profile(soft);
    ProfileDraft none = draft_of("zoe", {});
    none.mask = {};
    from.store.put_profile(none);
  }

  static void expect_same(const Store& a, const Store& b, const std::string& name) {
    const ProfileRecord one = *a.find_profile(name);
    const ProfileRecord two = *b.find_profile(name);
    EXPECT_EQ(one.mask, two.mask) << name;
    EXPECT_EQ(one.schedule, two.schedule);
    ASSERT_EQ(one.segments.size(), two.segments.size());
    std::vector<Digest> first;
    std::vector<Digest> second;
    for (const SegmentId id : one.segments) first.push_back(a.load_segment(id)->digest());
    for (const SegmentId id : two.segments) second.push_back(b.load_segment(id)->digest());
    EXPECT_THAT(first, ::testing::UnorderedElementsAreArray(second));
    ASSERT_EQ(static_cast<bool>(one.pool), static_cast<bool>(two.pool));
    if (one.pool) {
      EXPECT_EQ(a.find_pool(one.pool)->digest, b.find_pool(two.pool)->digest);
    }
    EXPECT_EQ(a.expiry(one.id), b.expiry(two.id));
  }
  static std::vector<std::size_t> counts(const Store& store) {
    return {store.models().size(), store.pools().size(), store.segments().size(),
            static_cast<std::size_t>(store.profile_count())};
  }
};

TEST_F(SelectionTest, EverythingComesBackBitForBit) {
  const SelectionSums out = from.store.export_profiles({}, file);
  EXPECT_EQ(out.profiles, 4);
  EXPECT_EQ(out.bytes, std::ssize(read_bytes(file)));
  const SelectionSums in = to.store.import_profiles(file);
  EXPECT_EQ(in.profiles, 4);
  EXPECT_EQ(in.digest, out.digest);
  EXPECT_EQ(in.objects, out.objects);
  EXPECT_EQ(to.store.profile_count(), 4);
  for (const char* name : {"acme/ada", "acme/bob", "acme/cyd", "zoe"}) {
    expect_same(from.store, to.store, name);
  }
  EXPECT_EQ(to.store.audit().back().kind, AuditKind::kEnrolled);
  EXPECT_EQ(to.store.audit().back().count, 4);
  EXPECT_TRUE(to.store.verify().empty());
  const std::string again = from.folder.file("again.pema");
  EXPECT_EQ(to.store.export_profiles({}, again).profiles, 4);
  EXPECT_EQ(from.store.export_profiles({}, again).digest, out.digest) << "the same bytes again";
}

TEST_F(SelectionTest, NamesPrefixesAndPoolsChoose) {
  const auto packed = [&](const ProfileSelection& selection) {
    return from.store.export_profiles(selection, file).profiles;
  };
  EXPECT_EQ(packed({.names = {"zoe", "acme/ada", "zoe"}}), 2);
  EXPECT_EQ(packed({.prefix = "acme/"}), 3);
  EXPECT_EQ(packed({.prefix = "acme/", .pool = pool.id}), 2);
  EXPECT_EQ(packed({.prefix = "zoe"}), 1) << "a name is a prefix of itself";
  EXPECT_EQ(packed({.names = {"acme/ada"}, .with_segments = false}), 1);
  to.store.import_profiles(file);
  EXPECT_TRUE(to.store.find_profile("acme/ada")->segments.empty());
  const std::vector<std::byte> before = read_bytes(file);
  expect_error(
      ErrorCode::kNotFound,
      [&] {
        packed({.names = {"zoe", "nobody"}});
      },
      "nobody");
  expect_error(ErrorCode::kNotFound, [&] { packed({.prefix = "x"}); });
  expect_error(ErrorCode::kInvalidArgument, [&] { packed({.names = {"zoe"}, .prefix = "z"}); });
  EXPECT_EQ(read_bytes(file), before) << "a failed export leaves the file as it was";
}

TEST_F(SelectionTest, ASegmentOfSeveralPartsIsNotPackedHalf) {
  from.store.append_segment(docs.id, *tiny_segment(9));
  expect_error(
      ErrorCode::kUnsupported, [&] { static_cast<void>(from.store.export_profiles({}, file)); },
      "memory merge");
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(from.store.export_profiles({.with_segments = false}, file).profiles, 4);
  static_cast<void>(from.store.merge_segment(docs.id, {}));
  EXPECT_EQ(from.store.export_profiles({}, file).profiles, 4);
}

TEST_F(SelectionTest, OneTakenNameAndNothingIsStored) {
  from.store.export_profiles({}, file);
  ProfileDraft mine = draft_of("zoe", {});
  mine.mask = {};
  to.store.put_profile(mine);
  const std::vector<std::size_t> before = counts(to.store);
  expect_error(
      ErrorCode::kAlreadyExists, [&] { to.store.import_profiles(file); }, "zoe");
  EXPECT_EQ(counts(to.store), before);
  EXPECT_FALSE(std::filesystem::exists(to.store.object_path(tiny_segment(2)->digest())))
      << "nothing of a person's text stays";
  EXPECT_EQ(to.store.import_profiles(file, OnExisting::kReplace).profiles, 4);
  EXPECT_EQ(to.store.find_profile("zoe")->generation, 2);
  // An earlier date here is not moved by a later one from there.
  to.store.set_expiry("acme/ada", 10);
  to.store.import_profiles(file, OnExisting::kReplace);
  EXPECT_EQ(to.store.expiry(to.store.find_profile("acme/ada")->id), 10);
  EXPECT_TRUE(to.store.verify().empty());
}

TEST_F(SelectionTest, AnotherBaseModelIsRefused) {
  from.store.export_profiles({}, file);
  const TemporaryFolder folder;
  Store empty = Store::open(folder.file("store"), OpenMode::kCreate);
  expect_error(
      ErrorCode::kMismatch, [&] { empty.import_profiles(file); }, "no base model");
  EXPECT_EQ(empty.profile_count(), 0);
}

TEST_F(SelectionTest, AnEncryptedStoreTakesAndGives) {
  const auto key = MasterKey::from_callback(
      [](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{7}); });
  Store sealed = Store::open(to.folder.file("sealed"), OpenMode::kCreate, {.key = key});
  sealed.encrypt();
  sealed.put_model(tiny_model(), "");
  from.store.export_profiles({}, file);
  sealed.import_profiles(file);
  for (const char* name : {"acme/ada", "acme/bob", "acme/cyd", "zoe"}) {
    expect_same(from.store, sealed, name);
  }
  const std::string back = to.folder.file("back.pema");
  EXPECT_EQ(sealed.export_profiles({.prefix = "acme/"}, back).profiles, 3);
  to.store.import_profiles(back);
  expect_same(from.store, to.store, "acme/ada");
  expect_error(ErrorCode::kAlreadyExists, [&] { sealed.import_profiles(file); });
  EXPECT_TRUE(sealed.verify().empty());
}

TEST_F(SelectionTest, EveryChangedByteIsRefusedAndNothingIsStored) {
  from.store.export_profiles({}, file);
  const std::vector<std::byte> whole = read_bytes(file);
  const std::vector<std::size_t> before = counts(to.store);
  std::mt19937_64 random(3);
  const auto refused = [&](const std::vector<std::byte>& bytes, const std::string& what) {
    write_bytes(file, bytes);
    const auto error = error_of([&] { to.store.import_profiles(file); });
    ASSERT_TRUE(error.has_value()) << what;
    EXPECT_TRUE(error->code() == ErrorCode::kCorrupt || error->code() == ErrorCode::kUnsupported)
        << what << ": " << error->what();
  };
  for (int i = 0; i < 400; ++i) {
    std::vector<std::byte> bytes = whole;
    const std::size_t at = random() % bytes.size();
    bytes[at] ^= static_cast<std::byte>(1U << random() % 8);
    refused(bytes, message("a flipped bit at ", at));
  }
  for (int i = 0; i < 100; ++i) {
    std::vector<std::byte> bytes = whole;
    bytes.resize(random() % bytes.size());
    refused(bytes, message("cut to ", bytes.size()));
  }
  std::vector<std::byte> longer = whole;
  longer.push_back(std::byte{0});
  refused(longer, "a byte more");
  std::vector<std::byte> twice = whole;
  twice.insert(twice.end(), whole.begin(), whole.end());
  refused(twice, "two files");
  EXPECT_EQ(counts(to.store), before);
  write_bytes(file, whole);
  EXPECT_EQ(to.store.import_profiles(file).profiles, 4);
}

/// With a digest that is right again: what is wrong with the content must be found as well.
TEST_F(SelectionTest, ContentIsCheckedBehindAGoodDigest) {
  from.store.export_profiles({}, file);
  const std::vector<std::byte> whole = read_bytes(file);
  const std::vector<std::size_t> before = counts(to.store);
  std::mt19937_64 random(5);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<std::byte> bytes = whole;
    const std::size_t at = 8 + random() % (bytes.size() - 42);
    bytes[at] ^= static_cast<std::byte>(1U << random() % 8);
    const Digest digest = sha256(std::span(bytes).first(bytes.size() - 34));
    std::copy_n(std::as_bytes(std::span(digest.bytes)).begin(), 32, bytes.end() - 32);
    const auto error =
        error_of([&] { static_cast<void>(profiles::check_selection(bytes, "changed")); });
    if (!error) continue;  // another lambda, another bit of a mask, another weight
    ++refused;
    EXPECT_TRUE(error->code() == ErrorCode::kCorrupt || error->code() == ErrorCode::kUnsupported)
        << error->what();
  }
  EXPECT_GT(refused, 250);
  EXPECT_EQ(counts(to.store), before);
}

TEST_F(SelectionTest, TwoThousandPeopleShareTheirPool) {
  std::vector<ProfileDraft> drafts;
  for (int i = 0; i < 2000; ++i) drafts.push_back(draft_of(message("many/", i), pool.id));
  from.store.put_profiles(drafts);
  const SelectionSums sums = from.store.export_profiles({.prefix = "many/"}, file);
  EXPECT_EQ(sums.profiles, 2000);
  EXPECT_EQ(sums.objects, 2) << "a block and the shared adapter";
  EXPECT_LT(sums.bytes, 2000 * 60);
  EXPECT_EQ(to.store.import_profiles(file).profiles, 2000);
  EXPECT_EQ(to.store.profile_count(), 2000);
  expect_same(from.store, to.store, "many/1234");
  EXPECT_TRUE(to.store.verify().empty());
}

}  // namespace
}  // namespace pema::test
