// ClientSession: the questions. What is unfinished the Broker knows; outcomes are read from the store.
#include <algorithm>
#include <map>

#include "master/net/client_session.h"
#include "master/net/native_server.h"
#include "master/net/translate.h"
#include "proto/convert.h"

namespace reeve::master {

Result<void> ClientSession::handle_query(const Frame& frame) {
  switch (frame.type) {
    case FrameType::job_list:
      return list_jobs(frame);
    case FrameType::task_list:
      return list_tasks(frame);
    case FrameType::queue_list:
      return list_queues(frame);
    case FrameType::worker_list:
      return list_workers(frame);
    case FrameType::status:
      return status(frame);
    case FrameType::backup:
      return backup(frame);
    case FrameType::worker_control: {
      wire::WorkerControl message;
      if (auto ok = parse(frame, message); !ok) return ok;
      done_if_failed(message.request(),
                     server_.broker().worker_drain({id(), message.request()}, message.worker(),
                                                   message.drain(), server_.turn()));
      return {};
    }
    default:
      return out_of_place(frame);
  }
}

// While the store fails, questions are answered at once; but that a job is finished is told only when it is on
// disk.
void ClientSession::describe(const JobView& job, wire::JobInfo& info) const {
  to_wire(job, info);
  const Turn& turn = server_.turn();
  if (turn.trouble().empty() || job.finished == WallTime{} || job.finished < turn.durable_through()) return;
  info.clear_finished_us();
  info.set_trouble(turn.trouble());
}

// The jobs that are named, as often as they are, or all; as many as an answer may hold.
Result<void> ClientSession::add_jobs(const wire::JobList& wanted, wire::JobInfos& infos) const {
  std::size_t bytes = 0;
  const auto add = [&](const JobView& job) -> Result<void> {
    if (job.spec) bytes += text_bytes(*job.spec);
    if (bytes > jobs_in_a_list_max_bytes || static_cast<std::size_t>(infos.jobs_size()) >= jobs_in_a_list_max)
      return fail(Errc::too_large, "the list of jobs is over {} bytes or {} jobs: ask for fewer (limit)",
                  jobs_in_a_list_max_bytes, jobs_in_a_list_max);
    describe(job, *infos.add_jobs());
    return {};
  };
  if (wanted.jobs().empty()) {
    const std::size_t limit = wanted.limit() > 0 ? wanted.limit() : jobs_in_a_list_max;
    const auto jobs = server_.broker().jobs(wanted.all(), limit);
    for (const JobView& job : jobs)
      if (auto added = add(job); !added) return added;
  }
  for (const auto id : wanted.jobs()) {
    const auto job = server_.broker().job(JobId{id});
    if (!job) return fail(job.error());
    if (auto added = add(*job); !added) return added;
  }
  return {};
}

Result<void> ClientSession::list_jobs(const Frame& frame) {
  wire::JobList message;
  if (auto ok = parse(frame, message); !ok) return ok;
  wire::JobInfos infos;
  if (auto listed = add_jobs(message, infos); !listed) {
    infos.Clear();
    to_wire(listed.error(), *infos.mutable_error());
  }
  infos.set_request(message.request());
  answer(FrameType::job_infos, infos);
  return {};
}

namespace {

// Puts the outcomes that the store holds into the page that the Broker described. They are read a piece at a
// time, so that a page of large values costs no more memory than it may have.
Result<void> add_outcomes(wire::TaskInfos& infos, Store& store, bool with_values) {
  constexpr int piece_max = 256;
  std::size_t bytes = 0;
  for (int begin = 0; begin < infos.tasks_size() && bytes < tasks_page_max_bytes; begin += piece_max) {
    const int end = std::min(infos.tasks_size(), begin + piece_max);
    const std::uint32_t first = infos.tasks(begin).index(), last = infos.tasks(end - 1).index();
    auto outcomes = store.outcomes(JobId{infos.job()}, first, last, last - first + 1);
    if (!outcomes) return fail(outcomes.error());
    std::map<std::uint32_t, Outcome*> by_index;
    for (auto& stored : *outcomes) by_index.emplace(stored.index, &stored.outcome);
    for (int i = begin; i < end; ++i) {
      wire::TaskInfo& task = *infos.mutable_tasks(i);
      const auto found = by_index.find(task.index());
      if (found == by_index.end()) continue;
      Outcome& outcome = *found->second;
      task.set_attempt(outcome.attempt);
      task.set_worker(outcome.worker);
      if (!with_values) outcome.value.clear(), outcome.out.clear(), outcome.err.clear();
      bytes += outcome.value.size() + outcome.out.size() + outcome.err.size();
      to_wire(outcome, *task.mutable_outcome());
      task.mutable_outcome()->set_index(task.index());
    }
  }
  return {};
}

// Whether the store says of every task that is final how it ended, as the Broker does.
bool all_ends_are_stored(const wire::TaskInfos& infos) {
  return std::ranges::all_of(infos.tasks(), [](const wire::TaskInfo& task) {
    return !is_final(static_cast<TaskState>(task.state())) ||
           (task.has_outcome() && task.outcome().state() == task.state());
  });
}

void add_payloads(wire::TaskInfos& infos, const std::vector<ChunkRecord>& chunks) {
  for (wire::TaskInfo& task : *infos.mutable_tasks()) {
    if (!task.payload().empty()) continue;
    for (const ChunkRecord& chunk : chunks) {
      const bool inside = task.index() >= chunk.first && task.index() - chunk.first < chunk.payloads->size();
      if (!inside) continue;
      const std::string_view payload = (*chunk.payloads)[task.index() - chunk.first];
      task.set_payload(payload.data(), payload.size());
    }
  }
}

// A frame has a bound: what does not fit is left for the next page.
void cut_page(wire::TaskInfos& infos) {
  std::size_t bytes = 0;
  int fits = 0;
  while (fits < infos.tasks_size() && (fits == 0 || bytes < tasks_page_max_bytes))
    bytes += infos.tasks(fits++).ByteSizeLong();
  if (fits == infos.tasks_size()) return;
  infos.set_next(infos.tasks(fits).index());
  infos.mutable_tasks()->DeleteSubrange(fits, infos.tasks_size() - fits);
}

}  // namespace

Result<void> ClientSession::list_tasks(const Frame& frame) {
  wire::TaskList message;
  if (auto ok = parse(frame, message); !ok) return ok;
  std::vector<TaskState> states;
  for (const auto state : message.states())
    if (wire::TaskState_IsValid(state)) states.push_back(static_cast<TaskState>(state));
  const std::uint64_t page_max =
      std::min<std::uint64_t>(server_.broker().limits().batch_max, tasks_in_a_page_max);
  const std::uint64_t limit =
      message.limit() == 0 ? page_max : std::min<std::uint64_t>(message.limit(), page_max);
  const JobId job{message.job()};
  auto page = server_.broker().tasks(job, message.first(), message.last(), states, limit, message.payloads());
  auto infos = std::make_shared<wire::TaskInfos>();
  infos->set_request(message.request());
  infos->set_job(message.job());
  if (!page) {
    to_wire(page.error(), *infos->mutable_error());
    answer(FrameType::task_infos, *infos);
    return {};
  }
  infos->set_next(page->next);
  bool any_final = false;
  for (const TaskView& task : page->tasks) {
    to_wire(task, *infos->add_tasks());
    any_final = any_final || is_final(task.state);
  }
  if (page->tasks.size() == 1) {
    if (const auto spec = server_.broker().spec_of({job, page->tasks[0].index}))
      to_wire(**spec, *infos->mutable_tasks(0)->mutable_spec());
  }
  if (!any_final) {
    cut_page(*infos);
    answer(FrameType::task_infos, *infos);
    return {};
  }
  const std::uint32_t first = page->tasks.front().index, last = page->tasks.back().index;
  const bool values = message.outcomes(), payloads = message.payloads();
  server_.read_history(
      [infos, job, first, last, values, payloads](Store& store, const Result<void>& kept) -> Result<void> {
        if (auto added = add_outcomes(*infos, store, values); !added) return added;
        if (payloads) {
          auto chunks = store.chunks(job, first, last);
          if (!chunks) return fail(chunks.error());
          add_payloads(*infos, *chunks);
        }
        cut_page(*infos);
        if (!kept && !all_ends_are_stored(*infos))
          return fail(kept.error().code, "{}; how a task ended is told only when that is on disk",
                      kept.error().detail);
        return {};
      },
      [&server = server_, session = id(), infos](Result<void> read) {
        auto* client = server.client(session);
        if (client == nullptr) return;
        if (!read) to_wire(read.error(), *infos->mutable_error());
        client->answer(FrameType::task_infos, *infos);
        server.turn_soon();
      });
  return {};
}

Result<void> ClientSession::list_queues(const Frame& frame) {
  wire::QueueList message;
  if (auto ok = parse(frame, message); !ok) return ok;
  wire::QueueInfos infos;
  infos.set_request(message.request());
  const auto queues = server_.broker().queues(message.queue());
  if (!queues) to_wire(queues.error(), *infos.mutable_error());
  if (queues)
    for (const QueueView& queue : *queues) to_wire(queue, *infos.add_queues());
  answer(FrameType::queue_infos, infos);
  return {};
}

namespace {
std::uint64_t us_of(Duration time) { return static_cast<std::uint64_t>(std::max(Duration{0}, time).count()); }
}  // namespace

Result<void> ClientSession::list_workers(const Frame& frame) {
  wire::WorkerList message;
  if (auto ok = parse(frame, message); !ok) return ok;
  wire::WorkerInfos infos;
  infos.set_request(message.request());
  const auto workers = server_.broker().workers(message.worker());
  if (!workers) to_wire(workers.error(), *infos.mutable_error());
  if (workers)
    for (const WorkerView& worker : *workers) {
      wire::WorkerInfo& info = *infos.add_workers();
      to_wire(worker, info);
      const Duration left = worker.lease_until - server_.now().mono;
      info.set_silent_us(us_of(server_.broker().limits().lease - left));
      info.set_lease_left_us(us_of(left));
    }
  answer(FrameType::worker_infos, infos);
  return {};
}

Result<void> ClientSession::backup(const Frame& frame) {
  wire::Backup message;
  if (auto ok = parse(frame, message); !ok) return ok;
  wire::BackupInfo info;
  info.set_request(message.request());
  const auto state = server_.backups().ask(message.number(), message.file());
  if (state) {
    info.set_file(state->file);
    info.set_bytes_done(state->bytes_done);
    info.set_bytes_total(state->bytes_total);
    info.set_taken_us(to_us(state->taken));
    info.set_finished(state->is_finished);
  } else {
    to_wire(state.error(), *info.mutable_error());
  }
  answer(FrameType::backup_info, info);
  return {};
}

Result<void> ClientSession::status(const Frame& frame) {
  wire::Status message;
  if (auto ok = parse(frame, message); !ok) return ok;
  wire::StatusInfo info;
  info.set_request(message.request());
  server_.describe(info);
  answer(FrameType::status_info, info);
  return {};
}

}  // namespace reeve::master
