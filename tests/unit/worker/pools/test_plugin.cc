// A plugin as its users write one, with functions that misbehave on request.
#include <reeve/plugin.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace {

bool initialized = false;

const char* thread() { return ::gettid() == ::getpid() ? "the loop's" : "a slot's"; }

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
  registry.add("thread",
               [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult { return thread(); });
  registry.add_brief("brief_thread", [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult {
    return thread();
  });
  registry.add_brief("not_so_brief", [](const reeve::TaskContext&, std::string_view) -> reeve::TaskResult {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{20};
    while (std::chrono::steady_clock::now() < end) {
    }
    return thread();
  });
}
