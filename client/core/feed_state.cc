#include "client/core/feed_state.h"

#include <utility>

#include "client/core/info.h"

namespace reeve::client {
namespace {

constexpr std::size_t mailbox_max = 20'000;  // entries

}  // namespace

// ---------------------------------------------------------------- the program's side

void FeedState::start() {
  {
    const Loop::Lock lock(core->loop().mutex());
    core->check_open();
  }
  const bool begun = core->run_on_driver([self = shared_from_this()] {
    self->listening_ = true;
    self->core->listen(self->job, self);
    if (self->core->up()) self->on_up();
  });
  if (begun) return;
  const Loop::Lock lock(core->loop().mutex());
  core->check_open();  // it was closed in between, so this throws
}

void FeedState::stop() {
  core->run_on_driver([self = shared_from_this()] {
    if (!std::exchange(self->listening_, false)) return;
    self->core->unlisten(self->job, self.get());
    wire::Watch watch;
    watch.set_job(self->job);
    watch.set_stop(true);
    self->core->ask_now(FrameType::watch, watch, {});
  });
}

std::optional<JobFeed::Event> FeedState::next(Duration timeout) {
  Loop::Lock lock(core->loop().mutex());
  core->loop().wait(lock, this, deadline_after(timeout), [this] { return !mailbox.empty() || over; });
  if (mailbox.empty()) {
    if (over && why.code != Errc::ok) throw_error(why);
    return std::nullopt;
  }
  auto entry = std::move(mailbox.front());
  mailbox.pop_front();
  if (missed && mailbox.size() < mailbox_max / 2) {
    missed = false;
    lock.unlock();
    core->run_on_driver([self = shared_from_this()] { self->fetch(); });
  } else {
    lock.unlock();
  }
  JobFeed::Event event;
  if (auto* raw = std::get_if<Raw>(&entry))
    event.outcome = TaskOutcome{raw->index, decode_outcome(raw->bytes)};
  else
    event.info = info_from(std::get<wire::JobInfo>(std::move(entry)));
  return event;
}

// ---------------------------------------------------------------- the driver's side

void FeedState::on_up() {
  fetching_ = again_ = false;
  watch();
}

void FeedState::watch() {
  wire::Watch message;
  message.set_job(job);
  message.set_outcomes(outcomes);
  core->ask_now(FrameType::watch, message,
                [weak = weak_from_this()](const Request&, const Result<Frame>& frame) {
                  const auto self = weak.lock();
                  if (!self || !frame) return;  // no connection: on_up begins anew
                  const auto changed = parse_answer<wire::JobChanged>(*frame);
                  if (!changed) self->end(changed.error());
                });
  if (outcomes) fetch();
}

void FeedState::on_outcomes(std::span<const OutcomeView> arrived) {
  if (!outcomes) return;
  bool more = false;
  {
    const Loop::Lock lock(core->loop().mutex());
    for (const OutcomeView& outcome : arrived) {
      if (seen(outcome.index)) continue;
      if (mailbox.size() >= mailbox_max) {
        missed = true;
        break;
      }
      if (outcome.index >= seen_.size()) seen_.resize(outcome.index + std::size_t{1});
      seen_[outcome.index] = true;
      ++seen_count_;
      mailbox.emplace_back(Raw{outcome.index, std::string(outcome.bytes)});
      more = true;
    }
  }
  if (more) core->loop().notify(this);
  if (final_info_ && all_seen(*final_info_)) tell(*std::exchange(final_info_, {}));
}

void FeedState::on_lagging() {
  if (outcomes) fetch();
}

bool FeedState::all_seen(const wire::JobInfo& info) const {
  const auto& counts = info.counts();
  return !outcomes || seen_count_ >= counts.succeeded() + counts.failed() + counts.cancelled();
}

void FeedState::on_info(const wire::JobInfo& info) {
  if (info.finished_us() != 0 && !all_seen(info)) {
    // Either the rest is on its way, or it is not kept any more: the master will say which.
    const bool first = !final_info_;
    final_info_ = info;
    if (first) fetch();
    return;
  }
  tell(info);
}

// An info that was not read yet is replaced: it is the newest that counts.
void FeedState::tell(const wire::JobInfo& info) {
  const bool finished = info.finished_us() != 0;
  {
    const Loop::Lock lock(core->loop().mutex());
    if (!mailbox.empty() && std::holds_alternative<wire::JobInfo>(mailbox.back()))
      mailbox.back() = info;
    else
      mailbox.emplace_back(info);
    if (finished) over = true;
  }
  core->loop().notify(this);
  if (finished && std::exchange(listening_, false)) core->unlisten(job, this);
}

bool FeedState::has_room() {
  const Loop::Lock lock(core->loop().mutex());
  if (mailbox.size() < mailbox_max) return true;
  missed = true;
  return false;
}

void FeedState::fetch() {
  if (!core->up() || !listening_) return;
  if (fetching_) {
    again_ = true;
    return;
  }
  if (!has_room()) return;
  fetching_ = true;
  again_ = false;
  auto request = std::make_shared<Core::Fetch>();
  request->job = job;
  std::uint32_t first = 1;
  while (seen(first)) ++first;
  request->first = first;
  request->to = weak_from_this();
  const auto weak = weak_from_this();
  request->go_on = [weak] {
    const auto self = weak.lock();
    if (!self || !self->listening_) return false;
    if (self->has_room()) return true;
    self->fetching_ = false;  // next() begins again where there is something unseen
    return false;
  };
  request->done = [weak](const Result<void>& result) {
    if (const auto self = weak.lock()) self->fetched(result);
  };
  core->fetch_outcomes(std::move(request));
}

void FeedState::fetched(const Result<void>& result) {
  fetching_ = false;
  if (!result && result.error().code == Errc::unavailable) return;  // on_up begins anew
  if (!result) return end(result.error());
  bool incomplete = false;
  {
    const Loop::Lock lock(core->loop().mutex());
    incomplete = missed;
  }
  if (incomplete) return;
  if (again_) return fetch();
  if (final_info_)
    tell(*std::exchange(final_info_, {}));  // what is missing was fetched or forgotten by somebody
}

void FeedState::on_end(const Error& error) {
  listening_ = false;
  end(error);
}

void FeedState::end(const Error& error) {
  {
    const Loop::Lock lock(core->loop().mutex());
    if (over) return;
    over = true;
    why = error;
  }
  core->loop().notify(this);
  if (std::exchange(listening_, false)) core->unlisten(job, this);
}

}  // namespace reeve::client
