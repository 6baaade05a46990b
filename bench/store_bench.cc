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
#include <exception>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "pema/backup.h"
#include "pema/bulk_enrolment.h"
#include "pema/error.h"
#include "pema/profile_reader.h"
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

/// Names from all over the store that it makes, 100,000 at most.
std::vector<std::string> make_store(const std::string& folder, std::int64_t profiles) {
  std::filesystem::remove_all(folder);
  auto store = pema::Store::open(folder, pema::OpenMode::kCreate, {pema::Durability::kFast});
  const pema::PoolId pool = add_pool(store);
  std::mt19937_64 random(7);
  std::vector<std::string> names;
  pema::BulkEnrolment bulk(store);
  const std::int64_t step = 1 + (profiles - 1) / 100'000;
  for (std::int64_t i = 0; i < profiles; ++i) {
    const pema::ProfileDraft one = draft(pool, random, random_name(random));
    bulk.add(one);
    if (i % step == 0) names.push_back(one.name);
  }
  bulk.commit();
  return names;
}

/// Names from all over a store of somebody else's.
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

/// Readers and a writer that go on until they are told to stop. A look-up is what one request asks:
/// the present, if anything was committed, and a profile from the store rather than from memory.
class Traffic {
 public:
  Traffic(const std::string& folder, const std::vector<std::string>& names) : taken_(kReaders) {
    for (std::vector<double>& taken : taken_) {
      run([this, &taken, &folder, &names] { read(taken, folder, names); });
    }
    run([this, &folder, &names] { write(folder, names); });
  }
  ~Traffic() { join(); }
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// What was done, and quantiles of the look-ups' microseconds. Throws what a thread threw.
  Json end() {
    join();
    if (failure_) std::rethrow_exception(failure_);
    const double seconds = seconds_since(start_);
    std::vector<double> all;
    for (const auto& some : taken_) all.insert(all.end(), some.begin(), some.end());
    std::sort(all.begin(), all.end());
    const auto at = [&](double share) {
      return all.at(static_cast<std::size_t>(share * static_cast<double>(all.size() - 1)));
    };
    return {{"p50", at(0.5)},        {"p99", at(0.99)},          {"p999", at(0.999)},
            {"lookups", all.size()}, {"writes", writes_.load()}, {"seconds", seconds}};
  }

 private:
  void run(const std::function<void()>& work) {
    threads_.emplace_back([this, work] {
      try {
        work();
      } catch (...) {
        if (!failed_.exchange(true)) failure_ = std::current_exception();
      }
    });
  }
  void join() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  void read(std::vector<double>& taken, const std::string& folder,
            const std::vector<std::string>& names) {
    auto reader = pema::ProfileReader::open(folder, {.resident_bytes = 0});
    pema::ProfileRecord record;
    std::mt19937_64 random(static_cast<std::uint64_t>(&taken - taken_.data()) + 11);
    while (!stop_) {
      const std::string& name = names[random() % names.size()];
      const auto start = Clock::now();
      reader.refresh();
      PEMA_CHECK(reader.find(name, record), kNotFound, name, " is gone");
      taken.push_back(1e6 * seconds_since(start));
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
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

  static constexpr std::size_t kReaders = 4;

  Clock::time_point start_ = Clock::now();
  std::atomic<bool> stop_{false};
  std::atomic<bool> failed_{false};
  std::exception_ptr failure_;  ///< the first
  std::atomic<std::int64_t> writes_{0};
  std::vector<std::vector<double>> taken_;  ///< one of each reader
  std::vector<std::thread> threads_;
};

/// A backup under traffic: what it wrote, how long it took, whether it is whole, and the traffic.
void back_up(const std::string& folder, const std::vector<std::string>& names,
             const std::string& backups, std::int64_t rate, Json& document) {
  std::filesystem::remove_all(backups);
  Traffic busy(folder, names);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto start = Clock::now();
  const auto source = pema::Store::open(folder, pema::OpenMode::kReadOnly);
  pema::BackupOptions options;
  options.bytes_per_second = rate;
  const pema::BackupRecord backup = source.backup(backups, options);
  document["backup_seconds"].push_back(seconds_since(start));
  document["during"].push_back(busy.end());
  document["registry_bytes"] = backup.registry_bytes;
  const auto copy = pema::Store::open(backup.path, pema::OpenMode::kReadOnly);
  document["damages"].push_back(copy.verify(pema::VerifyDepth::kQuick).size());
  document["profiles_in_backup"].push_back(copy.profile_count());
}

Json measure_backup(const std::string& work, std::string folder, std::int64_t profiles,
                    std::int64_t rate, int rounds) {
  Json document;
  std::vector<std::string> names;
  if (folder == "-") {
    folder = work + "/store";
    const auto start = Clock::now();
    names = make_store(folder, profiles);
    document["making_seconds"] = seconds_since(start);
  } else {
    names = some_names(folder);
  }
  document["profiles"] = pema::Store::open(folder, pema::OpenMode::kReadOnly).profile_count();
  for (int round = 0; round < rounds; ++round) {
    back_up(folder, names, work + "/backups", rate, document);
    Traffic quiet(folder, names);
    const double length = document["backup_seconds"].back().get<double>();
    std::this_thread::sleep_for(std::chrono::duration<double>(std::max(3.0, length)));
    document["without"].push_back(quiet.end());
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
