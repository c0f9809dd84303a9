#include "worker/pools/child_runner.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

#include "common/app/log.h"
#include "proto/convert.h"
#include "worker/processes/own_program.h"

namespace reeve::worker {
namespace {

constexpr std::size_t answer_max_bytes = 1u << 30;
constexpr Duration end_of_input_patience = std::chrono::seconds{1};

}  // namespace

struct ChildRunner::Child {
  Descriptor wake_up;
  ChildMemory* memory = nullptr;
  std::unique_ptr<LongLived> process;
  bool ready = false;
  std::uint64_t tasks = 0;
  std::shared_ptr<const TaskSpec> spec;  // that it knows

  ~Child() {
    process.reset();
    if (memory != nullptr) ::munmap(memory, sizeof(ChildMemory));
  }
};

ChildRunner::ChildRunner(ChildOptions options, std::atomic<pid_t>* group)
    : options_(std::move(options)), group_(group != nullptr ? *group : own_entry_) {
  if (auto started = start(); !started) log::error("no child for a slot: {}", started.error().detail);
}

ChildRunner::~ChildRunner() { retire(); }

Result<void> ChildRunner::start() {
  const auto refuse = [](const char* what) {
    return fail(Errc::unavailable, "cannot start a child: {}: {}", what, std::strerror(errno));
  };
  auto child = std::make_unique<Child>();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return refuse("socketpair");
  Descriptor ours{ends[0]};
  const Descriptor theirs{ends[1]};
  child->wake_up.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!child->wake_up) return refuse("eventfd");
  const Descriptor memory{::memfd_create("reeve-child", MFD_CLOEXEC)};
  if (!memory || ::ftruncate(memory.get(), sizeof(ChildMemory)) != 0) return refuse("memfd_create");
  void* const mapped =
      ::mmap(nullptr, sizeof(ChildMemory), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return refuse("mmap");
  child->memory = new (mapped) ChildMemory{.stop = StopReason::none};
  const auto pid =
      start_own_program(child_arguments(options_.setup), {theirs.get(), child->wake_up.get(), memory.get()},
                        HelperGroup::process_group);
  if (!pid) return fail(pid.error());
  group_.store(*pid);
  ProcessGroup group{*pid, Descriptor{static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0))}, group_};
  Descriptor copy{::fcntl(ours.get(), F_DUPFD_CLOEXEC, 0)};
  child->process = std::make_unique<LongLived>(std::move(group), std::move(ours), std::move(copy));
  child_ = std::move(child);
  return {};
}

void ChildRunner::run(const Work& work, StopSignal& stop, Outcome& outcome) {
  if (auto ready = make_ready(stop); !ready) {
    if (stop.stopped()) return set_stopped(outcome, stop.reason());
    if (stop.past_deadline()) return set_timed_out(outcome, work.spec->time_limit);
    return set_failed(outcome, ready.error().detail);
  }
  child_->memory->stop.store(StopReason::none);
  const TimePoint limit = stop.deadline();
  const TimePoint deadline = limit == TimePoint::max() ? limit : limit + options_.time_limit_slack;
  const auto exchange = child_->process->exchange(request_for(work), stop, manners(stop, deadline));
  ++child_->tasks;
  if (exchange.answer) {
    wire::Outcome answer;
    if (answer.ParseFromString(exchange.answer->substr(length_bytes)))
      outcome = from_wire(std::move(answer));
    else
      set_failed(outcome, "the child's answer could not be read");
    if (options_.tasks_max != 0 && child_->tasks >= options_.tasks_max) retire();
  } else {
    if (exchange.ended) outcome.signal = static_cast<std::uint32_t>(exchange.ended->signal);
    if (exchange.asked_to_end == LongLived::Asked::late)
      set_timed_out(outcome, work.spec->time_limit);
    else if (exchange.asked_to_end == LongLived::Asked::stop)
      set_stopped(outcome, stop.reason());
    else if (exchange.too_long)
      set_failed(outcome, "the function returned too much");
    else
      set_failed(outcome, fmt::format("the child {}{}", exchange.ended->signal != 0 ? "was " : "",
                                      describe(*exchange.ended)));
    child_.reset();
  }
  if (!child_) {  // the next task should find one that is ready
    if (auto started = start(); !started) log::error("{}", started.error().detail);
  }
}

Result<void> ChildRunner::make_ready(StopSignal& stop) {
  Error last;
  for (unsigned tries = 0; tries < options_.starts_max; ++tries) {
    if (child_ && child_->ready && child_->process->alive()) return {};
    if (child_ && child_->ready) child_.reset();  // it died while it had nothing to do
    stop.wait_until(start_after_);
    if (stop.stopped() || stop.past_deadline())
      return fail(Errc::cancelled, "the task ended before its child was ready");
    Result<void> ready = child_ ? Result<void>{} : start();
    if (ready) ready = await_ready(stop);
    if (ready) {
      failed_starts_ = 0;
      return {};
    }
    if (stop.stopped() || stop.past_deadline()) return ready;
    last = ready.error();
    start_after_ = mono_now() + options_.restart.after(++failed_starts_, random_);
  }
  return fail(last);
}

Result<void> ChildRunner::await_ready(StopSignal& stop) {
  const auto exchange = child_->process->exchange({}, stop, manners(stop, stop.deadline()));
  if (!exchange.answer) {
    child_.reset();
    return fail(Errc::unavailable, "the child {}{} at its start", exchange.ended->signal != 0 ? "was " : "",
                describe(*exchange.ended));
  }
  wire::Outcome answer;
  if (!answer.ParseFromString(exchange.answer->substr(length_bytes)) || answer.state() != wire::SUCCEEDED) {
    child_.reset();
    return fail(Errc::unavailable, "{}", answer.error());
  }
  child_->ready = true;
  return {};
}

LongLived::Manners ChildRunner::manners(StopSignal& stop, TimePoint deadline) {
  return {.answer_bytes = &message_bytes,
          .answer_max_bytes = answer_max_bytes,
          .ask_to_end =
              [this, &stop] {
                // Also when it is late: it may be slow in noticing the time, and there is no grace for it.
                child_->memory->stop.store(stop.stopped() ? stop.reason() : StopReason::cancelled);
                const std::uint64_t one = 1;
                [[maybe_unused]] const auto written = ::write(child_->wake_up.get(), &one, sizeof one);
              },
          .stop_grace = options_.kill_grace,
          .late_grace = Duration::zero(),
          .deadline = deadline};
}

std::string ChildRunner::request_for(const Work& work) {
  wire::Grant grant;
  grant.set_epoch(work.fence.epoch.value);
  if (child_->spec != work.spec) {
    child_->spec = work.spec;
    to_wire(*work.spec, *grant.add_specs()->mutable_spec());
  }
  wire::Granted& task = *grant.add_tasks();
  task.set_job(work.fence.task.job.value);
  task.set_index(work.fence.task.index);
  task.set_attempt(work.fence.attempt);
  task.set_payload(work.payload);
  return with_length(grant.SerializeAsString());
}

void ChildRunner::retire() {
  if (child_) child_->process->finish(end_of_input_patience);
  child_.reset();
}

}  // namespace reeve::worker
