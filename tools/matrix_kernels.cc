#include "tools/matrix_kernels.h"

#include <cblas.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace pema::tools {
namespace {

constexpr const char* kVariable = "OPENBLAS_CORETYPE";

#if defined(__x86_64__)
/// Those of processors with AVX2 and fused multiply-add, or more.
constexpr std::array<std::string_view, 7> kVectorKernels = {
    "Haswell", "Zen", "Excavator", "Steamroller", "SkylakeX", "Cooperlake", "Sapphirerapids"};

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string best_of_processor() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
  return {};
}
#endif

}  // namespace

std::string matrix_kernels() {
  const char* const name = ::openblas_get_corename();
  return name != nullptr ? name : "";
}

std::string better_matrix_kernels() {
#if defined(__x86_64__)
  const std::string now = matrix_kernels();
  const bool fine = std::any_of(kVectorKernels.begin(), kVectorKernels.end(),
                                [&](std::string_view name) { return same_letters(name, now); });
  if (!fine && std::getenv(kVariable) == nullptr) return best_of_processor();
#endif
  return {};
}

void restart_with_better_matrix_kernels(char** argv) {
  const std::string better = better_matrix_kernels();
  if (better.empty() || ::setenv(kVariable, better.c_str(), 1) != 0) return;
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = '\0';
  ::execv(path, argv);
}

}  // namespace pema::tools
