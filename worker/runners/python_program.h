// Python functions as programs: a child of python3 that imports a module once and calls its function for each task.
// Only this child ever unpickles what Python clients have put.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace reeve::worker {

struct PythonFunction {
  std::string function;     // "module:function"; the module is looked for in the working directory, too
  std::string initializer;  // the same, called once in each child before its first task; empty: none
};

// Error: invalid_argument, when a name is not of the form module:function.
Result<void> check_python_name(const std::string& name);

// What a ProgramRunner has to start.
std::vector<std::string> python_command(const std::string& interpreter, const PythonFunction& function);

}  // namespace reeve::worker
