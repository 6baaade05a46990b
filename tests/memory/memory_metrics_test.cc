// Metrics as JSON and Prometheus text, read by a strict parser of format 0.0.4.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "pema/memory_manager.h"

namespace pema::test {
namespace {

struct Family {
  std::string type;
  bool has_help = false;
  std::map<std::string, double> series;  ///< by name and labels, as they stand
};

/// Families by name. Every line must be HELP, then TYPE, then that family's own samples, each once.
std::map<std::string, Family> parse(const std::string& text) {
  static const std::regex help(R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)*))");
  static const std::regex type(
      R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped))");
  static const std::regex sample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\\\|\\"|\\n)*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\\\|\\"|\\n)*")*\})? ([-+]?[0-9.]+(?:e[-+]?[0-9]+)?))re");
  std::map<std::string, Family> families;
  std::string current;
  EXPECT_FALSE(text.empty());
  EXPECT_EQ(text.back(), '\n');
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      current = match[1];
      EXPECT_FALSE(families[current].has_help) << line;
      families[current].has_help = true;
    } else if (std::regex_match(line, match, type)) {
      EXPECT_EQ(match[1], current) << line;
      EXPECT_EQ(families[current].type, "") << line;
      families[current].type = match[2];
    } else if (std::regex_match(line, match, sample)) {
      const std::string name = match[1];
      Family& family = families[current];
      EXPECT_NE(family.type, "") << line;
      const std::string rest = name.substr(std::min(name.size(), current.size()));
      EXPECT_EQ(name.substr(0, current.size()), current) << line;
      EXPECT_TRUE(rest.empty() || (family.type == "histogram" &&
                                   (rest == "_bucket" || rest == "_sum" || rest == "_count")))
          << line;
      const bool fresh = family.series.emplace(name + match[2].str(), std::stod(match[3])).second;
      EXPECT_TRUE(fresh) << line;
    } else {
      ADD_FAILURE() << "not of the format: " << line;
    }
  }
  return families;
}

MemoryStats used_stats() {
  MemoryManager manager({.budget_bytes = 100});
  const auto item = [](const std::string& name, double seconds) {
    MemoryRequest request;
    request.key = {.kind = MemoryKind::kSegment, .digest = sha256(name)};
    request.load = [seconds] {
      LoadedMemory loaded;
      loaded.value = std::make_shared<const int>(0);
      loaded.bytes = 60;
      loaded.code_bytes = 20;
      loaded.tier = MemoryTier::kDisk;
      loaded.seconds = seconds;
      return loaded;
    };
    return request;
  };
  (void)manager.acquire(item("a", 0.02));
  (void)manager.acquire(item("a", 0.02));
  const auto lease = manager.acquire(item("b\"\\\n", 100));
  return manager.stats();
}

TEST(MemoryMetrics, PrometheusTextIsStrictlyWellFormed) {
  const auto families = parse(to_prometheus(used_stats()));
  const auto value = [&](const std::string& family, const std::string& series) {
    return families.at(family).series.at(series);
  };
  EXPECT_EQ(value("pema_memory_hits_total", "pema_memory_hits_total{kind=\"segment\"}"), 1);
  EXPECT_EQ(value("pema_memory_bytes", "pema_memory_bytes{kind=\"segment\",tier=\"disk\"}"), 40);
  EXPECT_EQ(value("pema_memory_bytes", "pema_memory_bytes{kind=\"segment_codes\",tier=\"disk\"}"),
            20);
  EXPECT_EQ(value("pema_memory_evictions_total",
                  "pema_memory_evictions_total{kind=\"segment\",cause=\"room\"}"),
            1);
  EXPECT_EQ(value("pema_memory_leases", "pema_memory_leases"), 1);
  for (const auto& [name, family] : families) {
    EXPECT_TRUE(family.has_help) << name;
    EXPECT_FALSE(family.series.empty()) << name;
    const bool total = name.size() > 6 && name.substr(name.size() - 6) == "_total";
    EXPECT_EQ(family.type == "counter", total) << name;
  }
}

TEST(MemoryMetrics, HistogramsRiseToTheirCount) {
  const auto families = parse(to_prometheus(used_stats()));
  const auto& series = families.at("pema_memory_load_seconds").series;
  const auto at = [&](const std::string& bound) {
    return series.at("pema_memory_load_seconds_bucket{kind=\"segment\",le=\"" + bound + "\"}");
  };
  EXPECT_EQ(at("0.01"), 0);
  EXPECT_EQ(at("0.1"), 1);
  EXPECT_EQ(at("10"), 1);
  EXPECT_EQ(at("+Inf"), 2);
  EXPECT_EQ(series.at("pema_memory_load_seconds_count{kind=\"segment\"}"), 2);
  EXPECT_EQ(series.at("pema_memory_load_seconds_sum{kind=\"segment\"}"), 100.02);
}

// vllm#13303, #11117: names in labels.
TEST(MemoryMetrics, TheNumberOfSeriesDoesNotDependOnWhatIsHeld) {
  const auto count = [](const MemoryStats& stats) {
    std::size_t series = 0;
    for (const auto& [name, family] : parse(to_prometheus(stats))) series += family.series.size();
    return series;
  };
  EXPECT_EQ(count(used_stats()), count(MemoryStats{}));
}

TEST(MemoryMetrics, JsonSaysTheSame) {
  const std::string json = to_json(used_stats());
  EXPECT_NE(json.find(R"("leases": 1)"), std::string::npos);
  EXPECT_NE(json.find(R"("segment": {"hits": 1, "misses": 2)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("bytes": {"disk": 40, "ram": 0, "device": 0})"), std::string::npos);
}

}  // namespace
}  // namespace pema::test
