#include "tests/simt/crash_report.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#if defined(__x86_64__)
#include <ucontext.h>
#endif

#include "tests/simt/block.h"
#include "tests/simt/trace_state.h"

#if defined(SIMT_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt {

#if defined(SIMT_ASAN)

namespace {

void print_thread() {
  if (detail::block_state.active && detail::Fiber::inside()) {
    const std::string text = detail::describe_thread(detail::block_state.running);
    std::fprintf(stderr, "In a kernel: %s\n", text.c_str());
  }
}

}  // namespace

void report_crashes() { __sanitizer_set_death_callback(print_thread); }

// UBSan calls this for each of its reports.
extern "C" void __ubsan_on_report() { print_thread(); }  // NOLINT: its name

#else

namespace {

// What it calls is not meant for signal handlers; the process is lost anyway.
void report(int signal, siginfo_t* info, [[maybe_unused]] void* context) {
  if (detail::block_state.active && detail::Fiber::inside()) {
    const void* pc = nullptr;
#if defined(__x86_64__)
    const auto* const registers = static_cast<const ucontext_t*>(context);
    pc = reinterpret_cast<const char*>(registers->uc_mcontext.gregs[REG_RIP]) + 1;
#endif
    const std::string text = "access to invalid address; " +
                             detail::describe_thread(detail::block_state.running) + " at " +
                             detail::describe_pc(pc);
    std::printf("%s (%p)\n", text.c_str(), info->si_addr);
    std::fflush(stdout);
    _exit(3);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void report_crashes() {
  static std::array<char, 64 * 1024> stack;  // a fiber's own may be what overflowed
  stack_t alternative{};
  alternative.ss_sp = stack.data();
  alternative.ss_size = stack.size();
  sigaltstack(&alternative, nullptr);
  struct sigaction action {};
  action.sa_sigaction = report;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}

#endif

}  // namespace simt
