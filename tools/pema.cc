#include "tools/matrix_kernels.h"
#include "tools/program.h"

int main(int argc, char** argv) {
  pema::tools::restart_with_better_matrix_kernels(argv);
  return pema::tools::run_program(argc, argv, pema::tools::register_commands);
}
