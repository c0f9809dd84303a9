#include <fmt/format.h>

#include <cstdio>

#include "master/app.h"
#include "master/configuration.h"

namespace {

using namespace reeve;

Result<void> run(master::Configuration& configuration) {
  const auto level = configuration.log_level();
  if (!level) return fail(level.error());
  auto options = configuration.options();
  if (!options) return fail(options.error());

  log::start(*level);
  master::App app{std::move(*options)};
  if (auto started = app.start(); !started) return started;
  return app.run();
}

int exit_code(const Error& error) {
  fmt::print(stderr, "reeve-master: {}\n", error.detail);
  return error.code == Errc::invalid_argument ? exit_code_usage : 1;
}

}  // namespace

int main(int argc, char** argv) {
  master::Configuration configuration;
  if (const auto code = configuration.take(argc, argv)) return *code;
  const auto tool = configuration.tool();
  if (!tool) return exit_code(tool.error());
  if (*tool) {
    const auto code = (*tool)->run();
    return code ? *code : exit_code(code.error());
  }
  const auto ran = run(configuration);
  log::stop();
  return ran ? 0 : exit_code(ran.error());
}
