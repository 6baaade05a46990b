// Stands in for libFuzzer where it is absent: runs the target over a corpus folder and over seeded
// mutations of every seed.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int kMutationsPerSeed = 400;

Bytes read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::size_t pick(std::mt19937_64& random, std::size_t below) {
  return static_cast<std::size_t>(random() % std::max<std::size_t>(below, 1));
}

/// One to four small changes: a flipped bit, a foreign byte, a cut, a repeat, or an extreme
/// integer.
Bytes mutate(Bytes bytes, std::mt19937_64& random) {
  for (std::size_t changes = 1 + pick(random, 4); changes > 0; --changes) {
    const std::size_t at = pick(random, bytes.size());
    switch (random() % 5) {
      case 0:
        if (!bytes.empty())
          bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << (random() % 8)));
        break;
      case 1:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     static_cast<std::uint8_t>(random()));
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.insert(bytes.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        for (std::size_t i = at; i < std::min(at + 8, bytes.size()); ++i) bytes[i] = 0xff;
        break;
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Bytes> seeds = {{}};
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) continue;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) seeds.push_back(read_all(path));
  }
  if (seeds.size() < 2) {
    std::fprintf(stderr, "no corpus file was given\n");
    return 1;
  }
  std::mt19937_64 random(1);
  std::size_t runs = 0;
  for (const Bytes& seed : seeds) {
    LLVMFuzzerTestOneInput(seed.data(), seed.size());
    for (int i = 0; i < kMutationsPerSeed; ++i, ++runs) {
      const Bytes bytes = mutate(seed, random);
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
  }
  std::printf("%zu seeds, %zu mutations\n", seeds.size(), runs);
  return 0;
}
