// A plugin as its users write one, with functions that misbehave on request.
#include <reeve/plugin.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace {

bool initialized = false;

}  // namespace

REEVE_PLUGIN(registry) {
  registry.add("pid", [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult {
    return std::to_string(::getpid());
  });
  registry.add("crash", [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult {
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
    return "still here";
  });
  registry.add("exit",
               [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult { std::_Exit(3); });
  registry.add("hang", [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult {
    for (;;) ::pause();
  });
  registry.add("throw", [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult {
    throw std::runtime_error("out of paper");
  });
  registry.add("initialize", [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult {
    initialized = true;
    return "";
  });
  registry.add("initialized", [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult {
    return initialized ? "yes" : "no";
  });
}
