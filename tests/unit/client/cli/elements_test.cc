#include "client/cli/elements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace reeve::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// All elements; the message of the error that ended them, if one did.
struct Drained {
  std::vector<std::string> elements;
  std::string error;
};

Drained drain(std::unique_ptr<Elements> elements) {
  Drained drained;
  for (;;) {
    const auto next = elements->next();
    if (!next) {
      drained.error = next.error().detail;
      return drained;
    }
    if (!*next) return drained;
    drained.elements.emplace_back(**next);
  }
}

Drained lines(std::string text) { return drain(line_elements(Input::of(std::move(text)))); }
Drained json(std::string text) { return drain(json_elements(Input::of(std::move(text)))); }

TEST(Range, TakesBothEndsAndAStep) {
  EXPECT_EQ(parse_range("1-5").value(), (Range{1, 5, 1}));
  EXPECT_EQ(parse_range("0-90:10").value(), (Range{0, 90, 10}));
  EXPECT_EQ(parse_range("-3--1").value(), (Range{-3, -1, 1}));
  EXPECT_EQ(parse_range("7-7").value().count(), 1u);
  EXPECT_EQ(parse_range("0-9:4").value().count(), 3u);
}

TEST(Range, RefusesWhatIsEmptyOrMalformedOrTooLong) {
  for (const std::string_view text :
       {"", "5", "1-", "-5", "a-b", "1-5:", "1-5:x", "1-5:1:1", "1 - 5", "1-5 "}) {
    const auto range = parse_range(text);
    ASSERT_FALSE(range) << text;
    EXPECT_THAT(range.error().detail, HasSubstr("write A-B")) << text;
  }
  EXPECT_THAT(parse_range("5-1").error().detail, HasSubstr("empty"));
  EXPECT_THAT(parse_range("1-5:0").error().detail, HasSubstr("step"));
  EXPECT_EQ(parse_range("0-4294967295").error().code, Errc::too_large);
  EXPECT_EQ(parse_range("-9223372036854775808-9223372036854775807").error().code, Errc::too_large);
}

TEST(Range, YieldsItsNumbersOneByOne) {
  EXPECT_THAT(drain(range_elements({-1, 1, 1})).elements, ElementsAre("-1", "0", "1"));
  EXPECT_THAT(drain(range_elements({0, 9, 4})).elements, ElementsAre("0", "4", "8"));
  EXPECT_THAT(drain(range_elements({INT64_MAX, INT64_MAX, 5})).elements, ElementsAre("9223372036854775807"));
}

TEST(Lines, EveryLineIsAnElementAlsoAnEmptyOneAndOneWithoutAnEnd) {
  EXPECT_THAT(lines("a\nb c\n\nlast").elements, ElementsAre("a", "b c", "", "last"));
  EXPECT_THAT(lines("one\n").elements, ElementsAre("one"));
  EXPECT_THAT(lines("").elements, ElementsAre());
  EXPECT_THAT(lines("\n").elements, ElementsAre(""));
}

TEST(Lines, AreWholeAcrossTheChunksOfAFile) {
  const std::string path = ::testing::TempDir() + "/reeve_lines_" + std::to_string(::getpid());
  std::vector<std::string> expected;
  {
    std::ofstream file(path);
    for (int i = 0; i < 30'000; ++i) {
      expected.push_back("line " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 97), 'x'));
      file << expected.back() << '\n';
    }
  }
  auto input = Input::open(path);
  ASSERT_TRUE(input);
  EXPECT_EQ(drain(line_elements(std::move(*input))).elements, expected);
  std::remove(path.c_str());
}

TEST(Lines, AFileThatIsNotThereIsNamed) {
  const auto input = Input::open("/nonexistent/jobs.txt");
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, Errc::not_found);
  EXPECT_THAT(input.error().detail, HasSubstr("/nonexistent/jobs.txt"));
  EXPECT_THAT(Input::open("/tmp").error().detail, HasSubstr("directory"));
}

TEST(JsonElements, AreTheMembersOfOneArray) {
  EXPECT_THAT(json(R"([1, "two", {"three": [3, "]"]}, [4], null])").elements,
              ElementsAre("1", R"("two")", R"({"three": [3, "]"]})", "[4]", "null"));
  EXPECT_THAT(json(" [ ] \n").elements, ElementsAre());
  EXPECT_THAT(json("[[1,2],[3,4]]").elements, ElementsAre("[1,2]", "[3,4]"));
}

TEST(JsonElements, AreValuesInLines) {
  EXPECT_THAT(json("1\n\"a\\\"b\"\n{\n  \"k\": 1\n}\ntrue").elements,
              ElementsAre("1", "\"a\\\"b\"", "{\n  \"k\": 1\n}", "true"));
  EXPECT_THAT(json("").elements, ElementsAre());
}

TEST(JsonElements, LinesOfArraysAreToldFromOneArray) {
  EXPECT_THAT(json("[1,2]\n[3,4]\n").elements, ElementsAre("[1,2]", "[3,4]"));
}

TEST(JsonElements, OneLongArrayIsNotHeldInMemoryToDecide) {
  std::string text = "[0";
  for (int i = 1; i < 50'000; ++i) text += "," + std::to_string(i);
  EXPECT_EQ(json(text + "]").elements.size(), 50'000u);
}

TEST(JsonElements, ErrorsNameTheLine) {
  EXPECT_THAT(json("1\n2\nnope\n").error, HasSubstr(":3: this is not JSON"));
  EXPECT_THAT(json("[1,\n2,]").error, HasSubstr(":2: a value is missing"));
  EXPECT_THAT(json("[1 2]").error, HasSubstr("comma"));
  EXPECT_THAT(json("[1, 2").error, HasSubstr("no end"));
  EXPECT_THAT(json("{\"a\": 1").error, HasSubstr("not JSON"));
  EXPECT_THAT(json("]").error, HasSubstr("not JSON"));
  EXPECT_THAT(json("[,1]").error, HasSubstr("not JSON"));
}

}  // namespace
}  // namespace reeve::cli
