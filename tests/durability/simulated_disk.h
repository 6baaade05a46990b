/// What a power cut may leave of the files below a folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/durability/hooked_disk.h"

namespace pema::test {

/// Files and folders as they may lie on a disk after a cut: contents by path below the root, a
/// folder's path ends with '/'.
using DiskImage = std::map<std::string, std::vector<std::byte>>;

/// Follows every call and keeps what was not synced apart from what was. Promises no more than
/// POSIX: a file's content is on the disk once the file was synced, its name once the folder was.
/// Until then each sector of 512 bytes of a write, each change of a size and each name is there or
/// not, or torn, independently of the others and of their order.
class SimulatedDisk {
 public:
  /// What is there already counts as synced. Calls outside of `root` are ignored.
  explicit SimulatedDisk(std::string root);

  void apply(const DiskEvent& event);
  /// One thing that may be left now.
  [[nodiscard]] DiskImage survivors(std::mt19937_64& random) const;

 private:
  /// One change of a file since its last sync. A truncation has no bytes and is `size` long.
  struct Change {
    std::int64_t offset = 0;
    std::vector<std::byte> bytes{};
    std::int64_t size = -1;
  };
  /// A file, or a folder with entries. Names are numbers of nodes; -1: no such name.
  struct Node {
    bool folder = false;
    std::vector<std::byte> synced{};
    std::vector<std::byte> current{};
    std::vector<Change> changes{};
    std::map<std::string, int> entries{};
    std::map<std::string, int> synced_entries{};
    std::map<std::string, std::vector<int>> entry_changes{};
  };

  void load(int folder, const std::string& path);
  [[nodiscard]] bool below(std::string_view path) const;
  /// The node at `path`; -1 when there is none.
  [[nodiscard]] int find(std::string_view path) const;
  /// Lets the entry of `path` name `node`.
  void name(const std::string& path, int node);
  int add(Node node);
  int open(const DiskEvent& event);
  void write(Node& node, const DiskEvent& event);
  static void sync(Node& node);
  [[nodiscard]] static std::vector<std::byte> torn(const Node& node, std::mt19937_64& random);
  void survive(int folder, const std::string& path, std::mt19937_64& random,
               DiskImage& image) const;

  std::string root_;
  std::vector<Node> nodes_;
  std::map<std::uint64_t, int> open_;  ///< handles
};

/// Makes `folder` hold what the image says, and nothing else.
void write_image(const DiskImage& image, const std::string& folder);

}  // namespace pema::test
