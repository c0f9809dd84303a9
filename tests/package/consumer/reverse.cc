#include <reeve/plugin.h>

REEVE_PLUGIN(registry) {
  registry.add("reverse", [](const reeve::TaskContext&, std::string_view payload) -> reeve::TaskResult {
    return std::string(payload.rbegin(), payload.rend());
  });
}
