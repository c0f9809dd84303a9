#include "client/cli/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

namespace reeve::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() { std::ofstream(file_) << "master = \"filehost:1\"\nconnect_timeout = \"7s\"\n"; }
  ~ConfigTest() override { std::remove(file_.c_str()); }

  Environment environment() const {
    return [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
  }

  std::string file_ = ::testing::TempDir() + "/reeve_config_" + std::to_string(::getpid()) + ".toml";
  std::map<std::string, std::string> variables_{{"HOME", "/home/someone"}};
  CommonOptions options_;
};

TEST_F(ConfigTest, WithoutAnythingTheDefaultsHold) {
  const auto settings = settle(options_, environment());
  EXPECT_EQ(settings[0].value, "127.0.0.1:7733");
  EXPECT_EQ(settings[1].value, "/home/someone/.local/state/reeve/authkey");
  EXPECT_EQ(settings[2].value, "5s");
  for (const auto& setting : settings) EXPECT_EQ(setting.from, "default");
  EXPECT_TRUE(options_.master.empty());
}

TEST_F(ConfigTest, AFlagIsStrongerThanTheEnvironmentAndThatThanTheFile) {
  options_.config = file_;
  EXPECT_EQ(settle(options_, environment())[0].from, file_ + ":1");
  EXPECT_EQ(options_.master, "filehost:1");
  EXPECT_EQ(options_.connect_timeout, 7s);

  options_ = {.config = file_};
  variables_["REEVE_MASTER"] = "envhost:2";
  EXPECT_EQ(settle(options_, environment())[0].from, "REEVE_MASTER");
  EXPECT_EQ(options_.master, "envhost:2");

  options_ = {.config = file_, .master = "flaghost:3"};
  EXPECT_EQ(settle(options_, environment())[0].from, "--master");
  EXPECT_EQ(options_.master, "flaghost:3");
}

TEST_F(ConfigTest, AKeyInTheEnvironmentIsNotShown) {
  variables_["REEVE_AUTHKEY"] = "very secret";
  const std::string shown = print_config(settle(options_, environment()), false);
  EXPECT_THAT(shown, HasSubstr("REEVE_AUTHKEY"));
  EXPECT_THAT(shown, ::testing::Not(HasSubstr("very secret")));
}

TEST_F(ConfigTest, AnUnknownSettingIsNamedWithItsLine) {
  std::ofstream(file_) << "\nmastr = \"a:1\"\n";
  options_.config = file_;
  try {
    settle(options_, environment());
    FAIL();
  } catch (const Exception& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    EXPECT_THAT(error.what(), HasSubstr(":2: there is no setting 'mastr'"));
  }
}

}  // namespace
}  // namespace reeve::cli
