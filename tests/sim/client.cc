#include "tests/sim/client.h"

#include <algorithm>
#include <array>

namespace reeve::sim {

Client::Client(std::string name, Clockwork& clock, Story& story, History& history, Master& master)
    : name_(std::move(name)),
      clock_(clock),
      story_(story),
      history_(history),
      master_(master),
      process_(clock) {}

void Client::start() {
  process_.begin();
  connect();
  process_.after(clock_.between(0us, 100ms), [this] { act(); });
}

// ---------------------------------------------------------------- the link

void Client::connect() {
  connection_ = std::make_shared<Connection>(clock_, master_.process(), process_, weather_);
  connection_->on_closed(End::peer, [this] { lost(); });
  connection_->send(End::peer, [this, connection = std::weak_ptr(connection_)] {
    master_.client_says_hello(connection.lock(), *this);
  });
  // A welcome that does not come is not waited for.
  process_.after(5s, [this, connection = connection_] {
    if (connection == connection_ && !session_) connection->close(End::peer), lost();
  });
}

void Client::cut() {
  if (connection_) connection_->cut();
}

void Client::lost() {
  connection_.reset();
  session_ = {};
  process_.after(clock_.between(50ms, 1s), [this] { connect(); });
}

void Client::on_welcome(SessionId session) {
  story_.tell(name_, "is welcomed, with {} requests to repeat", unanswered());
  session_ = session;
  std::erase_if(requests_, [](const auto& one) { return !one.second.repeats(); });
  for (const auto& [id, request] : requests_) send(id, request);
  for (const JobId job : jobs_)
    say([request = next_request_++, job](Master& master, SessionId id) {
      master.client_says(id, request,
                         [job](master::Broker& broker, master::Asker asker, Now at, master::Effects& out) {
                           return broker.watch(asker, job, true, false, at, out);
                         });
    });
}

void Client::say(const std::function<void(Master&, SessionId)>& what) {
  if (!session_) return;
  connection_->send(End::peer, [this, session = session_, what] { what(master_, session); });
}

// ---------------------------------------------------------------- what it does

void Client::act() {
  process_.after(clock_.between(1ms, 300ms), [this] { act(); });
  if (!makes_) return get();
  switch (clock_.draw(12)) {
    case 0:
    case 1:
    case 2:
      return submit();
    case 3:
    case 4:
    case 5:
      return put();
    case 6:
      return cancel();
    case 7:
      return join();
    default:
      return get();
  }
}

void Client::submit() {
  master::Submission submission;
  TaskSpec& spec = submission.spec;
  static constexpr std::array functions{"brief", "brief", "brief", "long",
                                        "moody", "moody", "moody", "endless"};
  static constexpr std::array queues{"default", "default", "default", "other", "narrow"};
  spec.function = functions[clock_.draw(functions.size())];
  spec.queue = queues[clock_.draw(queues.size())];
  if (spec.function == "endless")
    spec.queue = "default";  // it is cancelled when it was acknowledged: it must not wait
  spec.retries = static_cast<std::uint32_t>(clock_.draw(4));
  spec.backoff = 500ms;
  spec.priority = static_cast<std::int32_t>(clock_.draw(3));
  if (clock_.chance(20)) spec.delay = clock_.between(1ms, 5s);
  if (clock_.chance(20)) spec.time_limit = clock_.between(1s, 5s);
  if (spec.retries == 0) spec.at_most_once = clock_.chance(50);
  if (clock_.chance(20)) spec.result_queue = "results";
  const std::uint64_t tasks = 1 + clock_.draw(6);
  for (std::uint64_t i = 0; i < tasks; ++i)
    submission.payloads.add(fmt::format("{} {}.{}", name_, next_number_, i + 1));
  submission.watch = true;
  submission.wait_for_room = true;
  if (clock_.chance(30)) submission.wait_max = clock_.between(100ms, 3s);
  if (clock_.chance(20) && !jobs_.empty())
    submission.after.push_back(jobs_[jobs_.size() - 1 - clock_.draw(std::min<std::size_t>(jobs_.size(), 5))]);
  submission.number = next_number_++;
  history_.submitting(name_, submission.number, tasks);
  story_.tell(name_, "submits {}: {} {} tasks", submission.number, tasks, spec.function);
  const Duration wait_max = submission.wait_max;
  ask({.number = submission.number, .submission = std::move(submission), .wait_max = wait_max});
}

void Client::put() {
  master::PutValues values;
  static constexpr std::array queues{"values", "small", "held"};
  values.queue = queues[clock_.draw(queues.size())];
  values.wait_for_room = true;
  if (clock_.chance(30)) values.wait_max = clock_.between(100ms, 3s);
  const std::uint64_t count = 1 + clock_.draw(3);
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < count; ++i) {
    texts.push_back(fmt::format("{} {}-{}", name_, values.queue, next_value_++));
    values.items.add(texts.back());
  }
  values.number = next_number_++;
  history_.submitting(name_, values.number, count, values.queue, std::move(texts));
  story_.tell(name_, "puts {}: {} values up to {} into {}", values.number, count, next_value_ - 1,
              values.queue);
  const Duration wait_max = values.wait_max;
  ask({.number = values.number, .queue = values.queue, .values = std::move(values), .wait_max = wait_max});
}

void Client::get() {
  static constexpr std::array queues{"values", "small", "held", "results"};
  const std::string queue = queues[clock_.draw(queues.size())];
  const master::GetValues wanted{queue, 1 + static_cast<std::uint32_t>(clock_.draw(4)), clock_.chance(50),
                                 3s};
  if (!session_) return;
  const std::uint64_t request = next_request_++;
  requests_[request] = {.queue = queue, .wait_max = wanted.wait ? wanted.wait_max : Duration{}};
  say([request, wanted](Master& master, SessionId id) {
    master.client_says(id, request,
                       [&](master::Broker& broker, master::Asker asker, Now at, master::Effects& out) {
                         return broker.get(asker, wanted, at, out);
                       });
  });
}

void Client::join() { ask({.queue = clock_.chance(50) ? "values" : "held", .join = true}); }

void Client::cancel() {
  if (jobs_.empty()) return;
  Cancel what{.job = jobs_[clock_.draw(jobs_.size())], .indices = {}};
  if (clock_.chance(30)) what.indices.push_back(1);
  cancel(std::move(what));
}

void Client::cancel(Cancel what) { ask({.cancel = std::move(what)}); }

void Client::ask(Request request) {
  const std::uint64_t id = next_request_++;
  send(id, requests_.emplace(id, std::move(request)).first->second);
}

void Client::send(std::uint64_t id, const Request& request) {
  if (request.submission)
    say([id, submission = *request.submission, settled = settled()](Master& master,
                                                                    SessionId session) mutable {
      submission.settled = settled;
      master.client_submits(session, id, submission);
    });
  else if (request.values)
    say([id, values = *request.values, settled = settled()](Master& master, SessionId session) mutable {
      values.settled = settled;
      master.client_puts(session, id, values);
    });
  else if (request.cancel) {
    history_.tasks().cancel_asked(request.cancel->job, request.cancel->indices);
    say([id, what = *request.cancel](Master& master, SessionId session) {
      master.client_says(session, id,
                         [&](master::Broker& broker, master::Asker asker, Now at, master::Effects& out) {
                           return broker.cancel(asker, what.job, what.indices, at, out);
                         });
    });
  } else if (request.join)
    say([id, queue = request.queue](Master& master, SessionId session) {
      master.client_joins(session, id, queue);
    });
}

std::uint64_t Client::settled() const {
  std::uint64_t first = next_number_;
  for (const auto& [id, request] : requests_)
    if (request.number > 0) first = std::min(first, request.number);
  return first - 1;
}

std::size_t Client::unanswered() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(requests_, [](const auto& one) { return one.second.repeats(); }));
}

Duration Client::wait_max_of(std::uint64_t request) const {
  const auto found = requests_.find(request);
  return found == requests_.end() ? Duration{} : found->second.wait_max;
}

std::optional<std::uint64_t> Client::number_of(std::uint64_t request) const {
  const auto found = requests_.find(request);
  if (found == requests_.end()) return std::nullopt;
  return found->second.number;
}

bool Client::is_put(std::uint64_t request) const {
  const auto found = requests_.find(request);
  return found != requests_.end() && found->second.values.has_value();
}

std::optional<Client::Cancel> Client::cancel_of(std::uint64_t request) const {
  const auto found = requests_.find(request);
  return found == requests_.end() ? std::nullopt : found->second.cancel;
}

// ---------------------------------------------------------------- what it hears

void Client::on_submitted(std::uint64_t request, const Result<master::Accepted>& answer) {
  if (!answer) return on_error(request, answer.error());
  const auto found = requests_.find(request);
  if (found == requests_.end()) return;
  const bool is_job = found->second.submission.has_value();
  const bool endless = is_job && found->second.submission->spec.function == "endless";
  requests_.erase(found);
  if (!is_job) return;
  jobs_.push_back(answer->job);
  if (endless)
    process_.after(clock_.between(0us, 10s),
                   [this, job = answer->job] { cancel({.job = job, .indices = {}}); });
}

void Client::on_got(std::uint64_t request, const std::vector<Value>& values) {
  const auto found = requests_.find(request);
  if (found == requests_.end()) return;
  const std::string queue = found->second.queue;
  requests_.erase(found);
  for (const Value& value : values) history_.received(value.text);
  if (values.empty()) return;
  if (queue != "held") return finish(queue, values);
  process_.after(clock_.between(0us, 2s), [this, session = session_, values] {
    if (session == session_) finish("held", values);  // else they went to somebody else
  });
}

void Client::finish(const std::string& queue, const std::vector<Value>& values) {
  std::vector<TaskId> ids;
  std::vector<std::string> texts;
  for (const Value& value : values) ids.push_back(value.id), texts.push_back(value.text);
  if (queue != "held") {
    say([ids](Master& master, SessionId id) { master.client_took(id, ids); });
    // Sometimes one by one: then the rest stays taken, also while masters come and go.
    std::vector<std::string> later;
    if (clock_.chance(50)) later.assign(texts.begin() + 1, texts.end()), texts.resize(1);
    return task_done(queue, std::move(texts), std::move(later));
  }
  history_.finishing(queue, texts);
  const std::uint64_t request = next_request_++;
  requests_[request] = {.queue = queue, .done = std::move(texts)};
  say([request, queue, ids](Master& master, SessionId id) {
    master.client_finishes(id, request, queue, ids);
  });
}

void Client::task_done(const std::string& queue, std::vector<std::string> texts,
                       std::vector<std::string> later) {
  history_.finishing(queue, texts);
  const std::uint64_t request = next_request_++;
  const std::size_t count = texts.size();
  requests_[request] = {.queue = queue, .done = std::move(texts), .later = std::move(later)};
  say([request, queue, count](Master& master, SessionId id) {
    master.client_says(
        id, request,
        [&](master::Broker& broker, master::Asker asker, Now at, master::Effects& out) {
          return broker.task_done(asker, queue, count, at, out);
        },
        Master::Store::not_needed);
  });
}

// That they were taken is on the disk.
void Client::task_done_later(const std::string& queue, const std::vector<std::string>& texts) {
  process_.after(clock_.between(0us, 3s), [this, queue, texts] {
    if (!session_) return task_done_later(queue, texts);
    task_done(queue, texts, {});
  });
}

void Client::on_done(std::uint64_t request) {
  const auto found = requests_.find(request);
  if (found == requests_.end()) return;
  history_.finished(found->second.done);
  if (!found->second.later.empty()) task_done_later(found->second.queue, found->second.later);
  requests_.erase(found);
}

void Client::on_outcome(TaskId task, TaskState state) {
  story_.tell(name_, "hears that task {} {}", task, reeve::name_of(state));
  if (clock_.chance(50)) say([task](Master& master, SessionId id) { master.client_fetched(id, task); });
}

// What cannot be any more: a job that is forgotten, or that failed before another could run after it.
bool Client::gives_up(const Request& request, const Error& why) {
  if (!request.repeats()) return true;
  if (why.code != Errc::not_found && why.code != Errc::wrong_state) return false;
  if (request.number > 0)
    history_.given_up(name_, request.number,
                      request.submission ? request.submission->after : std::vector<JobId>{}, master_.disk());
  return true;
}

// What it repeats is asked again; everything else is given up.
void Client::on_error(std::uint64_t request, const Error& why) {
  const auto found = requests_.find(request);
  if (found == requests_.end()) return;
  if (!found->second.done.empty()) history_.task_done_refused(name_, why);
  if (gives_up(found->second, why)) {
    requests_.erase(found);
    return;
  }
  story_.tell(name_, "is refused: {}", why.detail);
  process_.after(1s, [this, request] {
    if (const auto again = requests_.find(request); again != requests_.end()) send(request, again->second);
  });
}

}  // namespace reeve::sim
