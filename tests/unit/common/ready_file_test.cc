#include "common/app/ready_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/fakes/temp_dir.h"

namespace reeve {
namespace {

TEST(ReadyFileTest, HoldsTheFieldsAndThePidAndNothingElseIsLeftBehind) {
  const TempDir dir;
  ASSERT_TRUE(write_ready_file(dir / "ready", {{"native", "127.0.0.1:1234"}}));
  std::ostringstream text;
  text << std::ifstream{dir / "ready"}.rdbuf();
  const auto json = boost::json::parse(text.str()).as_object();
  EXPECT_EQ(json.at("native").as_string(), "127.0.0.1:1234");
  EXPECT_EQ(json.at("pid").as_int64(), ::getpid());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{dir.path()}, {}), 1);
}

TEST(ReadyFileTest, ReplacesTheFileOfAnEarlierStart) {
  const TempDir dir;
  ASSERT_TRUE(write_ready_file(dir / "ready", {{"native", "old"}}));
  ASSERT_TRUE(write_ready_file(dir / "ready", {{"native", "new"}}));
  std::ostringstream text;
  text << std::ifstream{dir / "ready"}.rdbuf();
  EXPECT_EQ(boost::json::parse(text.str()).as_object().at("native").as_string(), "new");
}

TEST(ReadyFileTest, ADirectoryThatIsNotThereIsAnError) {
  EXPECT_FALSE(write_ready_file("/nowhere/at/all/ready", {}));
}

}  // namespace
}  // namespace reeve
