#include "bench/memory/real_keys.h"

#include <array>
#include <fstream>

#include "pema/error.h"
#include "src/core/atomic_file.h"

namespace pema::bench {
namespace {

// Raised when what the file holds changes its meaning.
constexpr std::int64_t kVersion = 0x70656d61'6b657903;

using Sizes = std::array<std::int64_t, 5>;  // version, people, n, d, q

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

std::span<const std::byte> bytes_of(const Matrix<float>& values) {
  return std::as_bytes(
      std::span(values.data(), static_cast<std::size_t>(values.rows() * values.cols())));
}

void read(std::ifstream& in, void* to, std::size_t bytes, const std::string& path) {
  in.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  PEMA_CHECK(in.good(), kCorrupt, path, ": too short; remove it, it is made again");
}

template <typename T>
void read(std::ifstream& in, std::vector<T>& values, std::int64_t count, const std::string& path) {
  values.resize(static_cast<std::size_t>(count));
  read(in, values.data(), values.size() * sizeof(T), path);
}

}  // namespace

void save(const RealKeys& real, const std::string& path) {
  const Sizes sizes{kVersion, real.people, real.keys.rows(), real.keys.cols(), real.queries.rows()};
  const std::span<const std::byte> pieces[] = {std::as_bytes(std::span(sizes)),
                                               bytes_of(real.keys),
                                               bytes_of(real.person),
                                               bytes_of(real.token),
                                               bytes_of(real.near),
                                               bytes_of(real.queries),
                                               bytes_of(real.query_person)};
  core::write_file_atomically(path, pieces);
}

RealKeys load_real_keys(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  PEMA_CHECK(in.good(), kNotFound, path, ": cannot be opened; make it with memory_keys");
  Sizes sizes{};
  read(in, sizes.data(), sizeof sizes, path);
  const auto [version, people, n, d, q] = sizes;
  PEMA_CHECK(version == kVersion && n > 0 && n < (1 << 24) && d > 0 && d < (1 << 16) && q > 0 &&
                 q < (1 << 24) && people > 0,
             kCorrupt, path, ": not of this version; remove it, it is made again");
  RealKeys real;
  real.people = people;
  real.keys = Matrix<float>(n, d);
  read(in, real.keys.data(), static_cast<std::size_t>(n * d) * sizeof(float), path);
  read(in, real.person, n, path);
  read(in, real.token, n, path);
  read(in, real.near, n * RealKeys::kNear, path);
  real.queries = Matrix<float>(q, d);
  read(in, real.queries.data(), static_cast<std::size_t>(q * d) * sizeof(float), path);
  read(in, real.query_person, q, path);
  return real;
}

}  // namespace pema::bench
