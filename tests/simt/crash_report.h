/// Wild pointers in kernels, told in the emulator's terms.
#pragma once

namespace simt {

/// From now on a SIGSEGV or SIGBUS inside a launch prints one line with block, thread and line to
/// stdout and ends the process with exit code 3. ASan and UBSan add block and thread to theirs.
void report_crashes();

}  // namespace simt
