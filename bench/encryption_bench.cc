// What encryption costs: the same people in a plain and in an encrypted store, in turn, one JSON
// object on standard output. Usage: encryption_bench FOLDER [PEOPLE]
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "pema/erasure.h"
#include "pema/master_key.h"
#include "pema/store.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kBulk = 5000;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::vector<std::string> random_names(std::int64_t people) {
  std::mt19937_64 random(5);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < people; ++i) {
    std::string name(16, 'a');
    for (char& c : name) c = static_cast<char>('a' + random() % 26);
    names.push_back(std::move(name));
  }
  return names;
}

pema::ProfileDraft draft_of(const std::string& name, std::mt19937_64& random) {
  pema::ProfileDraft draft;
  draft.name = name;
  draft.schedule.lambda_max = static_cast<double>(random() % 1000) / 1000;
  return draft;
}

/// One of the two stores, and what was measured of it.
struct Measured {
  std::string folder;
  pema::Store store;
  double enrol = 0;
  std::vector<double> lookups = {};
};

Measured make(const std::string& folder, bool encrypted) {
  pema::StoreOptions options;
  options.durability = pema::Durability::kFast;
  if (encrypted) {
    options.key = pema::MasterKey::from_callback(
        [](std::span<std::byte> key) { std::ranges::fill(key, std::byte{7}); });
  }
  std::filesystem::remove_all(folder);
  Measured made{folder, pema::Store::open(folder, pema::OpenMode::kCreate, options)};
  if (encrypted) made.store.encrypt();
  return made;
}

void enrol(Measured& side, const std::vector<std::string>& names, std::size_t at) {
  std::mt19937_64 random(at);
  std::vector<pema::ProfileDraft> drafts;
  for (std::size_t i = at; i < std::min(names.size(), at + kBulk); ++i) {
    drafts.push_back(draft_of(names[i], random));
  }
  const auto begin = Clock::now();
  side.store.put_profiles(drafts);
  side.enrol += seconds_since(begin);
}

void look_up(Measured& side, const std::vector<std::string>& names, std::mt19937_64& random) {
  for (int i = 0; i < 500; ++i) {
    const std::string& name = names[random() % names.size()];
    const auto begin = Clock::now();
    if (!side.store.find_profile(name)) std::abort();
    side.lookups.push_back(1e6 * seconds_since(begin));
  }
}

double at(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

nlohmann::json result(Measured& side, const std::vector<std::string>& names) {
  const auto people = static_cast<double>(names.size());
  nlohmann::json out;
  out["enrolled_per_second"] = people / side.enrol;
  out["lookup_us_p50"] = at(side.lookups, 0.5);
  out["lookup_us_p99"] = at(side.lookups, 0.99);
  out["registry_bytes_per_person"] = static_cast<double>(side.store.registry_bytes()) / people;
  std::vector<double> erasures;
  for (std::size_t i = 0; i < 30; ++i) {
    const auto begin = Clock::now();
    static_cast<void>(side.store.erase_profile(names[i], {}));
    erasures.push_back(1e3 * seconds_since(begin));
  }
  out["erase_ms_p50"] = at(erasures, 0.5);
  const std::string keys = side.folder + "/keys.db";
  out["key_bytes_per_person"] = std::filesystem::exists(keys)
                                    ? static_cast<double>(std::filesystem::file_size(keys)) / people
                                    : 0.0;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: encryption_bench FOLDER [PEOPLE]\n";
    return 2;
  }
  const std::vector<std::string> names = random_names(argc > 2 ? std::stoll(argv[2]) : 50'000);
  const std::string folder = argv[1];
  Measured plain = make(folder + "/plain", false);
  Measured encrypted = make(folder + "/encrypted", true);
  for (std::size_t at = 0; at < names.size(); at += kBulk) {
    enrol(plain, names, at);
    enrol(encrypted, names, at);
  }
  std::mt19937_64 random(11);
  for (int round = 0; round < 40; ++round) {
    look_up(plain, names, random);
    look_up(encrypted, names, random);
  }
  nlohmann::json out;
  out["people"] = names.size();
  out["plain"] = result(plain, names);
  out["encrypted"] = result(encrypted, names);
  std::cout << out.dump(2) << "\n";
}
