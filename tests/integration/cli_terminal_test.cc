// What `reeve` shows on a terminal, and only there.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

#include "tests/integration/cluster.h"

namespace reeve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A terminal: what programs write to name() is seen.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) : fd_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    std::array<char, 64> name{};
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    if (fd_ < 0 || ::grantpt(fd_) != 0 || ::unlockpt(fd_) != 0 ||
        ::ptsname_r(fd_, name.data(), name.size()) != 0 || ::ioctl(fd_, TIOCSWINSZ, &size) != 0)
      throw std::runtime_error("cannot make a terminal");
    name_ = name.data();
    ours_ = ::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);  // else it ends with the first program
  }
  ~Terminal() {
    ::close(ours_);
    ::close(fd_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  const std::string& name() const { return name_; }

  // Everything that was written until now, since the beginning.
  const std::string& seen() {
    for (pollfd one{.fd = fd_, .events = POLLIN, .revents = 0}; ::poll(&one, 1, 0) > 0;) {
      std::array<char, 4096> bytes{};
      const auto got = ::read(fd_, bytes.data(), bytes.size());
      if (got <= 0) break;
      seen_.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return seen_;
  }

  // Everything that was written until `program` ended, and how it ended.
  std::pair<std::string, std::optional<int>> watch(Process& program) {
    const bool ended = eventually([&] {
      const bool running = program.running();
      (void)seen();
      return !running;
    });
    return {seen_, ended ? program.wait() : std::nullopt};
  }

 private:
  std::string seen_;
  int fd_;
  int ours_ = -1;
  std::string name_;
};

TEST(CliTerminal, AWaitDrawsABarThatFitsAndLeavesASummary) {
  Cluster cluster{{.ephemeral = true}};
  cluster.add_worker("w1", {"--slots", "2"});
  for (const unsigned short columns : {100, 30}) {
    Terminal terminal(columns);
    Process submit =
        cluster.start_reeve({"submit", "--range", "1-8", "--wait", "--", "sleep", "0.2"},
                            {.out = terminal.name(), .err = terminal.name()}, {{"TERM", "xterm"}});
    const auto [seen, code] = terminal.watch(submit);
    EXPECT_EQ(code, 0);
    EXPECT_THAT(seen, AllOf(HasSubstr("\r"), HasSubstr("/8"), HasSubstr("succeeded: 8 tasks in")));
    if (columns == 100) {
      EXPECT_THAT(seen, HasSubstr("running"));
    }
  }
}

TEST(CliTerminal, NothingIsDrawnWhereThereIsNoTerminal) {
  Cluster cluster{{.ephemeral = true}};
  cluster.add_worker("w1", {"--slots", "2"});
  const Ran ran = cluster.reeve({"submit", "--range", "1-8", "--wait", "--", "sleep", "0.1"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out + ran.err, AllOf(Not(HasSubstr("\r")), Not(HasSubstr("\x1b"))));
}

TEST(CliTerminal, NoProgressIsToldWhileTheConnectionIsLost) {
  Cluster cluster;
  Terminal terminal(100);
  const Process wait =
      cluster.start_reeve({"submit", "--wait", "--", "true"},
                          {.out = terminal.name(), .err = terminal.name()}, {{"TERM", "xterm"}});
  ASSERT_TRUE(eventually([&] { return terminal.seen().contains("0/1"); }));
  cluster.stop_master(SIGKILL);
  ASSERT_TRUE(eventually([&] { return terminal.seen().contains("trying again\r\n"); }));
  cluster.start_master();
  ASSERT_TRUE(eventually([&] { return terminal.seen().contains("connected again\r\n"); }));
  const std::string& seen = terminal.seen();
  const auto lost = seen.find("trying again"), back = seen.find("connected again");
  EXPECT_THAT(seen.substr(lost, back - lost), Not(HasSubstr("0/1")));
  EXPECT_TRUE(eventually([&] { return terminal.seen().substr(back).contains("0/1"); })) << "it goes on then";
}

TEST(CliTerminal, TablesHaveColoursUnlessTheyAreNotWanted) {
  Cluster cluster{{.ephemeral = true}};
  cluster.add_worker("w1");
  const auto shown = [&](const Env& env) {
    Terminal terminal(100);
    Process list =
        cluster.start_reeve({"worker", "ls"}, {.out = terminal.name(), .err = terminal.name()}, env);
    return terminal.watch(list).first;
  };
  EXPECT_THAT(shown({{"TERM", "xterm"}}), AllOf(HasSubstr("w1"), HasSubstr("\x1b[")));
  EXPECT_THAT(shown({{"TERM", "xterm"}, {"NO_COLOR", "1"}}), AllOf(HasSubstr("w1"), Not(HasSubstr("\x1b["))));
  EXPECT_THAT(shown({{"TERM", "dumb"}}), AllOf(HasSubstr("w1"), Not(HasSubstr("\x1b["))));
}

}  // namespace
}  // namespace reeve::testing
