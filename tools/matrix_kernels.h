/// Which matrix kernels OpenBLAS runs, and better ones where its choice is poor.
#pragma once

#include <string>

namespace pema::tools {

/// Name of the kernels that OpenBLAS has chosen in this process, "SkylakeX".
[[nodiscard]] std::string matrix_kernels();

/// Name of the kernels that it should have chosen; empty where its choice is right, where
/// OPENBLAS_CORETYPE says which, and on processors other than x86. OpenBLAS knows processors by
/// their model numbers and gives those that are newer than itself the kernels of 2004, which are
/// several times slower (docs/decisions/0020-matrix-kernels.md).
[[nodiscard]] std::string better_matrix_kernels();

/// Runs the program again from its start with OPENBLAS_CORETYPE set where there are better kernels:
/// they are chosen when the library is loaded, and never again. Returns where there is nothing to
/// do or it cannot be done. For the first line of main: nothing is read or open yet.
void restart_with_better_matrix_kernels(char** argv);

}  // namespace pema::tools
