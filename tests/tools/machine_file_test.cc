/// The file of machine costs: what is written is read again, and nothing else is believed.
#include "tools/machine_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "pema/digest.h"
#include "pema/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tools/terminal/json_output.h"

namespace pema::test {
namespace {

using tools::MachineFile;

MachineFile example() {
  MachineFile file;
  file.cpu = "Some \"Processor\" 3000\xff";
  file.threads = 2;
  file.version = PEMA_VERSION;
  file.measured = "2026-11-26T16:20:59Z";
  file.model = "tiny";
  file.hidden = 24;
  file.vocab = 97;
  double value = 1e-12;
  for (const CostField& field : cost_fields()) file.costs.*field.value = value *= 3.1;
  return file;
}

/// The example with a change that its checksum covers.
std::string changed(const std::function<void(tools::Json&)>& change) {
  tools::Json document = tools::Json::parse(encode_machine_file(example()));
  document.erase("sha256");
  change(document);
  document["sha256"] = sha256(document.dump()).hex();
  return document.dump();
}

class MachineFileTest : public ::testing::Test {
 protected:
  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  [[nodiscard]] std::optional<MachineFile> load(const std::string& cpu = "cpu",
                                                std::int64_t threads = 2) const {
    return tools::load_machine_file(path_, cpu, threads);
  }
  TemporaryFolder folder_;
  std::string path_ = folder_.file("costs.json");
};

TEST_F(MachineFileTest, ADevicesCostsComeBackAndImpossibleOnesAreRefused) {
  EXPECT_FALSE(tools::decode_machine_file(encode_machine_file(example()), "file").device);
  MachineFile file = example();
  file.device = MeasuredDevice{"Some GPU", {1e-12, 2e-11, 3e-6, 4e-13, true}};
  const MachineFile again = tools::decode_machine_file(encode_machine_file(file), "file");
  ASSERT_TRUE(again.device);
  EXPECT_EQ(again.device->name, "Some GPU");
  EXPECT_TRUE(again.device->costs.measured);
  EXPECT_EQ(again.device->costs.byte_read, 1e-12);
  EXPECT_EQ(again.device->costs.byte_copied, 2e-11);
  EXPECT_EQ(again.device->costs.launch, 3e-6);
  EXPECT_EQ(again.device->costs.multiply, 4e-13);
  for (const auto& change : std::vector<std::function<void(tools::Json&)>>{
           [](tools::Json& j) { j["device"] = "none"; },
           [](tools::Json& j) { j["device"]["name"] = "Some GPU"; },
           [](tools::Json& j) {
             j["device"] = {{"name", "x"},
                            {"seconds",
                             {{"byte_read", -1.0},
                              {"byte_copied", 1e-9},
                              {"launch", 1e-9},
                              {"multiply", 1e-9}}}};
           }}) {
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)tools::decode_machine_file(changed(change), "file"); },
        "tune");
  }
}

TEST_F(MachineFileTest, ComesBackAsItWas) {
  const MachineFile file = example();
  const std::string bytes = encode_machine_file(file);
  const MachineFile again = tools::decode_machine_file(bytes, "file");
  for (const CostField& field : cost_fields()) {
    EXPECT_EQ(again.costs.*field.value, file.costs.*field.value) << field.name;
  }
  EXPECT_EQ(again.cpu, "Some \"Processor\" 3000\xef\xbf\xbd");
  EXPECT_EQ(again.threads, 2);
  EXPECT_EQ(again.measured, file.measured);
  EXPECT_EQ(again.vocab, 97);
  EXPECT_EQ(encode_machine_file(again), bytes);
}

TEST_F(MachineFileTest, NoFileIsNoCosts) { EXPECT_FALSE(load().has_value()); }

TEST_F(MachineFileTest, IsSavedWithItsFolder) {
  MachineFile file = example();
  file.cpu = "cpu";
  const std::string path = tools::machine_file_path(folder_.file("cache"), file.cpu, file.threads);
  tools::save_machine_file(file, path);
  EXPECT_TRUE(tools::load_machine_file(path, "cpu", 2).has_value());
  EXPECT_NE(path, tools::machine_file_path(folder_.file("cache"), "another", 2));
  EXPECT_NE(path, tools::machine_file_path(folder_.file("cache"), file.cpu, 1));
}

TEST_F(MachineFileTest, AChangeOfAnyByteIsRefusedOrChangesNothing) {
  MachineFile file = example();
  file.cpu = "cpu";
  const std::string bytes = encode_machine_file(file);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    try {
      const MachineFile read = tools::decode_machine_file(damaged, "costs.json");
      // White space between tokens may change; nothing that is read may.
      EXPECT_EQ(encode_machine_file(read), bytes) << "byte " << i;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported)
          << error.what();
      EXPECT_NE(std::string(error.what()).find("costs.json"), std::string::npos);
      EXPECT_NE(std::string(error.what()).find("pema tune"), std::string::npos) << error.what();
    }
  }
}

TEST_F(MachineFileTest, EveryCutIsRefused) {
  const std::string bytes = encode_machine_file(example());
  for (std::size_t length = 0; length + 2 < bytes.size(); length += 7) {
    write(bytes.substr(0, length));
    expect_error(
        ErrorCode::kCorrupt, [&] { (void)load(); }, "pema tune");
  }
}

TEST_F(MachineFileTest, RefusesWhatIsMissingImpossibleOrNewer) {
  const auto refused = [&](ErrorCode code, const std::string& part,
                           const std::function<void(tools::Json&)>& change) {
    write(changed(change));
    expect_error(
        code, [&] { (void)load(); }, part);
  };
  for (const char* key : {"cpu", "threads", "pema", "measured", "model", "seconds"}) {
    refused(ErrorCode::kCorrupt, key, [&](tools::Json& file) { file.erase(key); });
  }
  for (const CostField& field : cost_fields()) {
    const std::string name(field.name);
    refused(ErrorCode::kCorrupt, name, [&](tools::Json& file) { file["seconds"].erase(name); });
    refused(ErrorCode::kCorrupt, name, [&](tools::Json& file) { file["seconds"][name] = -1e-9; });
    refused(ErrorCode::kCorrupt, name, [&](tools::Json& file) { file["seconds"][name] = "fast"; });
  }
  refused(ErrorCode::kCorrupt, "does not know",
          [](tools::Json& file) { file["seconds"]["warp"] = 0; });
  refused(ErrorCode::kCorrupt, "threads", [](tools::Json& file) { file["threads"] = 0; });
  refused(ErrorCode::kCorrupt, "no file of", [](tools::Json& file) { file["format"] = "else"; });
  refused(ErrorCode::kUnsupported, "version 2",
          [](tools::Json& file) { file["format_version"] = 2; });
  write(std::string(100'000, ' '));
  expect_error(
      ErrorCode::kCorrupt, [&] { (void)load(); }, "more than any");
}

TEST_F(MachineFileTest, RefusesAnotherMachineOrVersion) {
  MachineFile file = example();
  file.cpu = "cpu";
  write(encode_machine_file(file));
  EXPECT_TRUE(load().has_value());
  expect_error(
      ErrorCode::kMismatch, [&] { (void)load("another cpu"); }, "'cpu'");
  expect_error(
      ErrorCode::kMismatch, [&] { (void)load("cpu", 3); }, "2 threads");
  file.version = "0.0.1";
  write(encode_machine_file(file));
  expect_error(
      ErrorCode::kMismatch, [&] { (void)load(); }, "0.0.1");
}

TEST_F(MachineFileTest, RefusesAFolderInItsPlace) {
  std::filesystem::create_directory(path_);
  expect_error(
      ErrorCode::kIo, [&] { (void)load(); }, path_);
}

}  // namespace
}  // namespace pema::test
