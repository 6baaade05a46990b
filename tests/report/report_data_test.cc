#include "tools/report/report_data.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace pema::tools::report {
namespace {

TEST(ReportData, OnlyUsableNumbersCount) {
  const Json json = {
      {"one", 1},      {"nan", std::nan("")}, {"inf", std::numeric_limits<double>::infinity()},
      {"huge", 1e300}, {"null", nullptr},     {"text", "3"}};
  EXPECT_EQ(number(json, "one"), 1.0);
  for (const char* key : {"nan", "inf", "huge", "null", "text", "absent"}) {
    EXPECT_FALSE(number(json, key)) << key;
  }
  EXPECT_FALSE(number(Json(3), "one"));
  EXPECT_EQ(text(json, "text"), "3");
  EXPECT_EQ(text(json, "one"), "");
  EXPECT_EQ(scalar(json, "one"), "1");
  EXPECT_EQ(scalar(json, "text"), "3");
  EXPECT_EQ(scalar(json, "nan"), "");
  EXPECT_EQ(scalar(Json{{"seed", std::numeric_limits<std::uint64_t>::max()}}, "seed"),
            "18446744073709551615");
}

TEST(ReportData, MethodsFallBackToTheNllMap) {
  const Json json = {{"methods", Json::array()},
                     {"nll", {{"base", 4.0}, {"masks", 3.0}, {"odd", nullptr}, {"own", 3.5}}}};
  const std::vector<Method> methods = read_methods(json);
  ASSERT_EQ(methods.size(), 3U);
  EXPECT_EQ(methods[0].label, "base model");
  EXPECT_EQ(methods[1].gain, 1.0);
  EXPECT_EQ(methods[2].label, "own");
  EXPECT_FALSE(methods[1].bytes);
}

TEST(ReportData, MethodsKeepTheirOrderAndDropWhatHasNoNll) {
  const Json json = {{"methods",
                      {{{"id", "masks"}, {"label", "m"}, {"nll", 3.0}},
                       {{"id", "x"}, {"nll", nullptr}},
                       7,
                       {{"id", "base"}, {"label", "b"}, {"nll", 4.5}}}}};
  const std::vector<Method> methods = read_methods(json);
  ASSERT_EQ(methods.size(), 2U);
  EXPECT_EQ(methods[0].id, "masks");
  EXPECT_EQ(methods[0].gain, 1.5);
  EXPECT_EQ(find_method(methods, "x"), nullptr);
}

TEST(ReportData, OwnMemoryCountsAsBytesOfThePerson) {
  Json json = {{"methods", Json::array({{{"id", "masks_memory"},
                                         {"nll", 1.0},
                                         {"bytes_per_person", 128},
                                         {"own_memory", true}}})},
               {"bytes_per_profile", {{"own_segment", 1000}}}};
  EXPECT_EQ(read_methods(json).at(0).bytes, 1128.0);
  json.erase("bytes_per_profile");
  EXPECT_FALSE(read_methods(json).at(0).bytes);
  json["methods"][0]["own_memory"] = false;
  EXPECT_EQ(read_methods(json).at(0).bytes, 128.0);
}

TEST(ReportData, AnIntervalThatMissesItsGainIsLeftOut) {
  const auto interval = [](double low, double high) {
    const Json json = {{"methods", Json::array({{{"id", "a"},
                                                 {"nll", 1.0},
                                                 {"gain", 0.5},
                                                 {"gain_low", low},
                                                 {"gain_high", high}}})}};
    return read_methods(json).at(0).gain_low.has_value();
  };
  EXPECT_TRUE(interval(0.4, 0.6));
  EXPECT_FALSE(interval(0.6, 0.7));
  EXPECT_FALSE(interval(0.6, 0.4));
  EXPECT_FALSE(interval(0.4, std::nan("")));
}

TEST(ReportData, PeopleAreSortedByTheGainOfTheirMasks) {
  const auto person = [](const char* key, Json nll) {
    return Json{{"key", key}, {"nll", std::move(nll)}};
  };
  const Json json = {
      {"people",
       {person("low", {{"base", 4.0}, {"masks", 3.9}}), person("none", {{"base", 4.0}}),
        person("memory", {{"base", 4.0}, {"masks_memory", 1.0}}),
        person("high", {{"base", 4.0}, {"masks", 3.0}}),
        person("loss", {{"base", 4.0}, {"masks", 4.5}})}}};
  std::vector<std::string> keys;
  for (const Person& p : read_people(json)) keys.push_back(p.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"high", "low", "loss", "memory"}));
}

TEST(ReportData, TheLambdaCurveIsSortedAndComplete) {
  const Json json = {{"lambda_curve",
                      {{{"lambda", 0.5}, {"nll", 2.0}},
                       {{"lambda", 0.0}, {"nll", 3.0}},
                       {{"lambda", 0.7}},
                       {{"nll", 1.0}}}}};
  const std::vector<LambdaPoint> points = read_lambda_curve(json);
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[0].lambda, 0.0);
  EXPECT_EQ(points[1].nll, 2.0);
}

}  // namespace
}  // namespace pema::tools::report
