/// What durability costs: commits a second in both modes, and what a backup does to those who read
/// meanwhile. Prints one JSON document.
///
///   store_bench commits WORK ROUNDS COMMITS
///   store_bench backup WORK STORE PROFILES RATE ROUNDS    STORE "-": one of PROFILES is made in
///   WORK
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "pema/backup.h"
#include "pema/error.h"
#include "pema/store.h"

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

pema::ModelInfo model() { return {pema::sha256("bench"), "bench", "llama", 8, 64}; }

/// A pool of 256 adapters, the width of the masks.
pema::PoolId add_pool(pema::Store& store) {
  store.put_model(model(), "bench.gguf");
  pema::Matrix<float> rows(256, 8);
  for (std::int64_t i = 0; i < 256 * 8; ++i) rows.data()[i] = static_cast<float>(i % 17) * 0.01F;
  const pema::Matrix<float>& view = rows;
  pema::PoolInfo info;
  info.model = model().fingerprint;
  return store
      .put_pool("bench", pema::Pool(info, nullptr,
                                    {pema::AdapterBlock::make(256, 1, view.view(), view.view(),
                                                              std::vector<float>(256, 1.0F))}))
      .id;
}

pema::ProfileDraft draft(pema::PoolId pool, std::mt19937_64& random, const std::string& name) {
  pema::ProfileDraft made;
  made.name = name;
  made.pool = pool;
  made.mask.down = pema::BitMask(256);
  for (int i = 0; i < 32; ++i) made.mask.down.set(static_cast<std::int64_t>(random() % 256));
  made.schedule.lambda_max = static_cast<double>(random() % 100) / 100;
  return made;
}

std::string random_name(std::mt19937_64& random) {
  char text[24];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random()));
  return text;
}

Json measure_commits(const std::string& work, int rounds, int commits) {
  Json document;
  std::mt19937_64 random(1);
  for (int round = 0; round < rounds; ++round) {
    for (const char* const mode : {"durable", "fast"}) {
      const std::string folder = work + "/commits";
      std::filesystem::remove_all(folder);
      pema::StoreOptions options;
      options.durability = mode[0] == 'd' ? pema::Durability::kDurable : pema::Durability::kFast;
      auto store = pema::Store::open(folder, pema::OpenMode::kCreate, options);
      const pema::PoolId pool = add_pool(store);
      const auto start = Clock::now();
      for (int i = 0; i < commits; ++i) {
        store.put_profile(draft(pool, random, random_name(random)));
      }
      document["commits_per_second"][mode].push_back(commits / seconds_since(start));
      std::vector<pema::ProfileDraft> many;
      for (int i = 0; i < 10'000; ++i) many.push_back(draft(pool, random, random_name(random)));
      const auto batch = Clock::now();
      store.put_profiles(many);
      document["profiles_per_second_in_one_call"][mode].push_back(10'000 / seconds_since(batch));
    }
  }
  return document;
}

void make_store(const std::string& folder, std::int64_t profiles) {
  std::filesystem::remove_all(folder);
  auto store = pema::Store::open(folder, pema::OpenMode::kCreate, {pema::Durability::kFast});
  const pema::PoolId pool = add_pool(store);
  std::mt19937_64 random(7);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < profiles; ++i) names.push_back(random_name(random));
  std::sort(names.begin(), names.end());
  for (std::int64_t first = 0; first < profiles; first += 100'000) {
    std::vector<pema::ProfileDraft> drafts;
    for (std::int64_t i = first; i < std::min(profiles, first + 100'000); ++i) {
      drafts.push_back(draft(pool, random, names[static_cast<std::size_t>(i)]));
    }
    store.put_profiles(drafts);
  }
}

/// Names from all over the store.
std::vector<std::string> some_names(const std::string& folder) {
  static constexpr char kLetters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  const auto store = pema::Store::open(folder, pema::OpenMode::kReadOnly);
  std::mt19937_64 random(3);
  std::vector<std::string> names;
  for (int page = 0; page < 2000 && names.size() < 100'000; ++page) {
    std::string after;
    for (int i = 0; i < 4; ++i) after += kLetters[random() % 36];
    for (const pema::ProfileRecord& profile : store.profiles(after, 100)) {
      names.push_back(profile.name);
    }
  }
  return names;
}

/// Readers and a writer that go on until they are told to stop.
class Traffic {
 public:
  Traffic(const std::string& folder, const std::vector<std::string>& names) {
    for (int reader = 0; reader < 4; ++reader) {
      latencies_.emplace_back();
      threads_.emplace_back([this, reader, &folder, &names] { read(reader, folder, names); });
    }
    threads_.emplace_back([this, &folder, &names] { write(folder, names); });
  }
  /// Microseconds of all lookups, sorted.
  std::vector<double> end() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    std::vector<double> all;
    for (const auto& some : latencies_) all.insert(all.end(), some.begin(), some.end());
    std::sort(all.begin(), all.end());
    return all;
  }
  [[nodiscard]] std::int64_t writes() const { return writes_; }

 private:
  void read(int reader, const std::string& folder, const std::vector<std::string>& names) {
    const auto store = pema::Store::open(folder, pema::OpenMode::kReadOnly);
    std::mt19937_64 random(static_cast<std::uint64_t>(reader) + 11);
    std::vector<double> taken;
    while (!stop_) {
      const auto start = Clock::now();
      static_cast<void>(store.find_profile(names[random() % names.size()]));
      taken.push_back(1e6 * seconds_since(start));
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    latencies_[static_cast<std::size_t>(reader)] = std::move(taken);
  }
  void write(const std::string& folder, const std::vector<std::string>& names) {
    auto store = pema::Store::open(folder, pema::OpenMode::kReadWrite);
    std::mt19937_64 random(5);
    const pema::PoolId pool = store.pools().at(0).id;
    while (!stop_) {
      store.put_profile(draft(pool, random, names[random() % names.size()]),
                        pema::OnExisting::kReplace);
      ++writes_;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<std::int64_t> writes_{0};
  std::vector<std::vector<double>> latencies_;
  std::vector<std::thread> threads_;
};

Json quantiles(const std::vector<double>& sorted) {
  const auto at = [&](double share) {
    return sorted.empty()
               ? 0.0
               : sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
  };
  return {{"p50", at(0.5)}, {"p99", at(0.99)}, {"p999", at(0.999)}, {"lookups", sorted.size()}};
}

Json measure_backup(const std::string& work, std::string folder, std::int64_t profiles,
                    std::int64_t rate, int rounds) {
  if (folder == "-") {
    folder = work + "/store";
    make_store(folder, profiles);
  }
  const std::vector<std::string> names = some_names(folder);
  Json document;
  document["profiles"] = pema::Store::open(folder, pema::OpenMode::kReadOnly).profile_count();
  double length = 3;
  for (int round = 0; round < rounds; ++round) {
    const std::string backups = work + "/backups";
    std::filesystem::remove_all(backups);
    Traffic busy(folder, names);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const auto start = Clock::now();
    const auto source = pema::Store::open(folder, pema::OpenMode::kReadOnly);
    pema::BackupOptions options;
    options.bytes_per_second = rate;
    const pema::BackupRecord backup = source.backup(backups, options);
    length = seconds_since(start);
    document["backup_seconds"].push_back(length);
    document["registry_bytes"] = backup.registry_bytes;
    document["during"].push_back(quantiles(busy.end()));
    document["writes_during"].push_back(busy.writes());
    const auto copy = pema::Store::open(backup.path, pema::OpenMode::kReadOnly);
    document["damages"].push_back(copy.verify(pema::VerifyDepth::kQuick).size());
    document["profiles_in_backup"].push_back(copy.profile_count());
    Traffic quiet(folder, names);
    std::this_thread::sleep_for(std::chrono::duration<double>(std::max(3.0, length)));
    document["without"].push_back(quantiles(quiet.end()));
  }
  return document;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string what = argc > 1 ? argv[1] : "";
    Json document;
    if (what == "commits" && argc == 5) {
      document = measure_commits(argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
    } else if (what == "backup" && argc == 7) {
      document = measure_backup(argv[2], argv[3], std::atoll(argv[4]), std::atoll(argv[5]),
                                std::atoi(argv[6]));
    } else {
      std::fprintf(stderr, "usage: see the head of bench/store_bench.cc\n");
      return 2;
    }
    std::printf("%s\n", document.dump(2).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "store_bench: %s\n", error.what());
    return 1;
  }
}
