#include "common/pickle/names.h"

#include <algorithm>
#include <array>

namespace reeve::pickle {

namespace {

struct Renamed {
  std::string_view module, name, python2_module, python2_name;
};
constexpr Renamed renamed[] = {
    {"builtins", "range", "__builtin__", "xrange"},
    {"builtins", "int", "__builtin__", "long"},
    {"builtins", "str", "__builtin__", "unicode"},
    {"builtins", "bytes", "__builtin__", "str"},
    {"builtins", "ModuleNotFoundError", "exceptions", "ImportError"},
    {"builtins", "RecursionError", "exceptions", "RuntimeError"},
    {"_queue", "Empty", "Queue", "Empty"},
    {"functools", "reduce", "__builtin__", "reduce"},
};

struct RenamedModule {
  std::string_view module, python2_module;
};
constexpr RenamedModule renamed_modules[] = {
    {"builtins", "__builtin__"},      {"queue", "Queue"}, {"copyreg", "copy_reg"}, {"_thread", "thread"},
    {"configparser", "ConfigParser"},
};

constexpr std::string_view exceptions[] = {
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BufferError",
    "BytesWarning",
    "DeprecationWarning",
    "EOFError",
    "EnvironmentError",
    "Exception",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "IOError",
    "ImportError",
    "ImportWarning",
    "IndentationError",
    "IndexError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "NameError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PendingDeprecationWarning",
    "ReferenceError",
    "RuntimeError",
    "RuntimeWarning",
    "StandardError",
    "StopIteration",
    "SyntaxError",
    "SyntaxWarning",
    "SystemError",
    "SystemExit",
    "TabError",
    "TypeError",
    "UnboundLocalError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeError",
    "UnicodeTranslateError",
    "UnicodeWarning",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
};

// Python 3's finer kinds of OSError.
constexpr std::string_view os_errors[] = {
    "BlockingIOError",   "BrokenPipeError",        "ChildProcessError",    "ConnectionAbortedError",
    "ConnectionError",   "ConnectionRefusedError", "ConnectionResetError", "FileExistsError",
    "FileNotFoundError", "InterruptedError",       "IsADirectoryError",    "NotADirectoryError",
    "PermissionError",   "ProcessLookupError",     "TimeoutError",
};

}  // namespace

std::optional<ClassName> python2_name(Scan::Name name) {
  if (name.name.find('.') != name.name.npos || name.name.find('\n') != name.name.npos ||
      name.module.find('\n') != name.module.npos)
    return {};
  for (const Renamed& known : renamed)
    if (known.module == name.module && known.name == name.name)
      return ClassName{std::string(known.python2_module), std::string(known.python2_name)};
  if (name.module == "builtins" && std::ranges::find(exceptions, name.name) != std::end(exceptions))
    return ClassName{"exceptions", std::string(name.name)};
  if (name.module == "builtins" && std::ranges::find(os_errors, name.name) != std::end(os_errors))
    return ClassName{"exceptions", "OSError"};
  for (const RenamedModule& known : renamed_modules)
    if (known.module == name.module)
      return ClassName{std::string(known.python2_module), std::string(name.name)};
  return ClassName{std::string(name.module), std::string(name.name)};
}

}  // namespace reeve::pickle
