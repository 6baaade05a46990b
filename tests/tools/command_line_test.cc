/// The command line itself: help, options, exit codes, errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"
#include "tests/tools/run_program.h"

namespace pema::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::vector<std::vector<std::string>> kCommands = {
    {"init"},
    {"pool"},
    {"pool", "ls"},
    {"pool", "show"},
    {"pool", "verify"},
    {"memory"},
    {"memory", "add"},
    {"memory", "ls"},
    {"memory", "show"},
    {"profile"},
    {"profile", "ls"},
    {"profile", "show"},
    {"profile", "set"},
    {"profile", "rm"},
    {"profile", "export"},
    {"profile", "import"},
    {"generate"},
    {"explain"},
    {"tune"},
    {"doctor"},
};

class CommandLine : public ::testing::Test {
 protected:
  [[nodiscard]] Outcome run(const std::vector<std::string>& arguments,
                            RunOptions options = {}) const {
    options.environment.push_back("XDG_CACHE_HOME=" + folder_.file("cache"));
    options.environment.push_back("PEMA_STORE=" + folder_.file("store"));
    return run_program(PEMA_PROGRAM, arguments, options);
  }
  TemporaryFolder folder_;
};

TEST_F(CommandLine, HelpListsEveryCommandTheTrainingOnesIncluded) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_EQ(help.err, "");
  for (const char* command : {"init", "pool", "memory", "profile", "generate", "explain", "tune",
                              "doctor", "eval", "demo"}) {
    EXPECT_THAT(help.out, HasSubstr(std::string("\n  ") + command + " "));
  }
  EXPECT_THAT(run({"pool", "--help"}).out, HasSubstr("\n  train "));
  EXPECT_THAT(run({"profile", "--help"}).out, HasSubstr("\n  enrol "));
}

TEST_F(CommandLine, EveryCommandHasHelpWithExamples) {
  for (std::vector<std::string> command : kCommands) {
    std::string name = "pema";
    for (const std::string& word : command) name += " " + word;
    command.emplace_back("--help");
    const Outcome help = run(command);
    EXPECT_EQ(help.status, 0) << name;
    EXPECT_THAT(help.out, HasSubstr("Examples:\n  ")) << name;
    EXPECT_THAT(help.out, HasSubstr(name)) << name;
  }
}

TEST_F(CommandLine, VersionIsOneLine) {
  const Outcome version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.out, StartsWith("pema 0."));
}

TEST_F(CommandLine, ARefusedNumberIsNamedWithWhatIsAllowed) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"pool", "show", "x", "--version", "0"}, "--version: '0' is not a number above 0;"},
      {{"pool", "show", "x", "--version", "two"}, "--version: 'two' is not a number above 0;"},
      {{"profile", "ls", "--limit", "nan"}, "--limit: 'nan' is not a number above 0;"},
      {{"doctor", "--threads", "1025"}, "--threads: '1025' is not a number from 1 to 1024;"},
      {{"generate", "--tokens", "0", "x"}, "--tokens: '0' is not a number from 1 to 1048576;"},
  };
  for (const auto& [arguments, text] : cases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2) << text;
    EXPECT_THAT(outcome.err, StartsWith("pema: error: " + text));
  }
  EXPECT_EQ(run({"doctor", "--threads", "1024", "--quiet", "--json"}).err, "");
}

TEST_F(CommandLine, WrongUseIsStatusTwoWithTheWayOut) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"sing"},
      {"pool"},
      {"pool", "sing"},
      {"pool", "show"},
      {"profile", "show", "a", "b"},
      {"init", "--no-such-option"},
      {"generate", "--tokens", "many"},
      {"generate", "--tokens", "0", "x"},
      {"init", "--threads", "-1"},
      {"profile", "set", "a", "--mask-from", "b", "--mask-hex", "00"},
  };
  for (const auto& arguments : wrong) {
    const Outcome outcome = run(arguments);
    const std::string shown = ::testing::PrintToString(arguments);
    EXPECT_EQ(outcome.status, 2) << shown;
    EXPECT_EQ(outcome.out, "") << shown;
    EXPECT_THAT(outcome.err, StartsWith("pema: error: ")) << shown;
    EXPECT_THAT(outcome.err, HasSubstr("--help")) << shown;
  }
}

TEST_F(CommandLine, GlobalOptionsStandBeforeOrBehindTheCommand) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--json", "--store", "/nowhere", "pool", "ls"},
                                             {"pool", "--json", "ls", "--store", "/nowhere"},
                                             {"pool", "ls", "--json", "--store=/nowhere"}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 3);
    EXPECT_EQ(outcome.json()["error"]["code"], "not_found");
    EXPECT_THAT(outcome.err, HasSubstr("/nowhere"));
  }
}

TEST_F(CommandLine, TheStoreComesFromTheEnvironment) {
  EXPECT_THAT(run({"pool", "ls"}).err, HasSubstr(folder_.file("store")));
}

TEST_F(CommandLine, ErrorsAreJsonOnOutputAndTextOnError) {
  const Outcome outcome = run({"--json", "pool", "ls"});
  EXPECT_EQ(outcome.status, 3);
  const nlohmann::json error = outcome.json()["error"];
  EXPECT_EQ(error["code"], "not_found");
  EXPECT_EQ("pema: error: " + error["message"].get<std::string>() + "\n", outcome.err);
}

TEST_F(CommandLine, UsageErrorsAreJsonToo) {
  const Outcome outcome = run({"--json", "sing"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.json()["error"]["code"], "invalid_argument");
}

TEST_F(CommandLine, AMissingStoreNamesInit) {
  const Outcome outcome = run({"profile", "ls"});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("pema init"));
}

TEST_F(CommandLine, AMissingModelNamesSetupAndTheOption) {
  const Outcome outcome = run({"init"});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.err, HasSubstr("./dev setup"));
  EXPECT_THAT(outcome.err, HasSubstr("--model"));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("store")));
}

TEST_F(CommandLine, AModelFileThatIsNotThereIsNamed) {
  const Outcome outcome = run({"init", "--model", folder_.file("absent.gguf")});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.err, HasSubstr("absent.gguf"));
}

TEST_F(CommandLine, AFileThatIsNoModelIsDamaged) {
  std::ofstream(folder_.file("text.gguf")) << "this is not a model, whatever its name says";
  const Outcome outcome = run({"init", "--model", folder_.file("text.gguf")});
  EXPECT_EQ(outcome.status, 6);
  EXPECT_THAT(outcome.err, HasSubstr("text.gguf"));
}

TEST_F(CommandLine, AClosedStandardOutputIsAnError) {
  const Outcome outcome = run({"--version"}, {.close_output = true});
  EXPECT_EQ(outcome.status, 7);
  EXPECT_THAT(outcome.err, HasSubstr("standard output"));
}

TEST_F(CommandLine, TrainingWithoutItsProgramSaysHowToGetIt) {
  std::filesystem::copy_file(PEMA_PROGRAM, folder_.file("pema"));
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"demo", "--people", "4"}, {"pool", "train", "--help"}, {"--quiet", "eval"}}) {
    const Outcome outcome = run_program(folder_.file("pema"), arguments);
    EXPECT_EQ(outcome.status, 10);
    EXPECT_THAT(outcome.err, HasSubstr("pema-train"));
    EXPECT_THAT(outcome.err, HasSubstr("./dev build"));
  }
}

TEST_F(CommandLine, TrainingCommandsBecomeTheOtherProgramWithTheSameArguments) {
  std::filesystem::copy_file(PEMA_PROGRAM, folder_.file("pema"));
  const std::string other = folder_.file("pema-train");
  std::ofstream(other)
      << "#!/bin/sh\nfor word in \"$@\"; do printf '[%s]' \"$word\"; done\nexit 5\n";
  std::filesystem::permissions(other, std::filesystem::perms::owner_all);
  const Outcome outcome = run_program(folder_.file("pema"), {"--json", "profile", "enrol", "--help",
                                                             "a b", "--store", "x", "--", "-y"});
  EXPECT_EQ(outcome.status, 5);
  EXPECT_EQ(outcome.out, "[--json][profile][enrol][--help][a b][--store][x][--][-y]");
}

TEST_F(CommandLine, DoctorSaysWhatIsMissingAndHowToGetIt) {
  const Outcome outcome = run({"doctor", "--json"});
  EXPECT_EQ(outcome.status, 1);  // no model in this test's cache
  const nlohmann::json report = outcome.json();
  EXPECT_EQ(report["ready"], false);
  std::vector<std::string> names;
  for (const auto& check : report["checks"]) {
    names.push_back(check["name"]);
    EXPECT_NE(check["detail"], "") << check;
    if (check["ok"] == false) {
      EXPECT_NE(check["fix"], "") << check;
    }
    if (check["name"] == "model_file") {
      EXPECT_EQ(check["ok"], false);
      EXPECT_THAT(check["fix"].get<std::string>(), HasSubstr("./dev setup"));
    }
  }
  EXPECT_THAT(names, ::testing::ElementsAre("avx2", "cores", "memory", "disk_store", "disk_cache",
                                            "gpu", "openblas", "llama_cpp", "pema_train",
                                            "changelogs", "costs", "model_file", "store"));
  EXPECT_THAT(run({"doctor"}).out, HasSubstr("MISSING  model_file"));
}

#if defined(__x86_64__)
TEST_F(CommandLine, MatrixProductsRunOnTheProcessorsOwnKernelsUnlessSomebodyChose) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    GTEST_SKIP() << "this processor has no better kernels";
  }
  const auto kernels = [&](std::vector<std::string> environment) {
    const nlohmann::json report =
        run({"doctor", "--json"}, {.environment = std::move(environment)}).json();
    for (const auto& check : report["checks"]) {
      if (check["name"] == "openblas") return check["detail"].get<std::string>();
    }
    return std::string();
  };
  EXPECT_THAT(kernels({}), AllOf(HasSubstr("OpenBLAS"), Not(HasSubstr("Prescott"))));
  EXPECT_THAT(kernels({"OPENBLAS_CORETYPE=Prescott"}), HasSubstr("Prescott"));
}
#endif

}  // namespace
}  // namespace pema::test
