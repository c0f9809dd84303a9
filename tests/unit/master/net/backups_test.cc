// Who asks for backups, and what is heard of those that cannot be made.
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <semaphore>

#include "tests/fakes/temp_dir.h"
#include "tests/unit/master/net/native_server_fixture.h"

namespace reeve::master {
namespace {

// On the loop, as a session would.
class BackupsTest : public NativeServerTest {
 protected:
  template <typename Work>
  auto on_loop(Work work) {
    return boost::asio::post(io, boost::asio::use_future(std::move(work))).get();
  }
  BackupsTest() {
    on_loop([this] { server->backups().set_directory(dir / "made/backups"); });
  }
  Result<Backups::State> ask(std::uint64_t number, const std::string& name) {
    return on_loop([&] { return server->backups().ask(number, name); });
  }
  std::string trouble(std::uint64_t number, const std::string& name) {
    for (;;)
      if (const auto state = ask(number, name); !state) return state.error().detail;
  }

  const TempDir dir;
};

TEST_F(BackupsTest, EveryClientHearsOfItsOwnBackupAlsoWhenOthersCameAfterIt) {
  for (std::uint64_t number = 1; number <= Backups::states_max; ++number)
    EXPECT_THAT(trouble(number, fmt::format("{}.db", number)), HasSubstr(fmt::format("/{}.db", number)));
  for (std::uint64_t number = 1; number <= Backups::states_max; ++number)
    EXPECT_THAT(trouble(number, "again.db"), HasSubstr(fmt::format("/{}.db", number)));
  EXPECT_THAT(trouble(100, "100.db"), HasSubstr("/100.db"));
  EXPECT_THAT(trouble(1, "again.db"), HasSubstr("/again.db")) << "the oldest is forgotten";
}

TEST_F(BackupsTest, ADirectoryThatCannotBeMadeIsNamed) {
  on_loop([this] { server->backups().set_directory("/dev/null/backups"); });
  EXPECT_THAT(trouble(1, "a.db"), HasSubstr("cannot make /dev/null/backups"));
}

TEST_F(BackupsTest, OneThatCannotBeginIsAnErrorAtOnce) {
  struct Gate {
    std::binary_semaphore begun{0}, may_end{0};
  };
  const auto gate = std::make_shared<Gate>();
  const auto wait = [gate](Store&) -> Result<void> {
    gate->begun.release();
    gate->may_end.acquire();
    return {};
  };
  const auto nothing = [](Store&) -> Result<void> { return {}; };
  const auto ignore = [](const Result<void>&) {};
  on_loop([&] { server->beside(wait, ignore); });
  gate->begun.acquire();
  const auto state = on_loop([&] {
    for (std::size_t i = 0; i < SideThread::waiting_max; ++i) server->beside(nothing, ignore);
    return server->backups().ask(1, "a.db");
  });
  gate->may_end.release();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::limit_reached);
}

}  // namespace
}  // namespace reeve::master
