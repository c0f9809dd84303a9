// Core: what the master tells of jobs, and who listens to it; outcomes that it left out are fetched.
#include <utility>

#include "client/core/core.h"
#include "client/core/wire_scan.h"

namespace reeve::client {

Result<void> Core::on_outcomes(std::string_view body) {
  std::uint64_t job = 0;
  views_.clear();
  WireScan scan(body);
  while (scan.next()) {
    if (scan.field() == 1) job = scan.number();
    if (scan.field() != 2) continue;
    WireScan inner(scan.bytes());
    std::uint32_t index = 0;
    while (index == 0 && inner.next())
      if (inner.field() == 1) index = static_cast<std::uint32_t>(inner.number());
    if (inner.bad()) return fail(Errc::protocol_error, "a malformed Outcome");
    views_.push_back({index, scan.bytes()});
  }
  if (scan.bad()) return fail(Errc::protocol_error, "malformed Outcomes");
  const auto found = listeners_.find(job);
  if (found == listeners_.end()) return {};
  if (found->second.size() == 1) {  // nearly always, and worth no copy
    const auto listener = found->second.front();
    listener->on_outcomes(views_);
    return {};
  }
  for (const auto& listener : listeners_of(job)) listener->on_outcomes(views_);
  return {};
}

Result<void> Core::on_job_changed(const Frame& frame) {
  wire::JobChanged changed;
  if (!changed.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size())))
    return fail(Errc::protocol_error, "a malformed JobChanged");
  answered(changed.request(), frame);
  if (changed.error().code() != 0) return {};
  for (const auto& listener : listeners_of(changed.job().job())) listener->on_info(changed.job());
  return {};
}

void Core::listen(std::uint64_t job, std::shared_ptr<JobListener> listener) {
  if (ended_) return listener->on_end(*ended_);
  listeners_[job].push_back(std::move(listener));
}

void Core::unlisten(std::uint64_t job, const JobListener* listener) {
  const auto found = listeners_.find(job);
  if (found == listeners_.end()) return;
  std::erase_if(found->second, [listener](const auto& one) { return one.get() == listener; });
  if (found->second.empty()) listeners_.erase(found);
}

std::vector<std::shared_ptr<JobListener>> Core::listeners_of(std::uint64_t job) const {
  const auto found = listeners_.find(job);
  return found == listeners_.end() ? std::vector<std::shared_ptr<JobListener>>{} : found->second;
}

void Core::fetch_outcomes(std::shared_ptr<Fetch> fetch) {
  wire::TaskList question;
  question.set_job(fetch->job);
  question.set_first(fetch->first);
  for (const auto state : {wire::SUCCEEDED, wire::FAILED, wire::CANCELLED}) question.add_states(state);
  question.set_outcomes(true);
  ask_now(FrameType::task_list, question, [this, fetch](const Request&, const Result<Frame>& frame) {
    if (!frame) return fetch->done(fail(frame.error()));
    const Result<wire::TaskInfos> page = parse_answer<wire::TaskInfos>(*frame);
    if (!page) return fetch->done(fail(page.error()));
    const auto listener = fetch->to.lock();
    if (!listener) return;
    std::vector<std::string> bytes;
    std::vector<OutcomeView> views;
    bytes.reserve(static_cast<std::size_t>(page->tasks_size()));
    for (const wire::TaskInfo& task : page->tasks()) {
      if (!task.has_outcome()) continue;
      bytes.push_back(task.outcome().SerializeAsString());
      views.push_back({task.index(), bytes.back()});
    }
    listener->on_outcomes(views);
    fetch->first = page->next();
    if (fetch->first == 0) return fetch->done({});
    if (fetch->go_on()) fetch_outcomes(fetch);
  });
}

}  // namespace reeve::client
