#include "tools/terminal/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace pema::tools {
namespace {

volatile sig_atomic_t stop_count = 0;

extern "C" void on_stop_signal(int) {
  if (stop_count != 0) ::_exit(130);
  stop_count = 1;
}

void handle(int signal_number, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  // Without SA_RESTART a read from the terminal ends with EINTR and the flag is seen.
  action.sa_flags = 0;
  ::sigaction(signal_number, &action, nullptr);
}

}  // namespace

void install_signal_handlers() noexcept {
  handle(SIGINT, on_stop_signal);
  handle(SIGTERM, on_stop_signal);
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

bool interrupted() noexcept { return stop_count != 0; }

void clear_interrupt() noexcept { stop_count = 0; }

void prepare_descriptors() noexcept {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is `descriptor`: all before it are open by now. Wrong direction on
    // purpose, so that using it fails instead of vanishing.
    if (::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor) return;
  }
}

}  // namespace pema::tools
