#include "tests/simt/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>
#include <utility>

#include "tests/simt/sanitizers.h"

#if !defined(__x86_64__) || defined(PEMA_SIMT_UCONTEXT)  // the macro is for testing this path
#define SIMT_UCONTEXT
#include <ucontext.h>
#endif

#if defined(SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt::detail {

namespace {

#if defined(SIMT_ASAN)
constexpr std::size_t kStackBytes = 256 * 1024;
#else
constexpr std::size_t kStackBytes = 64 * 1024;
#endif

Fiber* running = nullptr;
void* outside_stack_pointer = nullptr;

#if defined(SIMT_ASAN)
const void* outside_bottom = nullptr;
std::size_t outside_bytes = 0;

void announce(void** save_fake_stack, const void* bottom, std::size_t bytes) {
  __sanitizer_start_switch_fiber(save_fake_stack, bottom, bytes);
}
void arrived(void* fake_stack, const void** old_bottom, std::size_t* old_bytes) {
  __sanitizer_finish_switch_fiber(fake_stack, old_bottom, old_bytes);
}
#endif

}  // namespace

#if !defined(SIMT_UCONTEXT)
// Saves the registers a call must preserve on the old stack and takes them from the new one.
extern "C" void simt_switch_stack(void** save, void* load);
__asm__(R"(
.text
.p2align 4
.type simt_switch_stack, @function
simt_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch_stack, . - simt_switch_stack
)");
#else
namespace {
// About ten times slower; the saved "stack pointer" is a context.
void simt_switch_stack(void** save, void* load) {
  ucontext_t here;
  *save = &here;
  swapcontext(&here, static_cast<ucontext_t*>(load));
}
}  // namespace
#endif

Fiber::Fiber() {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const memory = mmap(nullptr, kStackBytes + page, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0) {
    throw std::bad_alloc();
  }
  stack_ = static_cast<char*>(memory) + page;
}

Fiber::~Fiber() {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  munmap(stack_ - page, kStackBytes + page);
}

void Fiber::reset(void (*entry)()) {
  entry_ = entry;
#if defined(SIMT_ASAN)
  // Frames that were dropped left their red zones behind: all of them, or the two of the entry.
  const std::size_t dirty = finished_ ? 1024 : kStackBytes;
  __asan_unpoison_memory_region(stack_ + kStackBytes - dirty, dirty);
#endif
  fake_stack_ = nullptr;
  finished_ = false;
#if !defined(SIMT_UCONTEXT)
  // Six registers, the address to return to, and what looks like the caller's return address.
  auto* const top = reinterpret_cast<void**>(stack_ + kStackBytes);
  for (int slot = 1; slot <= 8; ++slot) {
    top[-slot] = nullptr;
  }
  top[-2] = reinterpret_cast<void*>(&Fiber::first_frame);
  stack_pointer_ = top - 8;
#else
  auto* const context = new (stack_) ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = stack_ + sizeof(ucontext_t);
  context->uc_stack.ss_size = kStackBytes - sizeof(ucontext_t);
  context->uc_link = nullptr;
  makecontext(context, &Fiber::first_frame, 0);
  stack_pointer_ = context;
#endif
}

void Fiber::first_frame() {
#if defined(SIMT_ASAN)
  arrived(nullptr, &outside_bottom, &outside_bytes);
#endif
  running->entry_();
}

void Fiber::resume() {
  running = this;
#if defined(SIMT_ASAN)
  void* fake_stack = nullptr;
  announce(&fake_stack, stack_, kStackBytes);
#endif
  simt_switch_stack(&outside_stack_pointer, stack_pointer_);
#if defined(SIMT_ASAN)
  arrived(fake_stack, nullptr, nullptr);
#endif
  running = nullptr;
}

bool Fiber::on_stack(const void* p) {
  return running != nullptr && p >= running->stack_ && p < running->stack_ + kStackBytes;
}

bool Fiber::inside() { return running != nullptr; }

void Fiber::leave() {
  Fiber* const self = running;
#if defined(SIMT_ASAN)
  announce(&self->fake_stack_, outside_bottom, outside_bytes);
#endif
  simt_switch_stack(&self->stack_pointer_, outside_stack_pointer);
#if defined(SIMT_ASAN)
  arrived(self->fake_stack_, &outside_bottom, &outside_bytes);
#endif
}

void Fiber::leave_for_good() {
  Fiber* const self = running;
  self->finished_ = true;
#if defined(SIMT_ASAN)
  announce(nullptr, outside_bottom, outside_bytes);
#endif
  simt_switch_stack(&self->stack_pointer_, outside_stack_pointer);
}

}  // namespace simt::detail
