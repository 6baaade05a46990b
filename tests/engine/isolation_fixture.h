/// People, teams and their texts in a store, and what may happen to them, for the isolation test.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pema/memory_manager.h"
#include "pema/segment_list.h"
#include "pema/store.h"
#include "tests/engine/isolation_rights.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_pool.h"

namespace pema::test {

inline constexpr std::int64_t kPeople = 200;
inline constexpr std::int64_t kTeams = 12;
inline constexpr std::int64_t kNumbers = std::int64_t{1}
                                         << 20;  // tokens, so segments, there may be

/// A unit vector near `centre`, so that everybody's keys lie among everybody else's.
inline void fill_key(std::mt19937& random, std::span<float> key) {
  std::normal_distribution<float> normal;
  double square = 0;
  for (float& value : key) {
    value = 0.5F + 0.3F * normal(random);
    square += static_cast<double>(value * value);
  }
  for (float& value : key) value /= static_cast<float>(std::sqrt(square));
}

[[nodiscard]] inline std::shared_ptr<const Segment> numbered_segment(std::mt19937& random,
                                                                     const TinyModel& model,
                                                                     std::int32_t number) {
  Matrix<float> keys(1 + static_cast<std::int64_t>(random() % 40), kHidden);
  for (std::int64_t i = 0; i < keys.rows(); ++i) fill_key(random, keys.view().row_span(i));
  SegmentInfo info;
  info.model = model.info.fingerprint;
  info.hidden = kHidden;
  info.vocab = kNumbers;
  const Matrix<float>& filled = keys;
  return Segment::make(info, filled.view(),
                       std::vector<std::int32_t>(static_cast<std::size_t>(keys.rows()), number));
}

class Isolation : public testing::Test {
 protected:
  Isolation() : store(Store::open(folder.file("store"), OpenMode::kCreate)) {
    ModelInfo info = model.info;
    info.vocab = kNumbers;
    store.put_model(info, "tiny.gguf");
    for (std::int64_t team = 0; team < kTeams; ++team) {
      const std::int32_t number = next_number++;
      const auto segment = numbered_segment(random, model, number);
      Team& made = teams.emplace_back();
      made.id = store.put_segment(*segment, SegmentKind::kShared, "team" + std::to_string(team)).id;
      made.texts = {{number, segment->info().entries}};
      note(made, made.version);
    }
    for (std::int64_t i = 0; i < kPeople; ++i) write("p" + std::to_string(i));
  }

  /// Gives `name` a new own segment or lets it keep none, and a random choice of teams.
  void write(const std::string& name) {
    ProfileDraft draft;
    draft.name = name;
    draft.schedule = {.lambda_own = 0.3, .lambda_shared = 0.3};
    std::set<SegmentId> may;
    for (const Team& team : teams) {
      if (random() % 3 != 0) continue;
      draft.segments.push_back(team.id);
      may.insert(team.id);
    }
    std::optional<Texts> texts;
    std::optional<Digest> own;
    if (random() % 4 != 0) {
      const std::int32_t number = next_number++;
      draft.own_segments.push_back(numbered_segment(random, model, number));
      texts = {{number, draft.own_segments[0]->info().entries}};
      own = draft.own_segments[0]->digest();
    }
    rights.note(name, ++generations[name], std::move(texts), std::move(may));
    store.put_profile(draft, OnExisting::kReplace);
    expect_gone(name);
    if (own) owned[name] = *own;
  }

  void note(const Team& team, std::int64_t version) {
    Texts texts;
    for (const auto& [number, entries] : team.texts) {
      if (entries > 0) texts[number] = entries;
    }
    rights.note(team.id, version, std::move(texts));
  }

  /// A random team's segment grows, is merged, or loses some entries or a text.
  void change_team() {
    Team& team = teams[random() % teams.size()];
    const std::int64_t next = team.version + 1;
    const std::size_t what = random() % 8;
    if (team.texts.size() < 6 && what < 4) {
      const std::int32_t number = next_number++;
      const auto segment = numbered_segment(random, model, number);
      team.texts.emplace_back(number, segment->info().entries);
      note(team, next);
      team.version = store.append_segment(team.id, *segment).version;
    } else if (what < 6) {
      note(team, next);
      team.version = store.merge_segment(team.id, {}).record.version;
    } else {
      forget(team, next);
    }
    ASSERT_LE(team.version, next);
  }

  /// The last entries of a random text; all of them, as often as not.
  void forget(Team& team, std::int64_t next) {
    auto& [number, entries] = team.texts[random() % team.texts.size()];
    if (entries == 0) return;
    std::int64_t first = 0;
    for (const auto& [other, count] : team.texts) {
      if (other == number) break;
      first += count;
    }
    const std::int64_t end = first + entries;
    const std::int64_t kept =
        random() % 2 == 0 ? 0
                          : static_cast<std::int64_t>(random() % static_cast<unsigned>(entries));
    entries = kept;
    note(team, next);
    team.version =
        store.forget_entries(team.id, {.entries = {{first + kept, end - 1}}}).record.version;
    std::erase_if(team.texts, [](const auto& text) { return text.second == 0; });
    if (team.texts.empty()) team.texts.emplace_back(next_number++, 0);
  }

  /// The own segment that a person had is in no index and not in memory any more.
  void expect_gone(const std::string& name) {
    const auto node = owned.extract(name);
    if (node.empty()) return;
    EXPECT_TRUE(store.covering_indexes({&node.mapped(), 1}).empty());
    EXPECT_FALSE(memory->holds({MemoryKind::kSegment, node.mapped()}));
  }

  void erase(const std::string& name) {
    store.remove_profile(name);
    expect_gone(name);
    write(name);  // comes back as somebody else
  }

  TinyModel model;
  std::mt19937 random{67};
  TemporaryFolder folder;
  Store store;
  std::vector<Team> teams;
  std::int32_t next_number = 0;
  std::map<std::string, std::int64_t> generations;
  std::map<std::string, Digest> owned;
  Rights rights;
  /// Room for some of the segments and for two or three indexes.
  std::shared_ptr<MemoryManager> memory =
      std::make_shared<MemoryManager>(MemoryOptions{.budget_bytes = std::int64_t{5} << 20});
};

}  // namespace pema::test
