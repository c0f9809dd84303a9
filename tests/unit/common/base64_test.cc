#include "common/base/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace reeve {
namespace {

TEST(Base64Test, MatchesTheExamplesOfRfc4648BothWays) {
  const std::pair<std::string, std::string> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"},
                                                          {"\xff\xfe", "//4="}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

TEST(Base64Test, EveryByteComesBackAtEveryPlace) {
  for (std::size_t before = 0; before < 3; ++before)
    for (int byte = 0; byte < 256; ++byte) {
      const std::string bytes = std::string(before, 'x') + static_cast<char>(byte);
      EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    }
}

TEST(Base64Test, RefusesWhatItWouldNotHaveWritten) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9v\n", " Zm9", "Zm-_", "Zh==", "Zm9="})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace reeve
