#include "worker/runners/brief_functions.h"

#include <gtest/gtest.h>

namespace reeve::worker {
namespace {

using namespace std::chrono_literals;

class BriefFunctionsTest : public testing::Test {
 protected:
  BriefFunctionsTest() { add_builtins(functions); }

  static Work call(std::string function, std::string payload = {}) {
    auto spec = std::make_shared<TaskSpec>();
    spec->function = std::move(function);
    return {.fence = {}, .spec = std::move(spec), .payload = std::move(payload)};
  }

  Functions functions;
  BriefFunctions brief{functions};
};

TEST_F(BriefFunctionsTest, AreThoseWhoseAuthorsSaidSo) {
  EXPECT_TRUE(brief.has(call("echo")));
  EXPECT_TRUE(brief.has(call("square")));
  EXPECT_FALSE(brief.has(call("sleep")));
  EXPECT_FALSE(brief.has(call("unknown")));
}

TEST_F(BriefFunctionsTest, AreNoCommands) {
  auto spec = std::make_shared<TaskSpec>();
  spec->command.args = {"echo"};
  EXPECT_FALSE(brief.has({.fence = {}, .spec = spec, .payload = {}}));
}

TEST_F(BriefFunctionsTest, AreNotBriefWithALargePayload) {
  EXPECT_TRUE(brief.has(call("echo", std::string(BriefFunctions::payload_max_bytes, 'x'))));
  EXPECT_FALSE(brief.has(call("echo", std::string(BriefFunctions::payload_max_bytes + 1, 'x'))));
}

TEST_F(BriefFunctionsTest, AreNoneAnyMoreOnceACallTookTooLong) {
  const Work slow = call("echo");
  EXPECT_TRUE(brief.has(slow));
  EXPECT_TRUE(brief.was_brief(slow, BriefFunctions::run_max));
  EXPECT_TRUE(brief.has(slow));
  EXPECT_FALSE(brief.was_brief(slow, BriefFunctions::run_max + 1us));
  EXPECT_FALSE(brief.has(slow));
  EXPECT_FALSE(brief.has(call("echo")));
  EXPECT_TRUE(brief.has(call("square")));
  EXPECT_TRUE(brief.was_brief(slow, 1s)) << "that is said once";
}

TEST_F(BriefFunctionsTest, APluginOfAnOlderInterfaceHasNone) {
  const Result<void> added = functions.fill([](reeve_registry registry) {
    registry.struct_bytes = offsetof(reeve_registry, mark_brief);  // as a worker that does not know the mark
    PluginRegistry{registry}.add_brief("plain", [](const TaskContext&, std::string_view) { return ""; });
  });
  ASSERT_TRUE(added);
  ASSERT_NE(functions.find("plain"), nullptr);
  EXPECT_FALSE(brief.has(call("plain")));
}

}  // namespace
}  // namespace reeve::worker
