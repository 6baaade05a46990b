#include "tests/durability/simulated_disk.h"

#include <algorithm>
#include <filesystem>

#include "src/core/file_system.h"
#include "tests/support/temporary_folder.h"

namespace pema::test {
namespace {

constexpr std::size_t kSector = 512;

/// Copies `bytes` to `offset`, growing `content` with zeros.
void put(std::vector<std::byte>& content, std::size_t offset, std::span<const std::byte> bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

SimulatedDisk::SimulatedDisk(std::string root) : root_(std::move(root)) {
  Node top;
  top.folder = true;
  add(std::move(top));
  load(0, root_);
}

void SimulatedDisk::load(int folder, const std::string& path) {
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    Node node;
    node.folder = entry.is_directory();
    if (!node.folder) node.synced = node.current = read_bytes(entry.path().string());
    const int number = add(std::move(node));
    const std::string name = entry.path().filename().string();
    nodes_[static_cast<std::size_t>(folder)].entries[name] = number;
    nodes_[static_cast<std::size_t>(folder)].synced_entries[name] = number;
    if (entry.is_directory()) load(number, entry.path().string());
  }
}

int SimulatedDisk::add(Node node) {
  nodes_.push_back(std::move(node));
  return static_cast<int>(nodes_.size()) - 1;
}

bool SimulatedDisk::below(std::string_view path) const {
  return path.starts_with(root_) && path.size() > root_.size() && path[root_.size()] == '/';
}

int SimulatedDisk::find(std::string_view path) const {
  if (path == root_) return 0;
  if (!below(path)) return -1;
  path.remove_prefix(root_.size() + 1);
  int node = 0;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const auto& entries = nodes_[static_cast<std::size_t>(node)].entries;
    const auto found = entries.find(std::string(path.substr(0, slash)));
    if (found == entries.end()) return -1;
    node = found->second;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return node;
}

void SimulatedDisk::name(const std::string& path, int node) {
  const int parent = find(core::folder_of(path));
  if (parent < 0) return;
  Node& folder = nodes_[static_cast<std::size_t>(parent)];
  const std::string entry = name_of(path);
  if (node < 0) {
    folder.entries.erase(entry);
  } else {
    folder.entries[entry] = node;
  }
  folder.entry_changes[entry].push_back(node);
}

int SimulatedDisk::open(const DiskEvent& event) {
  int node = find(event.path);
  if (node < 0) {
    node = add({});
    name(event.path, node);
  }
  return open_[event.file] = node;
}

void SimulatedDisk::write(Node& node, const DiskEvent& event) {
  const auto offset =
      event.offset < 0 ? node.current.size() : static_cast<std::size_t>(event.offset);
  put(node.current, offset, event.bytes);
  node.changes.push_back(
      {static_cast<std::int64_t>(offset), {event.bytes.begin(), event.bytes.end()}});
}

void SimulatedDisk::sync(Node& node) {
  node.synced = node.current;
  node.changes.clear();
}

void SimulatedDisk::apply(const DiskEvent& event) {
  const auto opened = open_.find(event.file);
  const auto node_of = [&](int number) { return &nodes_[static_cast<std::size_t>(number)]; };
  Node* const file = opened != open_.end() ? node_of(opened->second) : nullptr;
  switch (event.call) {
    case DiskCall::kOpen:
      if (below(event.path)) open(event);
      break;
    case DiskCall::kWrite:
      if (file != nullptr) write(*file, event);
      break;
    case DiskCall::kTruncate:
      if (file == nullptr) break;
      file->current.resize(static_cast<std::size_t>(event.offset));
      file->changes.push_back({0, {}, event.offset});
      break;
    case DiskCall::kSync:
      if (file != nullptr) sync(*file);
      break;
    case DiskCall::kSyncFile:
      if (const int node = find(event.path); node >= 0) sync(*node_of(node));
      break;
    case DiskCall::kSyncFolder:
      if (const int node = find(event.path); node >= 0) {
        node_of(node)->synced_entries = node_of(node)->entries;
        node_of(node)->entry_changes.clear();
      }
      break;
    case DiskCall::kRename:
      if (const int node = find(event.path); node >= 0) {
        name(event.path, -1);
        name(event.other, node);
      }
      break;
    case DiskCall::kLink:
      if (const int node = find(event.path); node >= 0) name(event.other, node);
      break;
    case DiskCall::kUnlink:
    case DiskCall::kRemoveFolder:
      if (below(event.path)) name(event.path, -1);
      break;
    case DiskCall::kMakeFolder:
      if (below(event.path)) {
        Node folder;
        folder.folder = true;
        name(event.path, add(std::move(folder)));
      }
      break;
    case DiskCall::kRead:
    case DiskCall::kMapLog:
      break;
  }
}

std::vector<std::byte> SimulatedDisk::torn(const Node& node, std::mt19937_64& random) {
  std::vector<std::byte> content = node.synced;
  // Everything, nothing, or each piece on its own; a disk is rarely fair.
  const std::uint64_t keep = std::vector<std::uint64_t>{0, 5, 50, 95, 100}[random() % 5];
  const auto kept = [&] { return random() % 100 < keep; };
  for (const Change& change : node.changes) {
    if (change.size >= 0) {
      if (kept()) content.resize(static_cast<std::size_t>(change.size));
      continue;
    }
    const auto start = static_cast<std::size_t>(change.offset);
    std::size_t done = 0;
    while (done < change.bytes.size()) {
      const std::size_t end =
          std::min(change.bytes.size(), (start + done) / kSector * kSector + kSector - start);
      std::span<const std::byte> piece(change.bytes.data() + done, end - done);
      if (kept()) {
        if (random() % 8 == 0) piece = piece.first(random() % piece.size());
        put(content, start + done, piece);
      } else if (random() % 8 == 0 && content.size() < start + end) {
        // The size arrived without the bytes: what lay there before shows.
        const std::size_t old = content.size();
        content.resize(start + end);
        for (std::size_t i = old; i < content.size(); ++i) content[i] = std::byte(random());
      }
      done = end;
    }
  }
  return content;
}

void SimulatedDisk::survive(int folder, const std::string& path, std::mt19937_64& random,
                            DiskImage& image) const {
  const Node& here = nodes_[static_cast<std::size_t>(folder)];
  std::map<std::string, int> entries = here.synced_entries;
  const bool all = random() % 4 == 0;
  for (const auto& [entry, states] : here.entry_changes) {
    const std::size_t which = all ? states.size() : random() % (states.size() + 1);
    if (which > 0) entries[entry] = states[which - 1];
  }
  for (const auto& [entry, number] : entries) {
    if (number < 0) continue;
    const Node& node = nodes_[static_cast<std::size_t>(number)];
    if (node.folder) {
      image[path + entry + "/"];
      survive(number, path + entry + "/", random, image);
    } else {
      image[path + entry] = torn(node, random);
    }
  }
}

DiskImage SimulatedDisk::survivors(std::mt19937_64& random) const {
  DiskImage image;
  survive(0, {}, random, image);
  return image;
}

void write_image(const DiskImage& image, const std::string& folder) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  for (const auto& [path, bytes] : image) {
    if (path.back() == '/') {
      std::filesystem::create_directories(folder + "/" + path);
    } else {
      write_bytes(folder + "/" + path, bytes);
    }
  }
}

}  // namespace pema::test
