#include "worker/runners/plugins.h"

#include <dlfcn.h>

#include <exception>

namespace reeve::worker {

Result<void> load_plugin(const std::string& file, Functions& functions) {
  // Without a slash dlopen would look in the system's folders for libraries.
  const std::string path = file.contains('/') ? file : "./" + file;
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(Errc::unavailable, "cannot load the plugin {}: {}", file, ::dlerror());
  const auto abi = reinterpret_cast<reeve_plugin_abi_function>(::dlsym(library, "reeve_plugin_abi"));
  const auto enter =
      reinterpret_cast<reeve_plugin_register_function>(::dlsym(library, "reeve_plugin_register"));
  if (abi == nullptr || enter == nullptr)
    return fail(Errc::invalid_argument, "{} is no plugin for reeve: it does not use REEVE_PLUGIN", file);
  if (const std::uint32_t version = abi(); version != REEVE_PLUGIN_ABI)
    return fail(Errc::invalid_argument,
                "the plugin {} was built for version {} of the interface; this worker has {}", file, version,
                REEVE_PLUGIN_ABI);
  Result<void> added;
  try {
    added = functions.fill([&](const reeve_registry& registry) { enter(&registry); });
  } catch (const std::exception& error) {
    return fail(Errc::invalid_argument, "the plugin {} did not register: {}", file, error.what());
  }
  if (!added) return fail(added.error().code, "the plugin {}: {}", file, added.error().detail);
  return {};
}

}  // namespace reeve::worker
