#include "common/pickle/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/pickle/compare.h"
#include "common/pickle/payload.h"
#include "common/pickle/stored.h"

namespace reeve::pickle {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using namespace std::string_literals;
using Kind = Value::Kind;

TEST(JsonTest, EveryPrimitiveComesBack) {
  const std::string texts[] = {
      "null",
      "true",
      "false",
      "0",
      "-1",
      "9223372036854775807",
      "18446744073709551615",
      "-170141183460469231731687303715884105728",
      "1.5",
      "0.1",
      "1e+100",
      "-0.0",
      "\"\"",
      "\"caf\xc3\xa9 \\u0000\\\"\\\\\"",
      "[]",
      "[1,[2,[]],\"x\"]",
      "{}",
      "{\"b\":1,\"a\":{\"c\":null}}",
      "{\"$bytes\":\"AP8u\"}",
      "{\"$bytes\":\"\"}",
      "{\"$bytes\":\"aGk=\",\"more\":1}",
  };
  for (const std::string& text : texts) {
    const Result<Value> value = from_json(text);
    ASSERT_TRUE(value) << text << ": " << value.error().detail;
    const Result<std::string> again = to_json(*value);
    ASSERT_TRUE(again) << text << ": " << again.error().detail;
    EXPECT_EQ(*again, text);
  }
}

TEST(JsonTest, NumbersKeepTheirTypeAndTheirDigits) {
  EXPECT_EQ(from_json("5")->kind(), Kind::integer);
  EXPECT_EQ(from_json("5.0")->kind(), Kind::real);
  EXPECT_EQ(from_json("5e0")->kind(), Kind::real);
  EXPECT_EQ(from_json("0.1")->real(), 0.1);
  EXPECT_EQ(from_json("9007199254740993.0")->real(), 9007199254740992.0);
  EXPECT_EQ(from_json("1e400")->real(), HUGE_VAL);
  const std::string digits = "1" + std::string(1000, '7');
  EXPECT_EQ(*to_json(*from_json(digits)), digits);
  EXPECT_THAT(from_json(std::string(5000, '7')).error().detail, HasSubstr("decimal_digits_max"));
}

TEST(JsonTest, KeysBecomeTextAsInPythonsOwnJson) {
  const Value value =
      Value::of(Kind::dict, {Value{std::int64_t{1}}, Value::text("a"), Value{}, Value::text("b"), Value{true},
                             Value::text("c"), Value{2.5}, Value::text("d")});
  EXPECT_EQ(*to_json(value), R"({"1":"a","null":"b","true":"c","2.5":"d"})");
}

TEST(JsonTest, OfKeysThatComeTwiceTheLastOneCounts) {
  EXPECT_EQ(*to_json(*from_json(R"({"a":1,"b":2,"a":3})")), R"({"a":3,"b":2})");
}

TEST(JsonTest, WhatHasNoJsonIsRefusedByName) {
  const Value one{std::int64_t{1}}, text = Value::text("1");
  const std::pair<Value, const char*> refused[] = {
      {Value{std::nan("")}, "a float that is no number"},
      {Value::text("\xed\xb2\x80"), "surrogates"},
      {Value::of(Kind::set, {one}), "set"},
      {Value::of(Kind::dict, {Value::of(Kind::tuple, {one}), one}), "a key of type tuple"},
      {Value::of(Kind::dict, {one, one, text, one}), "two keys"},
      {Value::of(Kind::dict, {Value::text("$bytes"), Value::text("eA==")}), "come back as bytes"},
      {*decode({.bytes = "cdecimal\nDecimal\n)R", .classes = {{"decimal", "Decimal"}}}), "decimal.Decimal"},
  };
  for (const auto& [value, what] : refused) {
    const Result<std::string> json = to_json(Value::of(Kind::list, {value}));
    ASSERT_FALSE(json) << what << *json;
    EXPECT_EQ(json.error().code, Errc::invalid_argument);
    EXPECT_THAT(json.error().detail, HasSubstr(what));
  }
}

TEST(JsonTest, WhatIsJsonAndHasNoPythonValueIsNotCalledNoJson) {
  for (const std::string& text : {std::string{R"({"$bytes":"abc"})"}, std::string(5000, '7'),
                                  std::string(250, '[') + std::string(250, ']')})
    EXPECT_THAT(from_json(text).error().detail, StartsWith("no Python value for this JSON: "));
  EXPECT_THAT(from_json("[1,").error().detail, StartsWith("this is not JSON: "));
}

TEST(JsonTest, WhatIsNoJsonIsRefused) {
  for (const char* text :
       {"", "nul", "[1,", "[1] 2", "'a'", "{\"a\"}", "\"\\ud800\"", "\"\xff\"", "{\"$bytes\":\"%\"}", "NaN"})
    EXPECT_FALSE(from_json(text)) << text;
  EXPECT_FALSE(from_json(std::string(201, '[') + std::string(201, ']')));
  EXPECT_TRUE(from_json(std::string(200, '[') + std::string(200, ']')));
}

TEST(JsonTest, BytesInTheDeepestValueComeBack) {
  Value deep = Value::bytes("b");
  for (int depth = 0; depth < 3; ++depth) deep = Value::of(Kind::list, {deep});
  const Limits limits{.value_depth_max = 3};
  const Result<std::string> json = to_json(deep, limits);
  ASSERT_TRUE(json) << json.error().detail;
  const Result<Value> again = from_json(*json, limits);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(*repr(*again), *repr(deep));
  EXPECT_THAT(from_json("[[[[]]]]", limits).error().detail, HasSubstr("value_depth_max"));
  EXPECT_THAT(from_json("[[[{}]]]", limits).error().detail, HasSubstr("value_depth_max"));
}

TEST(JsonTest, SharedElementsCountEachTimeSoThatWhatIsWrittenIsTakenBack) {
  Value shared =
      Value::of(Kind::dict, {Value::text("k"), Value::bytes("b")});  // 5: {"k": {"$bytes": "Yg=="}}
  for (int doublings = 0; doublings < 3; ++doublings) shared = Value::of(Kind::list, {shared, shared});
  constexpr std::uint32_t elements = 8 * 5 + 4 + 2 + 1;
  EXPECT_THAT(to_json(shared, {.value_elements_max = elements - 1}).error().detail,
              HasSubstr("value_elements_max"));
  const Limits enough{.value_elements_max = elements};
  const Result<std::string> json = to_json(shared, enough);
  ASSERT_TRUE(json) << json.error().detail;
  EXPECT_TRUE(from_json(*json, enough));
  EXPECT_FALSE(from_json(*json, {.value_elements_max = elements - 1}));
}

TEST(JsonTest, LongArraysAreRefusedByName) {
  EXPECT_THAT(from_json("[1,2,3,4]", {.value_elements_max = 3}).error().detail,
              HasSubstr("value_elements_max"));
}

TEST(PayloadTest, NativePayloadsBecomePythonValues) {
  EXPECT_EQ(from_payload(Encoding::json, "[12, \"x\"]")->bytes, "](K\x0cU\x01xe");
  EXPECT_EQ(from_payload(Encoding::raw, "hi")->bytes, "C\x02hi");
  EXPECT_EQ(from_payload(Encoding::pickle, "\x80\x02K\x0c.")->bytes, "K\x0c");
  EXPECT_FALSE(from_payload(Encoding::json, "{"));
  EXPECT_FALSE(from_payload(Encoding::pickle, "no"));
}

TEST(PayloadTest, PicklesAreShownToPeople) {
  EXPECT_EQ(*json_of_pickle("\x80\x02K\x0cU\x01x\x86."), "[12,\"x\"]");
  EXPECT_EQ(text_of_pickle("\x80\x02K\x0cU\x01x\x86."), "(12, 'x')");
  EXPECT_EQ(text_of_pickle("\x80\x02"
                           "cdecimal\nDecimal\nU\x03"
                           "1.5\x85R."),
            "<decimal.Decimal object, 24 bytes>");
  EXPECT_EQ(text_of_pickle("\x80\x02]q\x01h\x01"
                           "a."),
            "<list object, 12 bytes>");
  EXPECT_EQ(text_of_pickle("nothing"), "<no pickle, 7 bytes>");
}

}  // namespace
}  // namespace reeve::pickle
