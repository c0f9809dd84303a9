#include "common/app/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <fstream>
#include <map>

#include "tests/fakes/temp_dir.h"

namespace reeve {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    settings.add("listen", listen, "where to listen", "HOST:PORT");
    settings.add("lease-time", lease, "how long a silent worker keeps its tasks");
    settings.add("ephemeral", ephemeral, "keep nothing on disk");
    settings.add("slots", slots, "how many tasks at once");
    settings.add("queues", queues, "which queues to serve");
    settings.add_bytes("payload-max-bytes", payload_max_bytes, "of one task");
    settings.add_secret("authkey", authkey);
  }
  Result<Settings::Asked> load(std::vector<const char*> args) {
    args.insert(args.begin(), "reeve-test");
    return settings.load(static_cast<int>(args.size()), args.data(), [this](const std::string& name) {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional{found->second};
    });
  }
  const char* config(const std::string& text) {
    file = dir / "reeve.toml";
    std::ofstream{file} << text;
    return file.c_str();
  }
  std::string error_of(std::vector<const char*> args) {
    const auto loaded = load(std::move(args));
    return loaded ? "no error" : loaded.error().detail;
  }

  TempDir dir;
  std::string file;
  std::map<std::string, std::string> environment;
  std::string listen = "127.0.0.1:7733";
  Duration lease = 30s;
  bool ephemeral = false;
  std::uint32_t slots = 4;
  std::vector<std::string> queues;
  std::size_t payload_max_bytes = 16u << 20;
  std::string authkey;
  Settings settings{"reeve-test", "A program for tests"};
};

TEST_F(SettingsTest, WithoutAnySourceTheDefaultsHold) {
  EXPECT_EQ(load({}), Settings::Asked::run);
  EXPECT_EQ(listen, "127.0.0.1:7733");
  EXPECT_EQ(lease, Duration{30s});
}

TEST_F(SettingsTest, FlagsSetValuesOfEachType) {
  ASSERT_TRUE(load({"--listen", ":0", "--lease-time=1m30s", "--ephemeral", "--slots", "8", "--queues", "a,b",
                    "--queues", "c", "--payload-max-bytes", "1MiB"}));
  EXPECT_EQ(listen, ":0");
  EXPECT_EQ(lease, Duration{90s});
  EXPECT_TRUE(ephemeral);
  EXPECT_EQ(slots, 8u);
  EXPECT_THAT(queues, ElementsAre("a", "b", "c"));
  EXPECT_EQ(payload_max_bytes, 1u << 20);
}

TEST_F(SettingsTest, AFileIsWeakerThanTheEnvironmentAndThatThanAFlag) {
  const auto* const path = config("listen = 'file:1'\nlease_time = '1s'\nslots = 1\n");
  environment = {{"REEVE_LEASE_TIME", "2s"}, {"REEVE_SLOTS", "2"}};
  ASSERT_TRUE(load({"--config", path, "--slots", "3"}));
  EXPECT_EQ(listen, "file:1");
  EXPECT_EQ(lease, Duration{2s});
  EXPECT_EQ(slots, 3u);
}

TEST_F(SettingsTest, TheFileMayBeNamedByTheEnvironmentAndHoldEveryType) {
  environment["REEVE_CONFIG"] = config("ephemeral = true\nqueues = ['a', 'b']\npayload-max-bytes = 1000\n");
  ASSERT_TRUE(load({}));
  EXPECT_TRUE(ephemeral);
  EXPECT_THAT(queues, ElementsAre("a", "b"));
  EXPECT_EQ(payload_max_bytes, 1000u);
}

TEST_F(SettingsTest, AFlagCanTakeBackWhatTheFileSwitchedOn) {
  ASSERT_TRUE(load({"--config", config("ephemeral = true\n"), "--no-ephemeral"}));
  EXPECT_FALSE(ephemeral);
}

TEST_F(SettingsTest, AnUnknownNameInTheFileIsAnErrorThatNamesTheNearestOne) {
  EXPECT_THAT(error_of({"--config", config("\nlease_tim = '1s'\n")}),
              HasSubstr("reeve.toml:2: there is no setting 'lease-tim': did you mean 'lease-time'?"));
}

TEST_F(SettingsTest, AnUnknownFlagIsAnErrorThatNamesTheNearestOne) {
  EXPECT_EQ(error_of({"--lisen=x"}), "there is no option '--lisen': did you mean --listen?");
  EXPECT_EQ(error_of({"stray"}), "'stray' is not expected here");
}

TEST_F(SettingsTest, AWrongValueIsAnErrorThatNamesItsSource) {
  EXPECT_THAT(error_of({"--slots", "many"}), HasSubstr("--slots: 'many' is not a number"));
  EXPECT_THAT(error_of({"--slots", "-1"}), HasSubstr("--slots: '-1'"));
  EXPECT_THAT(error_of({"--slots", "99999999999"}), HasSubstr("out of range"));
  EXPECT_THAT(error_of({"--config", config("slots = 'x'\n")}),
              HasSubstr("reeve.toml:1: slots: 'x' is not a number"));
  environment["REEVE_LEASE_TIME"] = "soon";
  EXPECT_THAT(error_of({}), HasSubstr("REEVE_LEASE_TIME: 'soon' is not a time"));
}

TEST_F(SettingsTest, AFileThatIsMissingOrNoTomlIsAnError) {
  EXPECT_THAT(error_of({"--config", "/nowhere/reeve.toml"}), HasSubstr("No such file"));
  EXPECT_THAT(error_of({"--config", config("slots = \n")}), HasSubstr("reeve.toml:1"));
  EXPECT_THAT(error_of({"--config", config("[master]\nslots = 1\n")}), HasSubstr("not in a [section]"));
}

TEST_F(SettingsTest, AnUnknownSectionIsToldWhichThereAre) {
  for (const char* name : {"queues", "objects"})
    settings.add_section(name, [](const ConfigEntry&) { return Result<void>{}; });
  EXPECT_EQ(error_of({"--config", config("[queues.x]\nkind = \"fifo\"\n")}), "no error");
  EXPECT_THAT(error_of({"--config", config("[queue.x]\nkind = \"fifo\"\n")}),
              HasSubstr("not in a [section]; there are only [queues.NAME] and [objects.NAME]"));
}

TEST_F(SettingsTest, ASecretComesFromTheEnvironmentOnlyAndIsNotShown) {
  environment["REEVE_AUTHKEY"] = "top secret";
  ASSERT_TRUE(load({}));
  EXPECT_EQ(authkey, "top secret");
  EXPECT_EQ(settings.table().find("top secret"), std::string::npos);
  EXPECT_EQ(settings.json().find("top secret"), std::string::npos);
  EXPECT_THAT(error_of({"--authkey", "x"}), HasSubstr("'--authkey' is not expected"));
  EXPECT_THAT(error_of({"--config", config("authkey = 'x'\n")}), HasSubstr("use REEVE_AUTHKEY"));
}

TEST_F(SettingsTest, AnActionStandsOnTheCommandLineOnly) {
  std::optional<std::string> check, save;
  settings.add_action("check-store", "", "say how it stands", check);
  settings.add_action("save-to", "FILE", "save it", save);
  environment["REEVE_SAVE_TO"] = "elsewhere";
  ASSERT_TRUE(load({"--slots", "2"}));
  EXPECT_FALSE(check);
  EXPECT_FALSE(save);
  ASSERT_TRUE(load({"--check-store", "--save-to", "file"}));
  EXPECT_TRUE(check);
  EXPECT_EQ(save, "file");
  EXPECT_FALSE(load({"--save-to"})) << "the file is missing";
  EXPECT_THAT(load({"--check-stor"}).error().detail, HasSubstr("--check-store"));
  EXPECT_FALSE(load({"--config", config("check-store = true")}));
  EXPECT_THAT(settings.help(), HasSubstr("--save-to FILE"));
  EXPECT_THAT(settings.table(), testing::Not(HasSubstr("save-to")));
}

TEST_F(SettingsTest, PrintConfigTellsEachValueAndWhereItComesFrom) {
  environment["REEVE_SLOTS"] = "2";
  EXPECT_EQ(load({"--print-config", "--json", "--config", config("lease-time = '1h'\n"), "--listen", "x:1"}),
            Settings::Asked::print_config_json);
  const auto json = boost::json::parse(settings.json()).as_object();
  const auto entry = [&](const char* name) {
    const auto& object = json.at(name).as_object();
    return std::pair<std::string, std::string>{object.at("value").as_string(), object.at("from").as_string()};
  };
  EXPECT_EQ(json.at("schema").as_string(), "reeve.config/1");
  EXPECT_EQ(entry("listen"), (std::pair<std::string, std::string>{"x:1", "--listen"}));
  EXPECT_EQ(entry("slots"), (std::pair<std::string, std::string>{"2", "REEVE_SLOTS"}));
  EXPECT_EQ(entry("lease-time"), (std::pair<std::string, std::string>{"1h", file + ":1"}));
  EXPECT_EQ(entry("payload-max-bytes"), (std::pair<std::string, std::string>{"16MiB", "default"}));
  EXPECT_THAT(settings.table(), HasSubstr("slots              2      REEVE_SLOTS"));
}

TEST_F(SettingsTest, HelpShowsFlagsDefaultsAndVariables) {
  EXPECT_EQ(load({"--help"}), Settings::Asked::help);
  const std::string help = settings.help();
  for (const auto* part :
       {"--listen", "HOST:PORT", "127.0.0.1:7733", "REEVE_LISTEN", "--lease-time", "30s", "16MiB"})
    EXPECT_THAT(help, HasSubstr(part));
  EXPECT_THAT(help, HasSubstr("--[no-]ephemeral"));
  EXPECT_THAT(help, HasSubstr("(default: 127.0.0.1:7733; REEVE_LISTEN)"));
}

TEST(SettingValueTest, DurationsAreShownExactly) {
  for (const Duration value : {Duration{0}, Duration{1}, Duration{1'234'567}, Duration{250ms}, Duration{90s},
                               Duration{1h + 1s}, Duration{24h * 7}}) {
    Duration read{};
    ASSERT_TRUE(read_value(show_value(value), read)) << show_value(value);
    EXPECT_EQ(read, value) << show_value(value);
  }
}

}  // namespace
}  // namespace reeve
