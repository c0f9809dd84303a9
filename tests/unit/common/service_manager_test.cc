#include "common/app/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "tests/fakes/temp_dir.h"

namespace reeve {
namespace {

// Stands in for systemd: a datagram socket whose name is in NOTIFY_SOCKET.
class ServiceManagerTest : public testing::Test {
 protected:
  void SetUp() override {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = dir / "notify";
    std::memcpy(address.sun_path, name.c_str(), name.size());
    fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  void TearDown() override {
    for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
    ::close(fd);
  }
  std::string told() {
    char text[1024];
    const auto size = ::recv(fd, text, sizeof text, MSG_DONTWAIT);
    return size > 0 ? std::string{text, static_cast<std::size_t>(size)} : "";
  }
  TempDir dir;
  int fd = -1;
};

TEST_F(ServiceManagerTest, IsToldEachStepOfTheDaemonsLife) {
  service_manager::ready("native 127.0.0.1:1");
  EXPECT_EQ(told(), "READY=1\nSTATUS=native 127.0.0.1:1");
  service_manager::alive();
  EXPECT_EQ(told(), "WATCHDOG=1");
  service_manager::stopping();
  EXPECT_EQ(told(), "STOPPING=1");
}

TEST_F(ServiceManagerTest, AStatusCannotSmuggleInAnotherMessage) {
  service_manager::status("disk full\nREADY=1");
  EXPECT_EQ(told(), "STATUS=disk full READY=1");
}

TEST_F(ServiceManagerTest, TheWatchdogIsFedTwiceAsOftenAsItAsks) {
  EXPECT_FALSE(service_manager::watchdog_interval());
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  EXPECT_EQ(service_manager::watchdog_interval(), Duration{1'500'000});
}

}  // namespace
}  // namespace reeve
