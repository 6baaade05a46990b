/// Which sanitizer passes this file is compiled with; GCC and clang say it differently.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define SIMT_TRACED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN
#endif
#if defined(__SANITIZE_THREAD__)  // without its library: the emulator's trace
#define SIMT_TRACED
#endif
