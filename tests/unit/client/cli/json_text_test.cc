#include "client/cli/json_text.h"

#include <gtest/gtest.h>

namespace reeve::cli {
namespace {

TEST(JsonWriter, WritesNestedValuesWithCommasWhereTheyBelong) {
  std::string out;
  JsonWriter json(out);
  json.open_object()
      .key("a")
      .number(1)
      .key("b")
      .open_array()
      .number(-2)
      .text("x")
      .open_object()
      .close_object();
  json.close_array().key("c").null().key("d").boolean(true).key("e").real(1.5).close_object();
  EXPECT_EQ(out, R"({"a":1,"b":[-2,"x",{}],"c":null,"d":true,"e":1.5})");
}

TEST(JsonWriter, EscapesTextAndReplacesWhatIsNoUtf8) {
  std::string out;
  JsonWriter(out).text("q\" b\\ n\n t\t \x01 \xc3\xa9 \xff");
  EXPECT_EQ(out, "\"q\\\" b\\\\ n\\n t\\t \\u0001 \xc3\xa9 \xef\xbf\xbd\"");
}

TEST(JsonWriter, KeepsNumbersOfAnySizeAndStaysInOneLine) {
  std::string out;
  JsonWriter(out).json("{\"n\":\n123456789012345678901234567890}");
  EXPECT_EQ(out, "{\"n\": 123456789012345678901234567890}");
}

TEST(JsonWriter, WritesRealNumbersWithoutNeedlessDigits) {
  std::string out;
  JsonWriter json(out);
  json.open_array().real(0).real(2).real(0.25).real(1e-6).close_array();
  EXPECT_EQ(out, "[0,2,0.25,0.000001]");
}

TEST(CheckJson, TakesAnyWholeValueAndNothingElse) {
  for (const char* text : {"1", "-5", "\"a\"", "[1,2]", "{}", "null", " true "})
    EXPECT_TRUE(check_json(text)) << text;
  for (const char* text : {"", "abc", "[1", "1 2", "{a:1}", "'x'"}) EXPECT_FALSE(check_json(text)) << text;
}

}  // namespace
}  // namespace reeve::cli
