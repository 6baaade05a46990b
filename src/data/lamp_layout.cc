#include "src/data/lamp_layout.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>

#include "pema/error.h"
#include "src/core/atomic_file.h"

namespace pema::data {
namespace {

constexpr std::uintmax_t kMaxManifestBytes = std::uintmax_t{64} << 20;

std::string whole_file(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  PEMA_CHECK(!error, kIo, path, ": cannot read its size: ", error.message());
  PEMA_CHECK(size <= kMaxManifestBytes, kCorrupt, path,
             ": larger than 64 MiB; build the set again");
  std::ifstream file(path, std::ios::binary);
  PEMA_CHECK(file.is_open(), kIo, path, ": cannot open it; check its permissions");
  std::ostringstream text;
  text << file.rdbuf();
  PEMA_CHECK(!file.bad(), kIo, path, ": the read failed; check the disk");
  return text.str();
}

}  // namespace

std::string lamp_path(const std::string& folder, std::string_view part, std::string_view kind) {
  return message(folder, "/", part, "_", kind, ".json");
}

std::string manifest_path(const std::string& folder) { return folder + "/dataset.json"; }

void write_manifest(const Manifest& manifest, const std::string& folder) {
  const std::string path = manifest_path(folder);
  nlohmann::ordered_json json;
  json["format"] = "pema-dataset";
  json["version"] = 1;
  json["source"] = manifest.source;
  json["task"] = manifest.task;
  json["note"] = manifest.note;
  json["digest"] = manifest.digest.hex();
  json["people"] = manifest.people;
  core::AtomicFile out(path);
  try {
    out.write(json.dump(1) + "\n");
  } catch (const nlohmann::json::type_error&) {
    fail(ErrorCode::kInvalidArgument, path, ": source, task, note or a key is not UTF-8");
  }
  out.commit();
}

std::optional<Manifest> read_manifest(const std::string& folder) {
  const std::string path = manifest_path(folder);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  const std::string text = whole_file(path);
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    PEMA_CHECK(json.at("format").get<std::string>() == "pema-dataset", kCorrupt, path,
               ": not a pema data set; move the file away to read the folder as LaMP's own");
    PEMA_CHECK(json.at("version").get<std::int64_t>() == 1, kUnsupported, path,
               ": written by a newer pema; build the set again or update");
    Manifest manifest;
    manifest.source = json.at("source").get<std::string>();
    manifest.task = json.at("task").get<std::string>();
    manifest.note = json.at("note").get<std::string>();
    manifest.digest = Digest::parse(json.at("digest").get<std::string>());
    manifest.people = json.at("people").get<std::vector<std::string>>();
    const std::set<std::string> keys(manifest.people.begin(), manifest.people.end());
    PEMA_CHECK(keys.size() == manifest.people.size(), kCorrupt, path,
               ": a person is listed twice; build the set again");
    return manifest;
  } catch (const nlohmann::json::exception& problem) {
    fail(ErrorCode::kCorrupt, path, ": ", std::string(problem.what()).substr(0, 200),
         "; build the set again");
  } catch (const Error& problem) {
    if (problem.code() != ErrorCode::kInvalidArgument) throw;
    fail(ErrorCode::kCorrupt, path, ": the digest is damaged; build the set again");
  }
}

std::string user_key(const Question& question) {
  if (!question.user.empty()) return question.user;
  if (question.profile.empty()) return "question:" + question.id;
  std::vector<std::string_view> ids;
  for (const ProfileItem& item : question.profile) ids.push_back(item.id);
  std::sort(ids.begin(), ids.end());
  Sha256 hash;
  for (const std::string_view id : ids) {
    hash.update_int(static_cast<std::int64_t>(id.size())).update(id);
  }
  return hash.finish().hex().substr(0, 16);
}

}  // namespace pema::data
