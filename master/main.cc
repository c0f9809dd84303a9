#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/app/authkey.h"
#include "common/app/data_dir.h"
#include "common/app/log.h"
#include "master/app.h"

namespace {

int complain(const reeve::Error& error) {
  reeve::log::stop();
  fmt::print(stderr, "reeve-master: {}\n", error.detail);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace reeve;
  CLI::App cli{"reeve-master: keeps queues of tasks and results, and hands tasks to workers"};
  std::string listen = "127.0.0.1:7733";
  AuthkeySource key = authkey_source();
  master::Options options;
  options.data_dir = default_data_dir();
  cli.add_option("--listen", listen, "where clients and workers connect");
  cli.add_option("--data-dir", options.data_dir, "where tasks and results are kept");
  cli.add_option("--authkey-file", key.file, "the file with the shared key");
  cli.add_option("--ready-file", options.ready_file, "written when the master is ready");
  cli.add_flag("--ephemeral", options.ephemeral, "keep everything in memory only");
  CLI11_PARSE(cli, argc, argv);

  log::start(log::Level::info);
  auto endpoint = parse_endpoint(listen, native_port_default);
  if (!endpoint) return complain(endpoint.error());
  options.listen = *endpoint;
  key.data_dir = options.data_dir;
  auto authkey = find_or_make_authkey(key);
  if (!authkey) return complain(authkey.error());
  options.authkey = authkey->key;
  options.authkey_is_explicit = key.is_explicit();

  master::App app{std::move(options)};
  if (auto started = app.start(); !started) return complain(started.error());
  if (auto ran = app.run(); !ran) return complain(ran.error());
  log::stop();
  return 0;
}
