#include "common/app/authkey.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>

#include "common/app/data_dir.h"
#include "tests/fakes/temp_dir.h"

namespace reeve {
namespace {

Environment table(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional{found->second};
  };
}

class AuthkeyTest : public testing::Test {
 protected:
  std::string file(const std::string& text, mode_t mode = 0600) {
    const std::string name = dir / "key";
    std::ofstream{name} << text;
    EXPECT_EQ(::chmod(name.c_str(), mode), 0);
    return name;
  }
  static mode_t mode_of(const std::string& name) {
    struct stat info{};
    EXPECT_EQ(::stat(name.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  TempDir dir;
};

TEST_F(AuthkeyTest, AKeyFileHoldsTheKeyWithoutItsLineEnd) {
  EXPECT_EQ(read_authkey_file(file("correct horse\n")), "correct horse");
  EXPECT_EQ(read_authkey_file(file("correct horse")), "correct horse");
  EXPECT_EQ(read_authkey_file(file("correct horse\r\n")), "correct horse");
  EXPECT_EQ(read_authkey_file(file(" with spaces \n")), " with spaces ");
}

TEST_F(AuthkeyTest, AFileThatOthersCanReadIsRefusedAndSaysWhatToDo) {
  for (const mode_t mode : {0640, 0604, 0660, 0644}) {
    const auto key = read_authkey_file(file("correct horse\n", mode));
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, Errc::permission_denied);
    EXPECT_NE(key.error().detail.find("chmod 600"), std::string::npos) << key.error().detail;
  }
}

TEST_F(AuthkeyTest, AShortAnEmptyAndAHugeKeyAreRefused) {
  EXPECT_EQ(read_authkey_file(file("1234567\n")).error().code, Errc::invalid_argument);
  EXPECT_EQ(read_authkey_file(file("")).error().code, Errc::invalid_argument);
  EXPECT_EQ(read_authkey_file(file(std::string(5000, 'x'))).error().code, Errc::too_large);
  EXPECT_EQ(read_authkey_file(dir.path()).error().code, Errc::invalid_argument);
}

TEST_F(AuthkeyTest, OnLoopbackAShortKeyWillDoAndAnEmptyOneWillNot) {
  EXPECT_EQ(read_authkey_file(file("abc\n"), true), "abc");
  EXPECT_EQ(read_authkey_file(file("\n"), true).error().code, Errc::invalid_argument);
  AuthkeySource source{.key = "abc", .data_dir = dir.path()};
  const auto refused = find_or_make_authkey(source);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("at least 8 (make one with: reeve keygen)"), std::string::npos);
  EXPECT_NE(refused.error().detail.find("loopback"), std::string::npos);
  source.on_loopback = true;
  EXPECT_EQ(find_or_make_authkey(source)->key, "abc");
  EXPECT_EQ(find_authkey(source)->key, "abc");
}

TEST_F(AuthkeyTest, TheFirstStartMakesAKeyThatLaterStartsFind) {
  const AuthkeySource source{.data_dir = dir / "new/data"};
  EXPECT_EQ(find_authkey(source).error().code, Errc::not_found);
  const auto made = find_or_make_authkey(source);
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_TRUE(made->made);
  EXPECT_EQ(made->key.size(), 64u);
  EXPECT_EQ(mode_of(source.data_dir + "/authkey"), 0600u);
  EXPECT_EQ(mode_of(source.data_dir), 0700u);
  const auto again = find_or_make_authkey(source);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->made);
  EXPECT_EQ(again->key, made->key);
  EXPECT_EQ(find_authkey(source)->key, made->key);
}

TEST_F(AuthkeyTest, AKeyFileIsNeverReplaced) {
  const std::string name = file("correct horse\n");
  EXPECT_EQ(write_authkey_file(name, "battery staple").error().code, Errc::already_exists);
  EXPECT_EQ(read_authkey_file(name), "correct horse");
}

TEST_F(AuthkeyTest, AnExplicitFileComesBeforeTheVariableAndBothBeforeTheDataDirectory) {
  ASSERT_TRUE(write_authkey_file(dir / "authkey", "from data dir"));
  AuthkeySource source{.data_dir = dir.path()};
  EXPECT_EQ(find_authkey(source)->key, "from data dir");
  source.key = "from variable";
  EXPECT_EQ(find_authkey(source)->key, "from variable");
  source.file = file("from file\n");
  EXPECT_EQ(find_authkey(source)->key, "from file");
}

TEST_F(AuthkeyTest, AnExplicitFileThatIsMissingIsNotMade) {
  const AuthkeySource source{.file = dir / "missing", .data_dir = dir.path()};
  EXPECT_EQ(find_or_make_authkey(source).error().code, Errc::not_found);
}

TEST_F(AuthkeyTest, WithoutAnyKeyTheMessageSaysHowToGiveOne) {
  const auto key = find_authkey({.data_dir = dir.path()});
  ASSERT_FALSE(key);
  EXPECT_NE(key.error().detail.find("REEVE_AUTHKEY_FILE"), std::string::npos) << key.error().detail;
}

TEST(DataDirTest, SystemdThenXdgThenTheHomeDirectory) {
  EXPECT_EQ(default_data_dir(table({{"STATE_DIRECTORY", "/var/lib/reeve"}, {"XDG_STATE_HOME", "/x"}})),
            "/var/lib/reeve");
  EXPECT_EQ(default_data_dir(table({{"STATE_DIRECTORY", "/var/lib/a:/var/lib/b"}})), "/var/lib/a");
  EXPECT_EQ(default_data_dir(table({{"XDG_STATE_HOME", "/x"}, {"HOME", "/home/u"}})), "/x/reeve");
  EXPECT_EQ(default_data_dir(table({{"HOME", "/home/u"}})), "/home/u/.local/state/reeve");
}

}  // namespace
}  // namespace reeve
