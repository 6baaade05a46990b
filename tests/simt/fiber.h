/// Fibers for the emulator: a stack each, switched by hand on one CPU thread.
#pragma once

#include <cstddef>

namespace simt::detail {

/// A stack and the place where its code stopped. Stacks are kept for reuse; under ASan every switch
/// is announced, so that stack errors inside a fiber are reported as such.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Makes the next resume() call entry on an empty stack. entry must end in leave_for_good().
  /// Whatever the fiber was doing before is dropped without unwinding.
  void reset(void (*entry)());
  /// Runs the fiber until it leaves. From outside of fibers only.
  void resume();

  /// Goes back to whoever resumed the running fiber.
  static void leave();
  /// Whether p is on the stack of the running fiber.
  static bool on_stack(const void* p);
  /// Whether a fiber runs.
  static bool inside();
  /// The same for the last time: the fiber must be reset before it is resumed.
  static void leave_for_good();

 private:
  static void first_frame();

  char* stack_ = nullptr;
  void* stack_pointer_ = nullptr;
  void* fake_stack_ = nullptr;  ///< ASan's
  void (*entry_)() = nullptr;
  bool finished_ = true;
};

}  // namespace simt::detail
