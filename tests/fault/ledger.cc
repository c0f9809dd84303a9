#include "tests/fault/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace reeve::testing {

void ClientLedger::read(std::string_view text) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string what, key;
    words >> what >> key;
    if (what == "submitted") {
      std::string how;
      words >> submissions[key].count >> how;
      submissions[key].once = how == "once";
    } else if (what == "cancelling") {
      submissions[key].cancelled = true;
    } else if (what == "acked") {
      std::size_t count = 0;
      words >> submissions[key].acked.emplace_back() >> count >> submissions[key].acked_at;
    } else if (what == "result") {
      std::string rest;
      std::getline(words >> std::ws, rest);
      results[key].insert(rest);
    } else if (what == "forgetting") {
      forgotten.insert(std::stoull(key));
    } else if (what == "putting") {
      putting.insert(key);
    } else if (what == "put") {
      put.insert(key);
    } else if (what == "got") {
      words >> got[key].emplace_back();
    } else if (what == "finishing") {
      ++finishing;
    } else if (what == "finished") {
      ++finished;
    } else if (what == "error") {
      std::getline(words >> std::ws, errors.emplace_back());
    }
  }
}

std::vector<AttemptRun> read_runs(std::string_view text) {
  std::vector<AttemptRun> runs;
  std::map<std::tuple<std::string, std::string, std::int64_t>, std::size_t>
      open;  // by task, name and process
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string what;
    AttemptRun run;
    words >> what >> run.task >> run.attempt >> run.epoch >> run.worker >> run.pid >> run.start >> run.name;
    run.last = run.start;
    const std::tuple key{run.task, run.name, run.pid};
    if (what == "start") {
      open[key] = runs.size();
      runs.push_back(run);
    } else if (const auto found = open.find(key); found != open.end()) {
      AttemptRun& known = runs[found->second];
      known.last = run.start;
      if (what == "end") known.ended = true;
      if (what == "fail") known.failed = true;
      if (what != "tick") open.erase(found);
    }
  }
  std::ranges::stable_sort(runs, [](const AttemptRun& a, const AttemptRun& b) {
    return std::tie(a.name, a.start) < std::tie(b.name, b.start);
  });
  return runs;
}

namespace {

class Auditor {
 public:
  Auditor(const ClientLedger& ledger, const std::vector<AttemptRun>& runs, const std::vector<Fault>& faults,
          const FinalState& state, const AuditRules& rules)
      : ledger_(ledger), runs_(runs), faults_(faults), state_(state), rules_(rules) {}

  Audit take() {
    find_special_jobs();
    check_submissions();
    check_results();
    check_runs();
    check_values();
    return std::move(audit_);
  }

 private:
  template <typename... Args>
  void violation(fmt::format_string<Args...> text, Args&&... args) {
    audit_.violations.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  // ---- tasks

  void find_special_jobs() {
    for (const auto& [key, submission] : ledger_.submissions) {
      if (submission.once) once_.insert(submission.acked.begin(), submission.acked.end());
      if (submission.cancelled) cancelled_.insert(submission.acked.begin(), submission.acked.end());
    }
    for (const FinalJob& job : state_.jobs)
      if (const auto found = ledger_.submissions.find(job.name);
          found != ledger_.submissions.end() && found->second.once)
        once_.insert(job.number);
  }
  bool may_end_as(std::uint64_t job, std::string_view state) const {
    return (state == "failed" && once_.contains(job)) || (state == "cancelled" && cancelled_.contains(job));
  }
  // A run's submission; null: no client of ours made it.
  const ClientLedger::Submission* submission_of(const AttemptRun& run) const {
    const auto found = ledger_.submissions.find(run.name.substr(0, run.name.rfind('/')));
    return found == ledger_.submissions.end() ? nullptr : &found->second;
  }

  void check_submissions() {
    std::map<std::string, std::vector<const FinalJob*>> by_name;
    for (const FinalJob& job : state_.jobs) by_name[job.name].push_back(&job);
    for (const auto& [key, submission] : ledger_.submissions) {
      ++audit_.counts[submission.acked.empty() ? "submissions not acknowledged" : "submissions acknowledged"];
      const auto& jobs = by_name[key];
      if (jobs.size() > 1) violation("{} was queued {} times", key, jobs.size());
      if (submission.acked.empty()) continue;
      if (submission.acked.size() > 1) violation("{} was acknowledged twice", key);
      if (ledger_.forgotten.contains(submission.acked.front())) {
        check_forgotten(submission);
        continue;
      }
      if (jobs.empty()) {
        violation("{} was acknowledged as job {} and is lost", key, submission.acked.front());
        continue;
      }
      const FinalJob& job = *jobs.front();
      if (job.number != submission.acked.front())
        violation("{} was acknowledged as job {} and is job {}", key, submission.acked.front(), job.number);
      if (job.tasks.size() != submission.count)
        violation("{} has {} tasks, {} were acknowledged", key, job.tasks.size(), submission.count);
    }
  }

  // What its client was told is all that is left of it.
  void check_forgotten(const ClientLedger::Submission& submission) {
    ++audit_.counts["jobs read and forgotten"];
    for (std::size_t index = 1; index <= submission.count; ++index) {
      const std::string name = fmt::format("{}.{}", submission.acked.front(), index);
      const auto told = ledger_.results.find(name);
      if (told == ledger_.results.end() || told->second.size() != 1)
        violation("task {} was forgotten after its client was told {} results", name,
                  told == ledger_.results.end() ? 0 : told->second.size());
      else if (const std::string& result = *told->second.begin();
               !result.starts_with("succeeded ") &&
               !may_end_as(submission.acked.front(), result.substr(0, result.find(' '))))
        violation("task {} is {}", name, result);
    }
  }

  // Every final outcome is one that a client was told, if one was, and comes from an attempt that ended.
  void check_results() {
    std::set<std::string> ended;  // "TASK NAME by attempt ATTEMPT", as the tasks say it in their values
    for (const AttemptRun& run : runs_)
      if (run.ended) ended.insert(fmt::format("{} {} by attempt {}", run.task, run.name, run.attempt));
    for (const FinalJob& job : state_.jobs) {
      for (const FinalTask& task : job.tasks) {
        const std::string name = fmt::format("{}.{}", job.number, task.index);
        ++audit_.counts["tasks " + task.state];
        if (may_end_as(job.number, task.state)) continue;
        if (task.state != "succeeded") {
          violation("task {} is {}: {}", name, task.state, task.value);
          continue;
        }
        if (task.value.substr(0, task.value.find('/')) != job.name)
          violation("task {} of {} has a result of another program: {}", name, job.name, task.value);
        if (!ended.contains(name + " " + task.value))
          violation("task {} has the result '{}' of an attempt which never ended", name, task.value);
        const auto told = ledger_.results.find(name);
        if (told == ledger_.results.end()) continue;
        ++audit_.counts["results read by clients"];
        for (const std::string& result : told->second)
          if (result != task.state + " " + task.value)
            violation("task {}: a client was told '{}', now it is '{} {}'", name, result, task.state,
                      task.value);
      }
    }
  }

  void check_runs() {
    std::set<std::string> fences;
    for (const AttemptRun& run : runs_) {
      ++audit_.counts["attempts started"];
      const std::string fence = fmt::format("{} attempt {} of epoch {}", run.task, run.attempt, run.epoch);
      if (run.epoch != 0 && !fences.insert(fence).second) violation("{} was started twice", fence);
    }
    check_once();
    check_numbers();
    for (std::size_t i = 1; i < runs_.size(); ++i)
      if (runs_[i - 1].name == runs_[i].name) check_rerun(i);
  }

  // Whatever number it got.
  void check_once() {
    std::map<std::string, std::size_t> begun;
    for (const AttemptRun& run : runs_)
      if (const auto* submission = submission_of(run); submission != nullptr && submission->once)
        ++begun[run.name];
    for (const auto& [name, times] : begun)
      if (times > 1) violation("task {} was to run at most once and ran {} times", name, times);
  }

  // Tasks may begin before their submission is on the disk. If the master is killed just then, the submission is
  // lost, its client repeats it, and the job may get another number; the number it had goes to another job. There
  // is no other reason for a task to run under a number that is not its job's.
  void check_numbers() {
    std::map<std::string, std::uint64_t> numbers;  // of jobs, by name
    for (const FinalJob& job : state_.jobs) numbers[job.name] = job.number;
    for (const auto& [key, submission] : ledger_.submissions)
      if (!submission.acked.empty()) numbers[key] = submission.acked.front();
    for (const AttemptRun& run : runs_) {
      if (submission_of(run) == nullptr) {
        violation("{} ran as task {}, and nobody submitted it", run.name, run.task);
        continue;
      }
      const auto number = numbers.find(run.name.substr(0, run.name.rfind('/')));
      if (number != numbers.end() && number->second == std::stoull(run.task)) continue;
      if (was_lost(run))
        ++audit_.counts["attempts of submissions that were lost with the master"];
      else
        violation("{} ran as task {}, which it is not, and no master was killed just then", run.name,
                  run.task);
    }
  }
  // Its submission: it was not acknowledged yet when the master was killed, within the time that a commit may take.
  // The worker may have begun the task a while after it was granted, but had to give it up when it met the next
  // master.
  bool was_lost(const AttemptRun& run) const {
    const auto* submission = submission_of(run);
    if (submission == nullptr) return false;
    return std::ranges::any_of(faults_, [&](const Fault& fault) {
      return fault.role == Fault::Role::master && fault.kind == Fault::Kind::kill &&
             (submission->acked.empty() || submission->acked_at > fault.begin) &&
             fault.begin <= run.start + rules_.commit_max_us && fault.end + rules_.lease_us >= run.start;
    });
  }

  void check_rerun(std::size_t i) {
    const AttemptRun &before = runs_[i - 1], &after = runs_[i];
    if (after.task == before.task && after.epoch != 0 && after.epoch == before.epoch &&
        after.attempt < before.attempt)
      violation("task {}: attempt {} began after attempt {} had", after.task, after.attempt, before.attempt);
    const std::string cause = cause_of(before, after);
    if (cause.empty())
      violation(
          "task {} was started again (attempt {} at {}, attempt {} at {}) though nothing happened to "
          "its worker {}",
          after.task, before.attempt, before.start, after.attempt, after.start, before.worker);
    else
      ++audit_.counts["started again: " + cause];
    // Any earlier one may still run.
    for (std::size_t k = i; k-- > 0 && runs_[k].name == after.name;) {
      const std::int64_t overlap = runs_[k].last - after.start - stood_still(runs_[k], after.start);
      if (overlap > rules_.overlap_max_us)
        violation("task {} ran twice at once for {} ms: attempts {} ({}) and {} ({})", after.task,
                  overlap / 1000, runs_[k].attempt, runs_[k].worker, after.attempt, after.worker);
    }
  }

  // How long the process of a run was stopped from `begin` on. (Not its worker's, whose commands go on.)
  std::int64_t stood_still(const AttemptRun& run, std::int64_t begin) const {
    std::int64_t sum = 0;
    for (const Fault& fault : faults_)
      if (fault.kind == Fault::Kind::stop && fault.pid == run.pid)
        sum += std::max<std::int64_t>(0, std::min(fault.end, run.last) - std::max(fault.begin, begin));
    return sum;
  }

  // Why a task was started again; empty: there was no reason. Being gone or standing still for a time that the
  // lease covers is none.
  std::string cause_of(const AttemptRun& before, const AttemptRun& after) const {
    if (before.failed) return "it failed, as told";
    for (const Fault& fault : faults_) {
      constexpr std::int64_t slack_us = 200'000;  // a kill takes effect a moment later
      if (fault.end < before.start - slack_us || fault.begin > after.start) continue;
      const bool its_worker = fault.name == before.worker;
      const bool long_enough = fault.end - fault.begin > rules_.lease_us / 2;
      switch (fault.role) {
        case Fault::Role::worker:
          if (its_worker && fault.kind == Fault::Kind::kill) return "its worker was killed";
          if (its_worker && long_enough) return "its worker stood still beyond its lease";
          break;
        case Fault::Role::child:
          if (its_worker && fault.kind == Fault::Kind::kill) return "a child of its worker was killed";
          break;
        case Fault::Role::master:
          if (long_enough) return "the master was gone for too long";
          break;
        case Fault::Role::guard:
        case Fault::Role::client:
          break;
      }
    }
    if (was_lost(before)) return "its submission was lost with the master and repeated";
    return {};
  }

  // ---- values

  void check_values() {
    std::size_t getters_killed = 0, interruptions = 0;
    for (const Fault& fault : faults_) {
      const bool getter = fault.role == Fault::Role::client && fault.name.starts_with("gets");
      if (getter && fault.kind == Fault::Kind::kill) ++getters_killed;
      if (getter || fault.role == Fault::Role::master) ++interruptions;
    }
    auto places = ledger_.got;  // value → every id it was seen under
    for (const auto& [value, id] : state_.values) places[value].push_back(id);
    std::size_t again = 0;
    for (const auto& [value, ids] : places) {
      if (!ledger_.putting.contains(value)) violation("value {} was never put", value);
      if (std::set<std::string>(ids.begin(), ids.end()).size() > 1)
        violation("value {} was queued more than once, as {}", value, fmt::join(ids, " and "));
      again += ids.size() - 1;
    }
    // One that was handed out and not acknowledged comes again, when the getter or the master ended just then.
    if (again > interruptions) violation("{} values came twice, with {} reasons to", again, interruptions);
    audit_.counts["values that came again"] = again;
    // The same moment can fall between a get and its task_done.
    const auto too_often =
        static_cast<std::size_t>(std::ranges::count_if(ledger_.errors, [](const std::string& error) {
          return error.contains("task_done called too often");
        }));
    if (too_often > interruptions)
      violation("{} times a value was taken and could not be finished, with {} reasons to", too_often,
                interruptions);
    for (const std::string& error : ledger_.errors) ++audit_.counts["a client was told: " + error];
    // A getter that was killed may have taken one value and not lived to write it down.
    std::size_t missing = 0;
    for (const std::string& value : ledger_.put)
      if (!places.contains(value)) ++missing;
    if (missing > getters_killed)
      violation("{} values that were acknowledged are lost; {} getters were killed", missing, getters_killed);
    audit_.counts["values put"] = ledger_.put.size();
    audit_.counts["values taken by getters that were killed"] = missing;
    check_unfinished(places.size(), missing);
  }

  // Every value counts as unfinished until its task_done; of one that was under way when its client or the
  // master ended, both is right.
  void check_unfinished(std::size_t seen, std::size_t missing) {
    const auto signed_of = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    const std::int64_t unsure = signed_of(ledger_.putting.size() - ledger_.put.size() + missing);
    const std::int64_t most = signed_of(seen) + unsure - signed_of(ledger_.finished);
    const std::int64_t least = signed_of(seen) - signed_of(ledger_.finishing);
    if (signed_of(state_.unfinished) < least || signed_of(state_.unfinished) > most)
      violation("the queue counts {} unfinished values; it should be {} to {}", state_.unfinished, least,
                most);
  }

  const ClientLedger& ledger_;
  const std::vector<AttemptRun>& runs_;
  const std::vector<Fault>& faults_;
  const FinalState& state_;
  const AuditRules& rules_;
  std::set<std::uint64_t> once_, cancelled_;  // jobs whose tasks are to run at most once, may be cancelled
  Audit audit_;
};

}  // namespace

Audit audit(const ClientLedger& ledger, const std::vector<AttemptRun>& runs, const std::vector<Fault>& faults,
            const FinalState& state, const AuditRules& rules) {
  return Auditor{ledger, runs, faults, state, rules}.take();
}

}  // namespace reeve::testing
