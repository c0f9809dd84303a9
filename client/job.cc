#include "reeve/job.h"

#include <algorithm>
#include <utility>

#include "client/core/feed_state.h"
#include "client/core/info.h"

namespace reeve {

// ---------------------------------------------------------------- JobFeed

JobFeed& JobFeed::operator=(JobFeed&& other) noexcept {
  if (state_) state_->stop();
  state_ = std::move(other.state_);
  return *this;
}

JobFeed::~JobFeed() {
  if (state_) state_->stop();
}

std::optional<JobFeed::Event> JobFeed::next(Duration timeout) { return state_->next(timeout); }

bool JobFeed::finished() const {
  const client::Loop::Lock lock(state_->core->loop().mutex());
  return state_->over && state_->mailbox.empty();
}

// ---------------------------------------------------------------- Job

JobInfo Job::info() const {
  wire::JobList question;
  question.add_jobs(number_);
  const auto answer = core_->call<wire::JobInfos>(FrameType::job_list, question);
  if (answer.jobs().empty()) throw_error({Errc::not_found, "no job " + std::to_string(number_)});
  return client::info_from(answer.jobs(0));
}

JobFeed Job::watch(bool outcomes) const {
  auto state = std::make_shared<client::FeedState>(core_, number_, outcomes);
  state->start();
  return JobFeed{std::move(state)};
}

JobInfo Job::wait(Duration timeout) const {
  core_->check_may_wait();
  const TimePoint deadline = client::deadline_after(timeout);
  JobFeed feed = watch(false);
  for (;;) {
    const Duration left = deadline == client::never ? forever : std::max(deadline - mono_now(), Duration{0});
    auto event = feed.next(left);
    if (!event) throw_error({Errc::timed_out, "job " + std::to_string(number_) + " is not finished yet"});
    if (event->info && event->info->is_finished()) return std::move(*event->info);
  }
}

TaskPage Job::tasks(const TaskQuery& query) const {
  wire::TaskList question;
  question.set_job(number_);
  question.set_first(query.first);
  question.set_last(query.last);
  for (const TaskState state : query.states) question.add_states(static_cast<wire::TaskState>(state));
  question.set_limit(query.limit);
  question.set_outcomes(query.outcomes);
  question.set_payloads(query.payloads);
  auto answer = core_->call<wire::TaskInfos>(FrameType::task_list, question);
  TaskPage page;
  page.next = answer.next();
  page.tasks.reserve(static_cast<std::size_t>(answer.tasks_size()));
  for (auto& task : *answer.mutable_tasks()) page.tasks.push_back(client::info_from(std::move(task)));
  return page;
}

TaskInfo Job::task(std::uint32_t index, bool payload) const {
  TaskQuery query;
  query.first = query.last = index;
  query.outcomes = true;
  query.payloads = payload;
  TaskPage page = tasks(query);
  if (page.tasks.empty())
    throw_error({Errc::not_found, "no task " + std::to_string(number_) + "." + std::to_string(index)});
  return std::move(page.tasks.front());
}

void Job::for_each_result(const std::function<void(TaskOutcome)>& use) const {
  TaskQuery query;
  query.states = {TaskState::succeeded, TaskState::failed, TaskState::cancelled};
  query.outcomes = true;
  while (query.first != 0) {
    TaskPage page = tasks(query);
    for (TaskInfo& task : page.tasks)
      if (task.outcome) use({task.index, std::move(*task.outcome)});
    query.first = page.next;
  }
}

std::vector<TaskOutcome> Job::results() const {
  std::vector<TaskOutcome> all;
  for_each_result([&all](TaskOutcome one) { all.push_back(std::move(one)); });
  return all;
}

void Job::fetched(std::vector<std::uint32_t> indices) const {
  core_->run_on_driver([core = core_.get(), job = number_, indices = std::move(indices)]() mutable {
    core->fetched(job, indices);
  });
}

// All of the job when no task is named; else as many at a time as one command may name.
template <typename Command>
static std::uint64_t in_batches(const std::vector<std::uint32_t>& indices, std::size_t batch_max,
                                const Command& command) {
  if (indices.empty()) return command(indices.begin(), indices.end());
  std::uint64_t affected = 0;
  for (auto from = indices.begin(); from != indices.end();) {
    const auto left = static_cast<std::size_t>(indices.end() - from);
    const auto to = from + static_cast<std::ptrdiff_t>(std::min(left, batch_max));
    affected += command(from, to);
    from = to;
  }
  return affected;
}

std::uint64_t Job::cancel(std::vector<std::uint32_t> indices) const {
  return in_batches(indices, core_->batch_max(), [this](auto from, auto to) {
    wire::Cancel question;
    question.set_job(number_);
    question.mutable_indices()->Add(from, to);
    return core_->call<wire::Done>(FrameType::cancel, question).count();
  });
}

std::uint64_t Job::retry(std::vector<std::uint32_t> indices) const {
  return in_batches(indices, core_->batch_max(), [this](auto from, auto to) {
    wire::Retry question;
    question.set_job(number_);
    question.mutable_indices()->Add(from, to);
    return core_->change(FrameType::retry, question, Errc::wrong_state);
  });
}

void Job::forget() const {
  wire::Forget question;
  question.set_job(number_);
  core_->change(FrameType::forget, question, Errc::not_found);
}

}  // namespace reeve
