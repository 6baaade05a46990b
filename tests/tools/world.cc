#include "tests/tools/world.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <stdexcept>
#include <utility>

#include "pema/plm/language_model.h"
#include "tests/support/tiny_gguf.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {
namespace {

/// A segment of random keys and recurring words, over a model.
std::shared_ptr<const Segment> make_segment(const ModelInfo& info, unsigned seed) {
  TinyModel model;
  model.info = info;
  std::mt19937 random(seed);
  return random_segment(random, model, 50);
}

}  // namespace

World::World() {
  TinyGguf first;
  write_tiny_gguf(model(), first);
  TinyGguf second;
  second.seed = 2;
  second.name = "other";
  write_tiny_gguf(other_model(), second);
  fill_store();
}

void World::fill_store() const {
  const ModelInfo info = plm::read_gguf(model()).info;
  Store store = Store::open(this->store(), OpenMode::kCreate);
  store.put_model(info, model());
  TinyModel tiny(1, info.hidden, info.vocab);
  tiny.info = info;
  const PoolRecord pool = store.put_pool("tiny", *random_pool(tiny, {}));
  const SegmentRecord handbook =
      store.put_segment(*make_segment(info, 3), SegmentKind::kShared, "handbook");
  const SegmentRecord diary = store.put_segment(*make_segment(info, 4), SegmentKind::kOwn);
  ProfileDraft alice;
  alice.name = "alice";
  alice.pool = pool.id;
  alice.mask.down = BitMask::from_indices(kAdapters, std::vector<std::int64_t>{0, 3, 7, 12});
  alice.schedule.lambda_max = 0.9;
  ProfileDraft bob = alice;
  bob.name = "bob";
  bob.mask.down = BitMask::from_indices(kAdapters, std::vector<std::int64_t>{1, 3, 8});
  ProfileDraft reader;
  reader.name = "reader";
  reader.segments = {handbook.id, diary.id};
  reader.schedule.lambda_own = 0.3;
  reader.schedule.lambda_shared = 0.2;
  store.put_profiles(std::vector<ProfileDraft>{alice, bob, reader});
}

RunOptions World::with_environment(RunOptions options) const {
  options.environment.push_back("XDG_CACHE_HOME=" + file("cache"));
  options.environment.push_back("PEMA_STORE=" + store());
  options.environment.push_back("PEMA_MODEL=" + model());
  return options;
}

Outcome World::pema(const std::vector<std::string>& arguments, RunOptions options) const {
  std::vector<std::string> all = arguments;
  // The tiny model gains nothing by a second thread, and tests run side by side.
  all.insert(all.begin(), {"--threads", "1"});
  return run_program(PEMA_PROGRAM, all, with_environment(std::move(options)));
}

nlohmann::json World::generate(const std::vector<std::string>& arguments,
                               const RunOptions& options) const {
  std::vector<std::string> all = arguments;
  all.insert(all.begin(), {"generate", "--json"});
  const Outcome outcome = pema(all, options);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  nlohmann::json document = outcome.json();
  for (const char* key : {"prompt_seconds", "seconds", "tokens_per_second"}) {
    EXPECT_TRUE(document.contains(key)) << key;
    document.erase(key);
  }
  const bool greedy = document.value("temperature", 1.0) == 0.0;
  if (greedy) document.erase("seed");
  return document;
}

std::string World::write(const std::string& name, const std::string& text) const {
  std::ofstream(file(name), std::ios::binary) << text;
  return file(name);
}

std::string World::pool_object() const {
  const Store opened = Store::open(store(), OpenMode::kReadOnly);
  return opened.object_path(opened.find_pool("tiny")->block_objects.front());
}

void flip_byte(const std::string& path, std::int64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(offset, offset < 0 ? std::ios::end : std::ios::beg);
  const std::streamoff place = file.tellg();
  const int byte = file.get();
  file.seekp(place);
  file.put(static_cast<char>(byte ^ 1));
  if (!file.flush()) throw std::runtime_error("cannot flip a byte of " + path);
}

}  // namespace pema::test
