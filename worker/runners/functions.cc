#include "worker/runners/functions.h"

#include "common/base/assert.h"
#include "worker/runners/json_form.h"

namespace reeve::worker {
namespace {

// What a reeve_task's `host` points to.
struct Call {
  StopSignal& stop;
  Outcome& outcome;
  bool answered = false;

  static Call& of(void* host) { return *static_cast<Call*>(host); }

  static int cancelled(void* host) {
    const StopSignal& stop = of(host).stop;
    return stop.stopped() || stop.past_deadline();
  }
  static int wait_us(void* host, std::int64_t us) {
    const StopSignal& stop = of(host).stop;
    if (us > 0) stop.wait_until(mono_now() + std::min(Duration{us}, longest_wait));
    return cancelled(host);
  }
  static void succeed(void* host, std::uint32_t encoding, const char* value, std::size_t bytes) {
    Call& call = of(host);
    if (encoding > REEVE_PICKLE)
      return fail_with(call, "the function returned a value of an unknown encoding");
    call.answered = true;
    call.outcome.encoding = static_cast<Encoding>(encoding);
    call.outcome.value.assign(value, bytes);
  }
  static void fail(void* host, const char* message, std::size_t bytes) {
    fail_with(of(host), std::string(message, bytes));
  }

 private:
  static constexpr Duration longest_wait = std::chrono::hours{24 * 365};
  static void fail_with(Call& call, std::string message) {
    call.answered = true;
    set_failed(call.outcome, message.empty() ? "the function failed" : std::move(message));
  }
};

}  // namespace

Functions::~Functions() {
  for (const auto& [name, entry] : functions_)
    if (entry.drop != nullptr) entry.drop(entry.user);
}

Result<void> Functions::add(std::string_view name, Entry entry) {
  if (name.empty()) return reeve::fail(Errc::invalid_argument, "a function without a name");
  if (!functions_.try_emplace(std::string(name), entry).second)
    return reeve::fail(Errc::already_exists, "the function '{}' is there already", name);
  return {};
}

void Functions::let_read_pickles(std::string_view name) {
  const auto found = functions_.find(name);
  ASSERT(found != functions_.end(), "there is no function '{}'", name);
  found->second.reads_pickles = true;
}

void Functions::mark_brief(std::string_view name) {
  const auto found = functions_.find(name);
  if (found != functions_.end()) found->second.brief = true;
}

const Functions::Entry* Functions::find(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? nullptr : &found->second;
}

std::vector<std::string> Functions::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : functions_) names.push_back(name);
  return names;
}

int Functions::Filling::add(void* host, const char* name, std::size_t name_bytes, reeve_function call,
                            void* user, void (*drop)(void* user)) {
  auto& filling = *static_cast<Filling*>(host);
  Result<void> added = filling.functions.add({name, name_bytes}, {.call = call, .user = user, .drop = drop});
  if (added) return 0;
  if (filling.trouble) filling.trouble = std::move(added);
  return 1;
}

void Functions::Filling::mark_brief(void* host, const char* name, std::size_t name_bytes) {
  static_cast<Filling*>(host)->functions.mark_brief({name, name_bytes});
}

void FunctionRunner::run(const Work& work, StopSignal& stop, Outcome& outcome) {
  if (work.spec != spec_) {
    spec_ = work.spec;
    entry_ = functions_.find(work.spec->function);
  }
  if (entry_ == nullptr)
    return set_failed(outcome, fmt::format("this worker has no function '{}'", work.spec->function));

  const auto json = entry_->reads_pickles ? std::nullopt : json_form(work);
  const std::string& payload = json ? *json : work.payload;
  Call call{.stop = stop, .outcome = outcome};
  const TimePoint deadline = stop.deadline();
  const reeve_task task{
      .struct_bytes = sizeof(reeve_task),
      .encoding = static_cast<std::uint32_t>(json ? Encoding::json : work.spec->encoding),
      .job = work.fence.task.job.value,
      .index = work.fence.task.index,
      .attempt = work.fence.attempt,
      .deadline_us = deadline == TimePoint::max() ? -1 : deadline.time_since_epoch().count(),
      .payload = payload.data(),
      .payload_bytes = payload.size(),
      .host = &call,
      .cancelled = &Call::cancelled,
      .wait_us = &Call::wait_us,
      .succeed = &Call::succeed,
      .fail = &Call::fail,
  };
  entry_->call(entry_->user, &task);

  if (!call.answered) set_failed(outcome, "the function returned without a value or an error");
  if (stop.past_deadline()) {
    outcome.value.clear();
    set_timed_out(outcome, work.spec->time_limit);
  } else if (outcome.state == TaskState::failed && stop.stopped()) {
    set_stopped(outcome, stop.reason());  // it gave up because it was told to
  }
}

}  // namespace reeve::worker
