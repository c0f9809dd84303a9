// reeve forget: drops finished jobs and their results.
#include "client/cli/commands.h"
#include "client/cli/schema.h"

namespace reeve::cli {

namespace {

class Forget final : public Command {
 public:
  void declare(Options& options) override { options.arguments("JOB", jobs_, "the jobs to forget"); }

  Exit run(Context& context) override {
    for (const std::uint64_t number : parse_jobs(jobs_)) {
      context.client().job(number).forget();
      if (context.json())
        context.out().line(json_changed("forgotten", std::to_string(number), 0));
      else if (context.quiet())
        context.out().line(std::to_string(number));
      else
        context.out().line(fmt::format("job {} forgotten", number));
    }
    return Exit::ok;
  }

 private:
  std::vector<std::string> jobs_;
};

}  // namespace

const CommandEntry forget_entry{"forget", "Forget finished jobs and their results", "", make_command<Forget>};

}  // namespace reeve::cli
