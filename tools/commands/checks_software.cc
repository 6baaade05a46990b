#include <cblas.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <link.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "pema/error.h"
#include "tools/commands/checks.h"
#include "tools/matrix_kernels.h"
#include "tools/training_commands.h"

namespace pema::tools {
namespace {

/// LibTorch takes whatever libblas.so.3 is: the reference one is 17 times slower.
Check check_blas() {
  Check check{.name = "openblas"};
  check.detail = std::string(::openblas_get_config());
  void* system = ::dlopen("libblas.so.3", RTLD_LAZY | RTLD_LOCAL);
  check.ok = system == nullptr || ::dlsym(system, "openblas_get_config") != nullptr;
  if (system != nullptr) ::dlclose(system);
  if (!check.ok) {
    check.detail += ", but the system's libblas.so.3, which LibTorch uses, is another one";
    check.needed = false;
    check.fix =
        "apt-get install libopenblas-dev; update-alternatives --config "
        "libblas.so.3-x86_64-linux-gnu";
  } else if (const std::string better = better_matrix_kernels(); !better.empty()) {
    check.ok = false;
    check.detail += ", which are several times slower than this processor's own";
    check.needed = false;
    check.fix = "export OPENBLAS_CORETYPE=" + better;
  }
  return check;
}

int find_llama(struct dl_phdr_info* info, std::size_t, void* found) {
  if (std::string_view(info->dlpi_name).find("libllama.so") == std::string_view::npos) return 0;
  *static_cast<std::string*>(found) = info->dlpi_name;
  return 1;
}

Check check_llama() {
  std::string path;
  ::dl_iterate_phdr(find_llama, &path);
  return {.name = "llama_cpp", .ok = true, .detail = path.empty() ? "linked in" : path};
}

/// Exit status of `program --version` with its output thrown away; -1 when it could not run.
int run_version(const std::string& program) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int nothing = ::open("/dev/null", O_RDWR);
    if (nothing >= 0) {
      ::dup2(nothing, STDOUT_FILENO);
      ::dup2(nothing, STDERR_FILENO);
    }
    ::execl(program.c_str(), program.c_str(), "--version", nullptr);
    ::_exit(127);
  }
  int status = -1;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

Check check_training() {
  Check check{.name = "pema_train"};
  const std::string program = find_train_program();
  if (program.empty()) {
    check.detail = "not installed: pool train, profile enrol, eval and demo need it";
    check.fix = "build with PEMA_WITH_TRAIN=ON (./dev build)";
    return check;
  }
  check.ok = run_version(program) == 0;
  check.detail = check.ok ? program + ", LibTorch loads" : program + " does not start";
  if (!check.ok) check.fix = "apt-get install libtorch-dev, then ./dev build";
  return check;
}

Check check_documentation() {
  constexpr std::size_t kEnough = 50;
  glob_t found{};
  ::glob("/usr/share/doc/*/changelog.Debian.gz", GLOB_NOSORT, nullptr, &found);
  const std::size_t count = found.gl_pathc;
  ::globfree(&found);
  Check check{.name = "changelogs", .needed = false};
  check.ok = count >= kEnough;
  check.detail = message(count, " packages' changelogs in /usr/share/doc");
  if (!check.ok) {
    check.detail += "; `pema demo` then uses the shipped verses";
    check.fix =
        "take path-exclude=/usr/share/doc/* out of /etc/dpkg/dpkg.cfg.d and reinstall "
        "packages (apt-get install --reinstall)";
  }
  return check;
}

}  // namespace

std::vector<Check> check_software() {
  return {check_blas(), check_llama(), check_training(), check_documentation()};
}

}  // namespace pema::tools
