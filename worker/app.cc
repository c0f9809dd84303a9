#include "worker/app.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "common/app/log.h"
#include "common/app/ready_file.h"
#include "common/app/service_manager.h"
#include "common/net/linger.h"
#include "worker/pools/child_runner.h"
#include "worker/runners/command_runner.h"
#include "worker/runners/plugins.h"
#include "worker/runners/program_runner.h"
#include "worker/runners/slot_runner.h"

namespace reeve::worker {
namespace {

// Every slot needs some descriptors: take as many as the system allows. Returns the limit that we had:
// programs get that one, since some take a large one for an invitation to close every number up to it.
std::optional<rlimit> raise_descriptor_limit() {
  rlimit before{};
  if (getrlimit(RLIMIT_NOFILE, &before) != 0) return std::nullopt;
  const rlimit raised{.rlim_cur = before.rlim_max, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &raised);
  return before;
}

}  // namespace

App::App(Options options)
    : options_(std::move(options)),
      signals_(io_, SIGTERM, SIGINT),
      tick_(io_),
      gather_(io_),
      agent_({.slots = options_.slots, .prefetch_max = options_.prefetch_max}) {}

App::~App() = default;

Result<void> App::start() {
  std::signal(SIGPIPE, SIG_IGN);
  descriptors_ = raise_descriptor_limit();
  if (auto guarded = start_guard(); !guarded) return guarded;
  if (auto loaded = load_functions(); !loaded) return loaded;
  link_ = std::make_unique<MasterLink>(io_, link_options(), agent_, effects_, [this] { turn(); });
  link_->on_first_connect([this](const Result<void>& connected) { on_first_connect(connected); });
  pool_ = std::make_unique<Pool>(
      PoolOptions{.slots = options_.slots, .queue_max = options_.slots + options_.prefetch_max},
      [this](unsigned slot) { return make_runner(slot); },
      [this] { boost::asio::post(io_, [this] { on_finished(); }); });
  wait_for_signal();
  link_->start();
  return {};
}

Result<void> App::load_functions() {
  add_builtins(functions_);
  for (const auto& plugin : options_.plugins)
    if (auto loaded = load_plugin(plugin, functions_); !loaded) return loaded;
  for (const auto& program : options_.programs)
    if (functions_.find(program.name) != nullptr)
      return fail(Errc::already_exists, "[programs.{}]: there is a function of that name", program.name);
  if (!options_.initializer.empty() && functions_.find(options_.initializer) == nullptr)
    return fail(Errc::invalid_argument, "--initializer names '{}', which is no function of this worker",
                options_.initializer);
  if (options_.pool == PoolKind::thread) brief_.emplace(functions_);
  return {};
}

Result<void> App::start_guard() {
  auto table = GroupTable::make(options_.slots * groups_per_slot());
  if (!table) return fail(table.error());
  groups_.emplace(std::move(*table));
  auto guard = Guard::start(*groups_);
  if (!guard) return fail(guard.error());
  guard_.emplace(std::move(*guard));
  watch_guard();
  return {};
}

// A guard that was killed is replaced: what runs must not outlive this worker.
void App::watch_guard() {
  const int copy = ::fcntl(guard_->fd(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return log::warn("the guard over this worker's programs cannot be watched");
  guard_ended_.assign(copy);
  guard_ended_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [this](const boost::system::error_code& cancelled) {
                            if (cancelled) return;
                            log::warn("the guard over this worker's programs was killed; starting another");
                            guard_ended_.close();
                            guard_.reset();
                            auto guard = Guard::start(*groups_);
                            if (!guard) return log::error("{}", guard.error().detail);
                            guard_.emplace(std::move(*guard));
                            watch_guard();
                          });
}

// Should this process stand still from now on, the guard ends what runs in its place: after the time that an
// orderly end may take. When it goes on after that, nothing more begins. (Leases that were lost need no end: all
// that they were for is being stopped.)
void App::say_when_leases_end() {
  constexpr Duration margin = std::chrono::seconds{1};
  const auto lease_end = agent_.lease_end();
  if (lease_end) pool_->set_lease_end(*lease_end);
  groups_->set_end(lease_end ? *lease_end + options_.kill_grace + margin : GroupTable::never);
}

std::unique_ptr<Runner> App::make_runner(unsigned slot) {
  std::unique_ptr<Runner> commands;
  if (options_.allow_exec)
    commands = std::make_unique<CommandRunner>(CommandOptions{.output_max_bytes = options_.output_max_bytes,
                                                              .kill_grace = options_.kill_grace,
                                                              .descriptors = descriptors_},
                                               groups_->entry(slot * groups_per_slot()));
  std::unique_ptr<Runner> functions;
  if (options_.pool == PoolKind::process)
    functions = std::make_unique<ChildRunner>(
        ChildOptions{.setup = {.initializer = options_.initializer, .plugins = options_.plugins},
                     .tasks_max = options_.max_tasks_per_child,
                     .kill_grace = options_.kill_grace},
        groups_->entry(slot * groups_per_slot() + 1));
  else
    functions = std::make_unique<FunctionRunner>(functions_);
  auto runner = std::make_unique<SlotRunner>(std::move(functions), std::move(commands));
  std::size_t entry = slot * groups_per_slot() + 2;
  for (const auto& program : options_.programs)
    runner->add_program(
        program.name, std::make_unique<ProgramRunner>(ProgramOptions{.name = program.name,
                                                                     .command = program.command,
                                                                     .reads_pickles = !program.python.empty(),
                                                                     .cwd = program.cwd,
                                                                     .tasks_max = program.max_tasks_per_child,
                                                                     .kill_grace = options_.kill_grace},
                                                      groups_->entry(entry++), descriptors_));
  return runner;
}

LinkOptions App::link_options() const {
  std::vector<std::string> functions = functions_.names();
  for (const auto& program : options_.programs) functions.push_back(program.name);
  return {.master = options_.master,
          .authkey = options_.authkey,
          .introduction = {.name = options_.name,
                           .host = host_name(),
                           .pid = static_cast<std::uint32_t>(::getpid()),
                           .slots = options_.slots,
                           .functions = std::move(functions),
                           .commands = options_.allow_exec,
                           .queues = options_.queues,
                           .labels = options_.labels}};
}

void App::on_first_connect(const Result<void>& connected) {
  if (connected) return announce();
  result_ = connected;
  io_.stop();
}

void App::announce() {
  const std::string master = to_string(options_.master);
  if (!options_.ready_file.empty()) {
    auto written = write_ready_file(options_.ready_file, {{"name", options_.name}, {"master", master}});
    if (!written) log::error("{}", written.error().detail);
  }
  fmt::print("reeve-worker ready: {}, {} slots, master {}\n", options_.name, options_.slots, master);
  std::fflush(stdout);
  service_manager::ready(fmt::format("{} slots for the master at {}", options_.slots, master));
  watchdog_.start();
}

Result<void> App::run() {
  run_loop(io_);
  if (agent_.in_pool() > 0) {
    // A function that does not return cannot be stopped in a thread, only with the process.
    log::error("{} tasks do not stop; ending without them", agent_.in_pool());
    log::stop();
    std::_Exit(EXIT_FAILURE);
  }
  return result_;
}

// ---------------------------------------------------------------- events

void App::wait_for_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    log::info("{}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    on_signal();
    wait_for_signal();
  });
}

void App::on_signal() {
  constexpr unsigned impatient = 3;
  if (++signals_seen_ >= impatient) std::_Exit(EXIT_FAILURE);
  if (signals_seen_ == 1) service_manager::stopping();
  agent_.taken(pool_->taken());
  agent_.shut_down(mono_now(), options_.stop_grace, effects_);
  turn();
}

void App::arm_tick() {
  const TimePoint now = mono_now();
  const TimePoint wanted = agent_.next_tick(now);
  if (wanted >= tick_at_ && tick_at_ > now) return;  // an early tick does no harm
  if (wanted == TimePoint::max()) return;
  tick_at_ = wanted;
  tick_.expires_at(wanted);
  tick_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    tick_at_ = TimePoint::max();
    agent_.taken(pool_->taken());
    agent_.tick(mono_now(), effects_);
    turn();
  });
}

// ---------------------------------------------------------------- effects

// A report costs the worker, the master, its disk and the client a wake-up each: much, compared with a
// program that ends after a millisecond.
void App::on_finished() {
  const Duration pause = agent_.gather_pause();
  if (pause == Duration::zero()) return turn();
  gathering_ = true;
  gather_.expires_after(pause);
  gather_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    gathering_ = false;
    turn();
  });
}

void App::turn() {
  if (!gathering_) collect();
  say_when_leases_end();
  serve_pool();
  link_->send(effects_);
  for (const Notice& notice : effects_.notices)
    log::at(notice.warns ? log::Level::warn : log::Level::info, "{}", notice.text);
  const bool reconnect = effects_.reconnect;
  const bool leave_now = effects_.leave;
  effects_.clear();
  if (reconnect) link_->reconnect({Errc::timed_out, "it does not answer heartbeats"});
  if (leave_now) leave();
  arm_tick();
}

void App::collect() {
  from_pool_.clear();
  pool_->collect(from_pool_);
  if (from_pool_.empty()) return;
  agent_.taken(pool_->taken());
  agent_.finished(from_pool_, mono_now(), effects_);
}

// Nothing else is at work here, and this will not be either before anybody else could look.
bool App::runs_here() {
  return brief_ && effects_.start.size() == 1 && agent_.in_pool() == 1 && !gathering_ &&
         brief_->has(effects_.start.front()->work);
}

void App::run_here() {
  Attempt& attempt = *effects_.start.front();
  effects_.start.clear();
  if (!pool_->start_here(attempt, brief_->runner())) return;
  if (!brief_->was_brief(attempt.work, attempt.outcome.run))
    log::warn("the function {} is no brief one: it took {} ms; from now on it runs as any other",
              attempt.work.spec->function,
              std::chrono::floor<std::chrono::milliseconds>(attempt.outcome.run).count());
  collect();
}

void App::serve_pool() {
  if (runs_here()) run_here();
  pool_->start(effects_.start);
  effects_.start.clear();
  for (Attempt* attempt : effects_.stop) pool_->stop(*attempt);
  effects_.stop.clear();
  if (effects_.withdraw == 0) return;
  from_pool_.clear();
  pool_->withdraw(std::exchange(effects_.withdraw, 0), from_pool_);
  agent_.taken(pool_->taken());
  agent_.withdrawn(from_pool_, effects_);
}

void App::leave() {
  if (std::exchange(leaving_, true)) return;
  link_->leave([this] {
    log::info("bye");
    io_.stop();
  });
}

}  // namespace reeve::worker
