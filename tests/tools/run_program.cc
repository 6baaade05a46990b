#include "tests/tools/run_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <pty.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>

namespace pema::test {
namespace {

/// A file in memory that a child writes to or reads from.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& content = {})
      : descriptor_(::memfd_create("pema-test", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || ::write(descriptor_, content.data(), content.size()) !=
                               static_cast<ssize_t>(content.size())) {
      throw std::runtime_error("memfd_create failed");
    }
    ::lseek(descriptor_, 0, SEEK_SET);
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] std::string content() const {
    std::string text;
    char buffer[4096];
    off_t place = 0;
    for (;;) {
      const ssize_t count = ::pread(descriptor_, buffer, sizeof buffer, place);
      if (count <= 0) return text;
      text.append(buffer, static_cast<std::size_t>(count));
      place += count;
    }
  }

 private:
  int descriptor_;
};

/// The two ends of a terminal; the program gets the far one as its input.
class Terminal {
 public:
  explicit Terminal(const std::string& typed) {
    if (::openpty(&near_, &far_, nullptr, nullptr, nullptr) != 0 ||
        ::write(near_, typed.data(), typed.size()) != static_cast<ssize_t>(typed.size())) {
      throw std::runtime_error("openpty failed");
    }
  }
  ~Terminal() {
    ::close(near_);
    ::close(far_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  [[nodiscard]] int far() const { return far_; }

 private:
  int near_ = -1;
  int far_ = -1;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// One child, with its three files.
class Child {
 public:
  Child(const std::string& program, std::vector<std::string> arguments, const RunOptions& options)
      : options_(options), input_(options.input) {
    arguments.insert(arguments.begin(), program);
    std::vector<std::string> environment = options.environment;
    for (const char* name :
         {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"}) {
      const char* value = std::getenv(name);
      if (value != nullptr) environment.push_back(std::string(name) + "=" + value);
    }
    if (options.input_is_terminal) terminal_ = std::make_unique<Terminal>(options.input);
    const std::vector<char*> argv = pointers(arguments);
    const std::vector<char*> envp = pointers(environment);
    process_ = ::fork();
    if (process_ == 0) become(program, argv, envp);
    if (process_ < 0) throw std::runtime_error("fork failed");
  }

  Outcome wait() {
    bool interrupted = options_.interrupt_after.empty() && !options_.interrupt_after_output;
    int status = 0;
    for (;;) {
      const pid_t ended = ::waitpid(process_, &status, interrupted ? 0 : WNOHANG);
      if (ended == process_) break;
      if (ended < 0 && errno != EINTR) throw std::runtime_error("waitpid failed");
      if (!interrupted && interrupt_is_due()) {
        ::kill(process_, SIGINT);
        interrupted = true;
      }
      ::usleep(2000);
    }
    Outcome outcome;
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.out = output_.content();
    outcome.err = error_.content();
    return outcome;
  }

 private:
  [[nodiscard]] bool interrupt_is_due() const {
    if (options_.interrupt_after_output) return !output_.content().empty();
    return error_.content().find(options_.interrupt_after) != std::string::npos;
  }

  [[noreturn]] void become(const std::string& program, const std::vector<char*>& argv,
                           const std::vector<char*>& envp) const {
    ::dup2(terminal_ ? terminal_->far() : input_.descriptor(), STDIN_FILENO);
    ::dup2(output_.descriptor(), STDOUT_FILENO);
    ::dup2(error_.descriptor(), STDERR_FILENO);
    if (options_.close_output) ::close(STDOUT_FILENO);
    if (options_.file_size_limit >= 0) {
      const auto bytes = static_cast<rlim_t>(options_.file_size_limit);
      const rlimit limit{bytes, bytes};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (options_.obey_permissions && ::geteuid() == 0) {
      // A root process gets its capabilities anew at exec, as far as the bounding set goes.
      const bool dropped = ::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) == 0 &&
                           ::prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0) == 0;
      if (!dropped) ::_exit(126);
    }
    ::execve(program.c_str(), argv.data(), envp.data());
    ::_exit(127);
  }

  RunOptions options_;
  MemoryFile input_;
  std::unique_ptr<Terminal> terminal_;
  MemoryFile output_;
  MemoryFile error_;
  pid_t process_ = -1;
};

}  // namespace

nlohmann::json Outcome::json() const {
  nlohmann::json document = nlohmann::json::parse(out, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << "not JSON: " << out << "\n" << err;
  return document;
}

Outcome run_program(const std::string& program, const std::vector<std::string>& arguments,
                    const RunOptions& options) {
  return Child(program, arguments, options).wait();
}

std::vector<Outcome> run_together(const std::string& program,
                                  const std::vector<std::vector<std::string>>& arguments,
                                  const RunOptions& options) {
  std::vector<std::unique_ptr<Child>> children;
  for (const auto& each : arguments) {
    children.push_back(std::make_unique<Child>(program, each, options));
  }
  std::vector<Outcome> outcomes;
  for (const auto& child : children) outcomes.push_back(child->wait());
  return outcomes;
}

}  // namespace pema::test
