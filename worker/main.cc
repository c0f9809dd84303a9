#include <fmt/format.h>
#include <sys/prctl.h>

#include <cstdio>
#include <string_view>

#include "worker/app.h"
#include "worker/configuration.h"
#include "worker/pools/pool_child.h"
#include "worker/processes/guard.h"

namespace {

using namespace reeve;

constexpr int exit_code_no_master = 3;  // it cannot be reached, or we cannot prove that we know its key

Result<void> run(worker::Configuration& configuration) {
  const auto level = configuration.log_level();
  if (!level) return fail(level.error());
  auto options = configuration.options();
  if (!options) return fail(options.error());

  log::start(*level);
  worker::App app{std::move(*options)};
  if (auto started = app.start(); !started) return started;
  return app.run();
}

int exit_code_of(const Error& error) {
  switch (error.code) {
    case Errc::invalid_argument:
      return exit_code_usage;
    case Errc::not_found:  // no key
    case Errc::permission_denied:
    case Errc::authentication_failed:
      return exit_code_no_master;
    default:
      return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Started as /proc/self/exe, these two would be called "exe" by ps and top.
  if (argc == 2 && argv[1] == std::string_view(worker::guard_argument)) {
    ::prctl(PR_SET_NAME, "reeve-guard");
    return worker::guard_main();
  }
  if (argc >= 2 && argv[1] == std::string_view(worker::pool_child_argument)) {
    ::prctl(PR_SET_NAME, "reeve-child");
    return worker::pool_child_main(argc, argv);
  }
  worker::Configuration configuration;
  if (const auto code = configuration.take(argc, argv)) return *code;
  const auto ran = run(configuration);
  log::stop();
  if (ran) return 0;
  fmt::print(stderr, "reeve-worker: {}\n", ran.error().detail);
  return exit_code_of(ran.error());
}
