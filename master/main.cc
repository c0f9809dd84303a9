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

}  // namespace

int main(int argc, char** argv) {
  master::Configuration configuration;
  if (const auto code = configuration.take(argc, argv)) return *code;
  const auto ran = run(configuration);
  log::stop();
  if (ran) return 0;
  fmt::print(stderr, "reeve-master: {}\n", ran.error().detail);
  return ran.error().code == Errc::invalid_argument ? exit_code_usage : 1;
}
