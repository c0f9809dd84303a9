#include "client/cli/watch.h"

#include <algorithm>
#include <thread>

#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/cli/progress_display.h"
#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "common/base/duration.h"

namespace reeve::cli {

namespace {

// How long to wait for news before looking at the clock and for Ctrl-C again.
constexpr Duration tick = std::chrono::milliseconds{100};

std::string names_of(const std::vector<std::uint64_t>& jobs) {
  std::string names;
  for (const std::uint64_t job : jobs) names += (names.empty() ? "" : " ") + std::to_string(job);
  return names;
}

// For how long a job must not have moved before that is worth a sentence: between two tasks it may be so for a moment.
constexpr Duration trouble_patience = std::chrono::seconds{1};

struct Watched {
  JobFeed feed;
  JobInfo info;
  Trouble trouble = {};
};

class Watch {
 public:
  Watch(Context& context, const std::vector<std::uint64_t>& jobs, const WatchOptions& options)
      : context_(context),
        display_(context.err(), (jobs.size() == 1 ? "job " : "jobs ") + names_of(jobs),
                 options.progress && !context.quiet() && !context.json()) {
    for (const std::uint64_t job : jobs) {
      JobInfo info = context.client().job(job).info();  // first of all: is there such a job?
      watched_.push_back({context.client().job(job).watch(false), std::move(info)});
    }
  }

  bool all_finished() const {
    return std::ranges::all_of(watched_, [](const Watched& each) { return each.info.is_finished(); });
  }

  // Takes in what is new, waiting for a tick at most.
  void step(Duration longest) {
    Duration patience = std::min(tick, longest);  // for the first that is not finished
    for (Watched& each : watched_) {
      while (!each.info.is_finished()) {
        std::optional<JobFeed::Event> event = each.feed.next(patience);
        patience = Duration{0};
        if (!event) break;
        if (event->info) each.info = std::move(*event->info);
      }
    }
    const TimePoint now = mono_now();
    tell_trouble(now);
    if (context_.connected()) display_.update(counts(), now);  // else there is no progress to tell of
  }

  Counts counts() const {
    Counts all;
    for (const Watched& each : watched_) all = sum(all, each.info.counts);
    return all;
  }

  void finish() { display_.finish(counts()); }
  void clear() { display_.clear(); }
  const std::vector<Watched>& watched() const { return watched_; }

 private:
  void tell_trouble(TimePoint now) {
    for (Watched& each : watched_) {
      const auto news = each.trouble.news(each.info, now);
      if (!news) continue;
      display_.clear();
      context_.note(*news);
    }
  }

  Context& context_;
  ProgressDisplay display_;
  std::vector<Watched> watched_;
};

std::string end_of(const JobInfo& job) {
  const std::string_view state = state_of(job);
  std::string text = fmt::format("job {} {}", job.job, state);
  const Counts& counts = job.counts;
  if (counts.failed > 0)
    text += fmt::format(": {} of {} failed", with_commas(counts.failed), count_of(counts.total, "task"));
  if (counts.failed == 0 && counts.cancelled > 0)
    text +=
        fmt::format(": {} of {} cancelled", with_commas(counts.cancelled), count_of(counts.total, "task"));
  if (counts.failed == 0 && counts.cancelled == 0) text += ": " + count_of(counts.total, "task");
  if (job.incomplete) text += ", ended before it was complete,";
  text += fmt::format(" in {}", format_duration(age_of(job, wall_now())));
  if (counts.failed > 0) text += fmt::format("; see: reeve result --failed {}", job.job);
  return text;
}

}  // namespace

std::optional<std::string> Trouble::news(const JobInfo& info, TimePoint now) {
  if (info.trouble.empty()) moved_ = now;
  if (info.is_finished() || info.trouble == told_ || now - moved_ < trouble_patience) return std::nullopt;
  told_ = info.trouble;
  return fmt::format("job {} does not move: {}", info.job, info.trouble);
}

void TroubleWatch::look(std::uint64_t job) {
  const TimePoint now = mono_now();
  if (context_.quiet() || context_.json() || given_up_ || now - begin_ < trouble_patience) return;
  try {
    if (!feed_) feed_.emplace(context_.client().job(job).watch(false));
    while (auto event = feed_->next(Duration{0}))
      if (event->info) info_ = std::move(event->info);
  } catch (const Exception&) {  // the job is gone, or the client: whoever waits for the result will say so
    given_up_ = true;
    return;
  }
  if (!info_) return;
  if (const auto news = trouble_.news(*info_, now)) context_.note(*news);
}

std::uint64_t accepted_job(const Pool& pool) {
  constexpr Duration longest = std::chrono::seconds{1}, pause = std::chrono::milliseconds{5};
  const TimePoint begin = mono_now();
  while (pool.job() == 0 && mono_now() - begin < longest) std::this_thread::sleep_for(pause);
  return pool.job();
}

Exit left_running(Context& context, const std::vector<std::uint64_t>& jobs, bool interrupted,
                  Duration waited) {
  const std::string names = names_of(jobs);
  const bool one = jobs.size() == 1;
  std::string sentence =
      interrupted ? "interrupted" : fmt::format("timed out after {}", format_duration(waited));
  if (one && jobs.front() == 0)
    sentence += "; the master has not said that it took the call: 'reeve ls' shows it if it did";
  else
    sentence +=
        fmt::format("; {} {} {} on: 'reeve wait {}' waits again, 'reeve cancel {}' ends {}",
                    one ? "job" : "jobs", names, one ? "goes" : "go", names, names, one ? "it" : "them");
  const Exit exit = interrupted ? Exit::interrupted : Exit::timed_out;
  if (context.json())
    context.err().line(json_error({interrupted ? Errc::cancelled : Errc::timed_out, sentence}, exit));
  else
    context.complain(sentence);
  return exit;
}

Exit wait_for_jobs(Context& context, const std::vector<std::uint64_t>& jobs, const WatchOptions& options) {
  Watch watch(context, jobs, options);
  const InterruptWatch interrupt;
  const TimePoint begin = mono_now();
  const bool bounded = options.timeout.has_value();
  while (!watch.all_finished()) {
    const Duration left = bounded ? *options.timeout - (mono_now() - begin) : Duration::max();
    if (interrupt.interrupted() || left <= Duration{0}) {
      watch.clear();
      return left_running(context, jobs, interrupt.interrupted(), options.timeout.value_or(Duration{0}));
    }
    watch.step(left);
  }
  watch.finish();
  for (const Watched& each : watch.watched()) {
    if (context.json())
      context.out().line(json_job(each.info));
    else if (!context.quiet())
      context.out().line(end_of(each.info));
  }
  const bool incomplete =
      std::ranges::any_of(watch.watched(), [](const Watched& each) { return each.info.incomplete; });
  return exit_of(watch.counts(), incomplete);
}

}  // namespace reeve::cli
