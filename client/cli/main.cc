#include "client/cli/program.h"

int main(int argc, char** argv) { return reeve::cli::run_program({argv + 1, argv + argc}); }
