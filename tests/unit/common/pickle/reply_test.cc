#include "common/pickle/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pickle/convert.h"
#include "common/pickle/stored.h"
#include "common/pickle/value.h"
#include "tests/unit/common/pickle/vectors.h"

namespace reeve::pickle {
namespace {

using testing::HasSubstr;
using namespace std::string_literals;

std::string reply_with(const Fragment& fragment, Reader reader) {
  std::string out;
  ReplyWriter reply{reader, out, ReplyKind::returned};
  if (const Result<void> written = reply.value(fragment); !written) return written.error().detail;
  reply.finish();
  return out;
}

// The vectors switch the names of classes around every Python 3 value, we only where there are classes.
std::string without_switch(std::string reply, const Fragment& fragment) {
  if (fragment.python2_names || !fragment.classes.empty()) return reply;
  const std::string begin = "\x80\x02U\x07#RETURN\x80\x04", end = "\x80\x02\x86.";
  EXPECT_TRUE(reply.starts_with(begin) && reply.ends_with(end));
  return "\x80\x02U\x07#RETURN" + reply.substr(begin.size(), reply.size() - begin.size() - end.size()) +
         "\x86.";
}

TEST(ReplyTest, EveryValueGoesToEveryGenerationAsTheOracleSays) {
  for (const ValueVector& vector : vectors().values) {
    if (vector.pick.from == Pick::From::element) continue;
    SCOPED_TRACE(vector.title());
    const Result<Fragment> fragment = picked(vector);
    ASSERT_TRUE(fragment);
    EXPECT_EQ(to_hex(reply_with(*fragment, Reader::python3)),
              to_hex(without_switch(vector.reply_python3, *fragment)));
    EXPECT_EQ(to_hex(reply_with(*fragment, Reader::python2)), to_hex(vector.reply_python2));
  }
}

TEST(ReplyTest, EmptyQueueIsAnExceptionOf28Bytes) {
  std::string out;
  reply_exception(Reader::python3, out, "Queue", "Empty");
  EXPECT_EQ(out, "\x80\x02U\x06#ERRORcQueue\nEmpty\n(tR\x86.");
  EXPECT_EQ(out.size(), 28u);
}

TEST(ReplyTest, TextsAreAsciiForEverybody) {
  std::string out;
  reply_text(Reader::python2, out, ReplyKind::traceback, "caf\xc3\xa9");
  EXPECT_EQ(out,
            "\x80\x02U\x0a#TRACEBACKU\x05"
            "caf??\x86.");
}

TEST(ReplyTest, FragmentsShareTheMemoOfTheReply) {
  const Fragment shared{.bytes = "]r\0\0\0\0(j\0\0\0\0e"s, .fixups = {2, 8}, .memo_count = 1};
  std::string out;
  ReplyWriter reply{Reader::python3, out, ReplyKind::returned};
  reply.open_list();
  ASSERT_TRUE(reply.value(shared));
  ASSERT_TRUE(reply.value(shared));
  reply.close_list().finish();
  EXPECT_EQ(out, "\x80\x02U\x07#RETURN](]r\0\0\0\0(j\0\0\0\0e]r\1\0\0\0(j\1\0\0\0ee\x86."s);
}

TEST(ReplyTest, RefusedValueLeavesRoomForAnotherAnswer) {
  const Fragment keywords{.bytes = "\x8c\x01m\x8c\x01n\x93)}\x92", .protocol = 4, .python2_names = false};
  std::string out = "before";
  ReplyWriter reply{Reader::python2, out, ReplyKind::returned};
  const Result<void> written = reply.value(keywords);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::invalid_argument);
  reply.restart(ReplyKind::unserializable);
  reply.text("no").finish();
  EXPECT_EQ(out, "before\x80\x02U\x0f#UNSERIALIZABLEU\x02no\x86.");
}

TEST(ReplyTest, NumbersTakeTheShortestForm) {
  std::string out;
  ReplyWriter reply{Reader::python2, out, ReplyKind::returned};
  const std::size_t begin = out.size();
  for (const std::int64_t number :
       {0l, 255l, 256l, 65535l, 65536l, -1l, -0x8000'0000l, 0x8000'0000l, -0x8000'0001l})
    reply.integer(number);
  EXPECT_EQ(
      out.substr(begin),
      "K\0K\xffM\0\1M\xff\xffJ\0\0\1\0J\xff\xff\xff\xffJ\0\0\0\x80\x8a\5\0\0\0\x80\0\x8a\5\xff\xff\xff\x7f\xff"s);
}

TEST(ReplyTest, StoredValuesGoTheSameWayAsFragments) {
  for (const ValueVector& vector : vectors().values) {
    const Result<Fragment> fragment = picked(vector);
    ASSERT_TRUE(fragment);
    const std::string stored = to_stored(*fragment);
    for (const Reader reader : {Reader::python2, Reader::python3_old, Reader::python3}) {
      std::string out;
      ReplyWriter reply{reader, out, ReplyKind::returned};
      ASSERT_TRUE(reply.stored(stored)) << vector.title();
      reply.finish();
      EXPECT_EQ(to_hex(out), to_hex(reply_with(*fragment, reader))) << vector.title();
    }
  }
}

TEST(ReplyTest, TextsForPeopleKeepTheirCharactersInPython3) {
  std::string three, two;
  ReplyWriter{Reader::python3, three, ReplyKind::returned}.native_text("\xc3\xa9").finish();
  ReplyWriter{Reader::python2, two, ReplyKind::returned}.native_text("\xc3\xa9").finish();
  EXPECT_EQ(three, "\x80\x02U\x07#RETURNX\2\0\0\0\xc3\xa9\x86."s);
  EXPECT_EQ(two, "\x80\x02U\x07#RETURNU\2??\x86.");
}

TEST(ReplyTest, TokensAreInstancesMadeOfTheirState) {
  std::string out;
  ReplyWriter reply{Reader::python2, out, ReplyKind::proxy};
  const std::size_t begin = out.size();
  reply.token("list", "127.0.0.1", 5000, "7f");
  const Result<Value> token = decode({.bytes = out.substr(begin)});
  ASSERT_TRUE(token) << token.error().detail;
  ASSERT_EQ(token->kind(), Value::Kind::token);
  EXPECT_EQ(*repr(*token), "Token('list', ('127.0.0.1', 5000), '7f')");
}

TEST(ReplyTest, NumbersBeyondTheSignStayPositive) {
  std::string out;
  ReplyWriter reply{Reader::python2, out, ReplyKind::returned};
  const std::size_t begin = out.size();
  reply.unsigned_integer(5).unsigned_integer(~std::uint64_t{0});
  EXPECT_EQ(out.substr(begin), "K\5\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\0"s);
}

TEST(ConvertTest, Python2StringsThatAreNoTextBecomeBytesForPython3) {
  const Fragment fragment{.bytes = "](U\x02\xff\xfeU\x02okS'\\xfe'\ne", .high_bytes = true};
  const Result<Fragment> converted = convert(fragment, Reader::python3);
  ASSERT_TRUE(converted);
  EXPECT_EQ(converted->bytes,
            "](C\x02\xff\xfeU\x02okC\x01\xfe"
            "e");
  EXPECT_FALSE(converted->high_bytes);
}

TEST(ConvertTest, BytearraysOfProtocol5AreLoweredForOldPythons) {
  const Fragment fragment{.bytes = "\x96\x02\0\0\0\0\0\0\0hi"s, .protocol = 5, .python2_names = false};
  EXPECT_FALSE(needs_conversion(fragment, Reader::python3));
  EXPECT_EQ(convert(fragment, Reader::python3_old)->bytes, "cbuiltins\nbytearray\nC\x02hi\x85R");
  EXPECT_EQ(convert(fragment, Reader::python2)->bytes, "c__builtin__\nbytearray\nU\x02hi\x85R");
}

// It makes a class of that name when it rebuilds the proxy of a queue, and takes no unicode for it.
TEST(ConvertTest, TheTypeOfAProxysObjectIsAStrForPython2) {
  const std::string managers = "\x8c\x18multiprocessing.managers";
  const Fragment proxy{.bytes = managers + "\x8c\x0cRebuildProxy\x93(" + managers + "\x8c\x09" +
                                "AutoProxy\x93" + managers + "\x8c\x05Token\x93)\x81\x8c\x05Queue\x8c\x09" +
                                "127.0.0.1K\x01\x86\x8c\x02id\x87" + "b\x8c\x06pickle}tR",
                       .protocol = 4,
                       .python2_names = false,
                       .classes = {{"multiprocessing.managers", "RebuildProxy"},
                                   {"multiprocessing.managers", "AutoProxy"},
                                   {"multiprocessing.managers", "Token"}},
                       .token_idents = {"id"}};
  const Result<Fragment> converted = convert(proxy, Reader::python2);
  ASSERT_TRUE(converted) << converted.error().detail;
  EXPECT_THAT(converted->bytes, HasSubstr("U\x05Queue"));
  EXPECT_THAT(converted->bytes, HasSubstr("X\x02\0\0\0id"s)) << "all else stays a text";
}

TEST(ConvertTest, WhatPython2CannotSayIsRefused) {
  const Fragment refused[] = {
      {.bytes = "\x8c\x01m\x8c\x03"
                "A.B\x93",
       .protocol = 4,
       .python2_names = false,
       .classes = {{"m", "A.B"}}},
      {.bytes = "\x8fr\0\0\0\0(j\0\0\0\0\x85\x90"s, .fixups = {2, 8}, .memo_count = 1, .protocol = 4},
  };
  for (const Fragment& fragment : refused) {
    const Result<Fragment> converted = convert(fragment, Reader::python2);
    ASSERT_FALSE(converted);
    EXPECT_EQ(converted.error().code, Errc::invalid_argument);
  }
}

// The second of two equal times: the highest bit of the month of a datetime, of the hour of a time.
TEST(ConvertTest, ATimeWithAFoldHasNoFormInPython2) {
  const auto fragment = [](std::string_view type, std::string state) {
    return Fragment{
        .bytes = fmt::format("\x8c\x08"
                             "datetime\x8c{}{}\x93"
                             "C{}{}\x85R",
                             static_cast<char>(type.size()), type, static_cast<char>(state.size()), state),
        .protocol = 4,
        .python2_names = false,
        .classes = {{"datetime", std::string{type}}}};
  };
  const std::string minutes{"\x1e\0\0\0\0", 5};
  for (const char fold : {'\0', '\x80'}) {
    const Fragment datetime =
        fragment("datetime", "\x07\xe4" + std::string(1, static_cast<char>(5 | fold)) + "\x06\x01" + minutes);
    const Fragment time = fragment("time", std::string(1, static_cast<char>(1 | fold)) + minutes);
    for (const Fragment& value : {datetime, time}) {
      EXPECT_EQ(convert(value, Reader::python2).has_value(), fold == 0);
      EXPECT_EQ(convert(value, Reader::python3_old)->bytes, value.bytes);
      EXPECT_NE(canonical_bytes(value), value.bytes);
    }
  }
}

TEST(ConvertTest, FormThatIsMuchLongerIsRefusedByName) {
  const Fragment sets{.bytes =
                          "](\x8f\x8f\x8f\x8f"
                          "e",
                      .protocol = 4,
                      .python2_names = false};
  EXPECT_TRUE(convert(sets, Reader::python2));
  EXPECT_THAT(
      convert(sets, Reader::python2, {.convert_factor_max = 3, .convert_extra_bytes = 10}).error().detail,
      HasSubstr("convert_factor_max"));
}

TEST(StoredTest, EveryFragmentSurvives) {
  for (const ValueVector& vector : vectors().values) {
    const Result<Fragment> fragment = picked(vector);
    ASSERT_TRUE(fragment);
    const Result<Fragment> again = from_stored(to_stored(*fragment));
    ASSERT_TRUE(again) << vector.title() << again.error().detail;
    EXPECT_EQ(*again, *fragment) << vector.title();
  }
}

TEST(StoredTest, CommonValueIsAPickleAndOneByte) {
  EXPECT_EQ(to_stored({.bytes = "K\x01"}), "\x80\x02K\x01.\xa4");
}

TEST(StoredTest, PickleFromElsewhereIsTaken) {
  const Result<Fragment> fragment = from_stored("\x80\x04\x95\x0a\0\0\0\0\0\0\0]\x94(h\0e."s);
  ASSERT_TRUE(fragment) << fragment.error().detail;
  EXPECT_EQ(fragment->bytes, "]r\0\0\0\0(j\0\0\0\0e"s);
  EXPECT_EQ(fragment->memo_count, 1u);
  EXPECT_TRUE(from_stored("I5\n."));
}

TEST(StoredTest, BrokenTrailersAreRefused) {
  const Fragment fragment{.bytes = "]r\0\0\0\0(j\0\0\0\0e"s, .fixups = {2, 8}, .memo_count = 1};
  const std::string stored = to_stored(fragment);
  ASSERT_TRUE(from_stored(stored));
  const std::size_t pickle_bytes = 2 + fragment.bytes.size() + 1;  // without its trailer it is a pickle still
  for (std::size_t cut = 1; cut < stored.size(); ++cut)
    EXPECT_EQ(from_stored(stored.substr(0, cut)).has_value(), cut == pickle_bytes) << cut;
  for (std::size_t at = pickle_bytes - 1; at + 1 < stored.size(); ++at) {
    std::string other = stored;
    other[at] = static_cast<char>(other[at] ^ 0x55);
    EXPECT_FALSE(from_stored(other)) << at;
  }
}

}  // namespace
}  // namespace reeve::pickle
