#include "master/app.h"

#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <random>

#include "common/app/log.h"
#include "common/app/ready_file.h"
#include "common/app/service_manager.h"
#include "common/net/handshake.h"
#include "common/net/linger.h"
#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"

namespace reeve::master {
namespace {

// Every connection is a descriptor: take as many as the system allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

App::App(Options options) : options_(std::move(options)), signals_(io_, SIGTERM, SIGINT) {}
App::~App() = default;

Result<void> App::open_store() {
  if (options_.ephemeral)
    store_ = std::make_unique<MemoryStore>();
  else
    store_ = std::make_unique<SqliteStore>(SqliteStore::Options{.data_dir = options_.data_dir});
  auto recovered = store_->open();
  if (!recovered) return fail(recovered.error());
  std::uint64_t unfinished = 0;
  for (const auto& job : recovered->jobs)
    for (const auto& chunk : job.chunks)
      unfinished += chunk.record.payloads ? chunk.record.payloads->size() - chunk.finals.size() : 0;
  log::info("epoch {}: {} queues, {} jobs, {} unfinished tasks, {} workers of the last run", recovered->epoch,
            recovered->queues.size(), recovered->jobs.size(), unfinished, recovered->workers.size());
  stored_objects_ = std::move(recovered->objects);
  broker_ =
      std::make_unique<Broker>(options_.limits, std::move(*recovered), clock_now(), std::random_device{}());
  return {};
}

Result<void> App::check_reachable(const Endpoint& listen) const {
  if (is_loopback(listen) || options_.authkey_is_explicit) return {};
  return fail(Errc::permission_denied,
              "{} can be reached from other machines, so the authkey must be given explicitly: make one with "
              "'reeve keygen FILE', give every machine the file, and start with --authkey-file FILE",
              to_string(listen));
}

Result<void> App::listen_for_python() {
  if (!options_.managers.enabled) return {};
  if (auto ok = check_reachable(options_.managers.listen); !ok) return ok;
  managers_ =
      std::make_unique<managers::ManagersServer>(io_, *server_, options_.authkey, options_.managers, [this] {
        log::info("a Python client says shutdown: finishing");
        io_.stop();
      });
  const Result<void> listening = managers_->listen();
  if (listening || options_.managers.listen_is_explicit) return listening;
  log::warn("{}", listening.error().detail);
  managers_.reset();
  return {};
}

// What the configuration names is there from the start.
Result<void> App::declare() {
  for (const QueueOptions& queue : options_.queues)
    if (auto declared = broker_->queue_declare(queue, server_->turn()); !declared)
      return fail(Errc::invalid_argument, "[queues.{}]: {}", queue.name, declared.error().detail);
  for (const auto& object : options_.objects)
    if (const auto queue = managers::queue_of(object))
      if (auto declared = broker_->queue_declare(*queue, server_->turn()); !declared)
        return fail(Errc::invalid_argument, "[objects.{}]: {}", object.name, declared.error().detail);
  if (managers_) return managers_->declare(options_.objects, std::exchange(stored_objects_, {}));
  if (!options_.objects.empty() || !stored_objects_.empty())
    log::info("objects of Python programs stay as they are: nobody listens for such programs");
  stored_objects_.clear();
  return {};
}

Result<void> App::start() {
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  if (auto ok = check_reachable(options_.listen); !ok) return ok;
  if (options_.authkey.size() < authkey_bytes_min)
    log::warn(
        "the authkey has {} bytes and is easily guessed: programs of this machine may use it, and no "
        "listener may "
        "leave loopback. It should have at least {}: make one with 'reeve keygen FILE'",
        options_.authkey.size(), authkey_bytes_min);
  if (auto opened = open_store(); !opened) return opened;
  server_ = std::make_unique<NativeServer>(io_, *broker_, *store_, options_.authkey, options_.server);
  if (!options_.ephemeral)
    server_->backups().set_directory(options_.backup_dir.empty() ? options_.data_dir + "/backups"
                                                                 : options_.backup_dir);
  server_->set_description(options_.ephemeral ? "" : options_.data_dir, wall_now());
  if (auto listening = server_->listen(options_.listen); !listening) return listening;
  if (auto listening = listen_for_python(); !listening) return listening;
  if (auto declared = declare(); !declared) return declared;
  server_->start();
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    log::info("{}: finishing", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    io_.stop();
  });
  return announce();
}

Result<void> App::announce() {
  const std::string native = to_string(server_->address());
  const std::string python = managers_ ? to_string(managers_->address()) : "";
  if (!options_.ready_file.empty()) {
    std::vector<std::pair<std::string, std::string>> places{{"native", native}};
    if (managers_) places.emplace_back("managers", python);
    if (auto written = write_ready_file(options_.ready_file, places); !written) return written;
  }
  fmt::print("reeve-master ready: native {}{}{}\n", native, managers_ ? ", managers " : "", python);
  std::fflush(stdout);
  service_manager::ready(native);
  watchdog_.start();
  return {};
}

Result<void> App::run() {
  run_loop(io_);
  io_.restart();
  service_manager::stopping();
  if (managers_) {
    if (const std::string ends = managers_->what_ends(); !ends.empty()) log::info("{}", ends);
    managers_->stop_listening();
  }
  if (!server_->stop()) return fail(Errc::storage_failed, "what was decided last could not be kept");
  log::info("{}", options_.ephemeral ? "bye" : "everything is kept; bye");
  return {};
}

}  // namespace reeve::master
