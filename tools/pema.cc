#include "tools/program.h"

int main(int argc, char** argv) {
  return pema::tools::run_program(argc, argv, pema::tools::register_commands);
}
