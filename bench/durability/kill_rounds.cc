#include "bench/durability/kill_rounds.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <random>
#include <stdexcept>
#include <thread>

#include "bench/durability/store_script.h"
#include "pema/backup.h"
#include "pema/error.h"

namespace pema::durability {
namespace {

/// A started writer and the pipe it reports to.
struct Writer {
  pid_t process = -1;
  int reports = -1;
};

Writer start(const KillOptions& options, std::int64_t first) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  const std::string seed = std::to_string(options.seed);
  const std::string step = std::to_string(first);
  const char* const mode = options.durability == Durability::kFast ? "fast" : "durable";
  const char* const arguments[] = {
      options.writer.c_str(), options.folder.c_str(), seed.c_str(), step.c_str(), mode, nullptr};
  const pid_t process = ::fork();
  if (process < 0) throw std::runtime_error("fork failed");
  if (process == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execv(options.writer.c_str(), const_cast<char* const*>(arguments));
    ::_exit(127);
  }
  ::close(ends[1]);
  return {process, ends[0]};
}

/// Waits until the writer reported a step, two seconds at most.
void await_step(const Writer& writer) {
  pollfd reports{writer.reports, POLLIN, 0};
  while (::poll(&reports, 1, 2000) < 0 && errno == EINTR) {
  }
}

/// Kills the writer and counts the steps it reported. Throws when it had ended by itself.
std::int64_t kill_and_count(const Writer& writer, const std::string& program) {
  ::kill(writer.process, SIGKILL);
  int status = 0;
  ::waitpid(writer.process, &status, 0);
  std::int64_t steps = 0;
  char buffer[4096];
  while (true) {
    const ssize_t count = ::read(writer.reports, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    steps += count;
  }
  ::close(writer.reports);
  if (!WIFSIGNALED(status)) throw std::runtime_error(program + " ended by itself");
  return steps;
}

}  // namespace

KillReport kill_rounds(const KillOptions& options) {
  KillReport report;
  std::mt19937_64 random(options.seed);
  std::uniform_real_distribution<double> moment(0.0, options.longest_milliseconds);
  StoreScript killed(options.folder, options.seed, options.durability);
  StoreScript whole(options.folder + "/whole", options.seed, Durability::kFast);
  killed.create();
  killed.close();
  whole.create();
  std::int64_t next = 0;                                        // the step that comes now
  std::vector<std::string> states = {describe(whole.store())};  // after each step, for backups
  while (report.kills < options.kills && report.problems.empty()) {
    const Writer writer = start(options, next);
    if (random() % 4 != 0) await_step(writer);  // else: while it starts and opens the store
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(moment(random)));
    const std::int64_t steps = kill_and_count(writer, options.writer);
    ++report.kills;
    report.acknowledged += steps;
    for (std::int64_t i = 0; i <= steps; ++i) {  // and the one that was in flight
      whole.perform(next + i);
      states.push_back(describe(whole.store()));
    }
    const std::vector<std::string> allowed(states.end() - 2, states.end());
    std::int64_t found = 0;
    double seconds = 0;
    const std::string problem = check_store(killed.store_folder(), allowed, found, &seconds);
    if (!problem.empty()) {
      report.problems.push_back(message("after ", next + steps, " steps: ", problem));
    }
    report.worst_open_seconds = std::max(report.worst_open_seconds, seconds);
    const std::string backup = check_backups(killed.backup_folder(), states);
    if (!backup.empty()) report.problems.push_back(backup);
    const std::string note = check_note(killed.store_folder(), killed.backup_folder());
    if (!note.empty()) report.problems.push_back(note);
    report.backups_checked +=
        static_cast<std::int64_t>(list_backups(killed.backup_folder()).size());
    next += steps + 1;
    if (!report.problems.empty() || allowed[0] == allowed[1]) continue;
    if (found == 1) {
      ++report.in_flight;
    } else {  // bring it where the other one is
      killed.perform(next - 1);
      killed.close();
    }
  }
  return report;
}

}  // namespace pema::durability
