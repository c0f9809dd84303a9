#include "client/cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reeve::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The shape of submit, with few options.
struct SubmitLike {
  Options options;
  std::string name, queue;
  bool quiet = false, wait = false;
  std::int32_t priority = 0;
  std::optional<Duration> time_limit;
  std::vector<std::string> env, command;

  SubmitLike() {
    options.text("-n,--name", name, "NAME", "a name");
    options.queue_or_quiet(queue);
    options.flag("--quiet", quiet, "ids only");
    options.flag("-w,--wait", wait, "wait");
    options.number("--priority", priority, "P", "higher first");
    options.duration("--time-limit", time_limit, "of one attempt");
    options.texts("--env", env, "K=V", "environment");
    options.command_line("COMMAND", command, "what to run");
  }
};

Result<void> parse(const Options& options, const std::vector<std::string>& words) {
  Result<std::vector<std::string>> rest = options.scan(words);
  return rest ? options.place(std::move(*rest)) : Result<void>(fail(rest.error()));
}

std::string error_of(const Result<void>& result) { return result ? "" : result.error().detail; }

TEST(Options, TakeTheUsualSpellings) {
  SubmitLike submit;
  ASSERT_EQ(error_of(parse(submit.options, {"-nA", "--priority=-5", "--time-limit", "5m", "--env", "A=1",
                                            "--env", "B=2", "-w", "--", "ls", "-l"})),
            "");
  EXPECT_EQ(submit.name, "A");
  EXPECT_EQ(submit.priority, -5);
  EXPECT_EQ(submit.time_limit, 5min);
  EXPECT_THAT(submit.env, ElementsAre("A=1", "B=2"));
  EXPECT_TRUE(submit.wait);
  EXPECT_THAT(submit.command, ElementsAre("ls", "-l"));
}

TEST(Options, DashQBeforeAWordIsTheQueue) {
  SubmitLike submit;
  ASSERT_EQ(error_of(parse(submit.options, {"-q", "fast", "--", "true"})), "");
  EXPECT_EQ(submit.queue, "fast");
  EXPECT_FALSE(submit.quiet);
}

TEST(Options, DashQWithoutAWordIsQuiet) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"-q", "--", "true"},
                                                {"-q", "--wait", "--", "true"},
                                                {"-wq", "--", "true"}}) {
    SubmitLike submit;
    ASSERT_EQ(error_of(parse(submit.options, words)), "");
    EXPECT_TRUE(submit.quiet);
    EXPECT_EQ(submit.queue, "");
    EXPECT_THAT(submit.command, ElementsAre("true"));
  }
}

TEST(Options, TheLongFormsOfQueueAndQuietLeaveNoDoubt) {
  SubmitLike submit;
  ASSERT_EQ(error_of(parse(submit.options, {"--quiet", "--queue", "fast", "true"})), "");
  EXPECT_EQ(submit.queue, "fast");
  EXPECT_TRUE(submit.quiet);
}

TEST(Options, TheCommandBeginsAtTheFirstWordAndKeepsItsOwnOptions) {
  SubmitLike submit;
  ASSERT_EQ(error_of(parse(submit.options, {"-n", "x", "grep", "-q", "--", "-n", "word"})), "");
  EXPECT_THAT(submit.command, ElementsAre("grep", "-q", "--", "-n", "word"));
  EXPECT_FALSE(submit.quiet);
}

TEST(Options, NameWhatIsWrong) {
  SubmitLike submit;
  const auto error = [&](std::vector<std::string> words) { return error_of(parse(submit.options, words)); };
  EXPECT_THAT(error({"--prioritty", "5", "true"}), HasSubstr("did you mean --priority?"));
  EXPECT_THAT(error({"-x", "true"}), HasSubstr("no option -x"));
  EXPECT_THAT(error({"--priority", "high", "true"}), HasSubstr("'high' is not a whole number"));
  EXPECT_THAT(error({"--priority", "3000000000", "true"}), HasSubstr("not between"));
  EXPECT_THAT(error({"--time-limit", "soon", "true"}), HasSubstr("not a time"));
  EXPECT_THAT(error({"--wait=yes", "true"}), HasSubstr("takes no value"));
  EXPECT_THAT(error({"--name"}), HasSubstr("needs a value"));
  EXPECT_THAT(error({"--wait"}), HasSubstr("COMMAND is missing"));
}

TEST(Options, NegativeNumbersAreArgumentsNotOptions) {
  Options options;
  std::string function;
  std::vector<std::string> values;
  bool json = false;
  options.argument("FUNCTION", function, "");
  options.arguments("JSON", values, "", false);
  options.flag("--json", json, "");
  ASSERT_EQ(error_of(parse(options, {"square", "-5", "--json", "-1.5e3"})), "");
  EXPECT_EQ(function, "square");
  EXPECT_THAT(values, ElementsAre("-5", "-1.5e3"));
  EXPECT_TRUE(json);
}

TEST(Options, RefuseAnArgumentTooMany) {
  Options options;
  std::string job;
  options.argument("JOB", job, "");
  EXPECT_THAT(error_of(parse(options, {"1", "2"})), HasSubstr("'2' is one argument too many"));
  EXPECT_THAT(error_of(parse(options, {})), HasSubstr("JOB is missing"));
}

TEST(Options, HelpShowsEveryOptionWithItsValue) {
  const SubmitLike submit;
  const std::string help = submit.options.help();
  EXPECT_THAT(help, HasSubstr("-n, --name NAME"));
  EXPECT_THAT(help, HasSubstr("--priority P"));
  EXPECT_THAT(help, HasSubstr("higher first"));
  EXPECT_EQ(submit.options.usage(), "[options] -- COMMAND");
}

TEST(Nearest, FindsTypingMistakesAndBeginnings) {
  const std::vector<std::string> known{"submit", "status", "result", "queue"};
  EXPECT_EQ(nearest("sumbit", known), "submit");
  EXPECT_EQ(nearest("stat", known), "status");
  EXPECT_EQ(nearest("frobnicate", known), "");
}

}  // namespace
}  // namespace reeve::cli
