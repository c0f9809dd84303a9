// Values that Python programs put into queues, as the command line shows them.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "client/cli/schema.h"
#include "client/cli/text.h"
#include "common/base/base64.h"
#include "common/pickle/stored.h"

namespace reeve::cli {
namespace {

using namespace std::string_literals;

const std::string primitives =
    "\x80\x02K\x0cX\x02\0\0\0\xc3\xa9"
    "C\x02hi\x87."s;  // (12, 'é', b'hi')
const std::string set = "\x80\x04\x8f(K\x01K\x02\x90."s;
const std::string opaque =
    "\x80\x02"
    "cdecimal\nDecimal\nU\x03"
    "1.5\x85R."s;

boost::json::object item_with(std::string pickle) {
  Item item;
  item.bytes = std::move(pickle);
  item.encoding = Encoding::pickle;
  return boost::json::parse(json_item(item)).as_object();
}

TEST(PayloadTextTest, PythonPrimitivesAreShownAsJson) {
  EXPECT_EQ(payload_text(primitives, Encoding::pickle), "[12,\"\xc3\xa9\",{\"$bytes\":\"aGk=\"}]");
  EXPECT_EQ(payload_text(set, Encoding::pickle), "{1, 2}");
}

TEST(PayloadTextTest, OpaqueValuesAreShownAsTheirClassAndSize) {
  EXPECT_EQ(payload_text(opaque, Encoding::pickle), "<decimal.Decimal object, 24 bytes>");
}

TEST(PayloadTextTest, EverythingElseIsShownAsItIs) {
  EXPECT_EQ(payload_text(primitives, Encoding::raw), primitives);
  EXPECT_EQ(payload_text("{\"a\" : 1}", Encoding::json), "{\"a\" : 1}");
}

TEST(PayloadTextTest, JsonOutputHoldsNothingBehindThePickle) {
  for (const std::string& whole : {opaque, set}) {
    const auto fragment = pickle::from_stored(whole);
    ASSERT_TRUE(fragment) << fragment.error().detail;
    const std::string stored = pickle::to_stored(*fragment);
    ASSERT_NE(stored.back(), '.');
    const boost::json::object item = item_with(stored);
    ASSERT_EQ(item.at("value_encoding"), "pickle+base64");
    const auto text = from_base64(std::string_view(item.at("value").as_string()));
    ASSERT_TRUE(text);
    EXPECT_EQ(text->back(), '.');
    EXPECT_TRUE(stored.starts_with(*text));
  }
}

TEST(PayloadTextTest, JsonOutputHoldsTheValueOrThePickle) {
  const boost::json::object value = item_with(primitives);
  EXPECT_EQ(value.at("value_encoding"), "pickle+json");
  EXPECT_EQ(value.at("value").at(0), 12);
  EXPECT_FALSE(value.contains("value_text"));

  const boost::json::object other = item_with(opaque);
  EXPECT_EQ(other.at("value_encoding"), "pickle+base64");
  EXPECT_EQ(other.at("value_text"), "<decimal.Decimal object, 24 bytes>");
}

}  // namespace
}  // namespace reeve::cli
