#include "common/pickle/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <regex>
#include <set>

#include "common/pickle/compare.h"
#include "common/pickle/json.h"
#include "common/pickle/keyed_hash.h"
#include "common/pickle/pieces.h"
#include "tests/unit/common/pickle/vectors.h"

namespace reeve::pickle {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::string_literals;
using Kind = Value::Kind;

Value text(std::string chars) { return Value::text(std::move(chars)); }
Value integer(std::int64_t number) { return Value{number}; }
Value big(std::string_view decimal) { return Value{*BigInt::from_decimal(decimal)}; }
Value tuple(std::vector<Value> elements) { return Value::of(Kind::tuple, std::move(elements)); }
Value list(std::vector<Value> elements) { return Value::of(Kind::list, std::move(elements)); }
Value dict(std::vector<Value> elements) { return Value::of(Kind::dict, std::move(elements)); }

Value decoded(std::string opcodes) {
  const Result<Value> value = decode({.bytes = std::move(opcodes)});
  EXPECT_TRUE(value) << value.error().detail;
  return value.value_or(Value{});
}

// The canonical text of the vectors, but for references, and without the kinds of strings.
std::string canonical(const Value& value);

std::string canonical_text(const Value& value) {
  std::string out = "\"";
  if (value.kind() == Kind::bytes) {
    for (const char c : value.chars()) {
      const bool plain = c >= 32 && c < 127 && c != '\\' && c != '"';
      out += plain ? std::string{c} : fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    }
    return out + '"';
  }
  const std::string_view chars = value.chars();
  for (std::size_t i = 0; i < chars.size();) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(chars[i + k]); };
    const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
    std::uint32_t code = length == 1 ? byte(0) : byte(0) & (0x7fu >> length);
    for (std::size_t k = 1; k < length; ++k) code = code << 6 | (byte(k) & 0x3f);
    const bool plain = code >= 32 && code < 127 && code != '\\' && code != '"';
    out += plain            ? std::string(1, static_cast<char>(code))
           : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                            : fmt::format("\\U{:08x}", code);
    i += length;
  }
  return out + '"';
}

std::string canonical_real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "f-inf" : "finf";
  if (value == 0) return std::signbit(value) ? "f-0x0.0p+0" : "f0x0.0p+0";
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "f%.13a", value);
  return buffer;
}

std::string joined(std::span<const Value> elements) {
  std::string out;
  for (const Value& element : elements) out += (out.empty() ? "" : ",") + canonical(element);
  return out;
}

// Sets and dicts: sorted by the text of their elements or keys.
std::string sorted(std::span<const Value> elements, std::size_t stride) {
  std::set<std::string> texts;
  for (std::size_t i = 0; i < elements.size(); i += stride)
    texts.insert(canonical(elements[i]) + (stride == 2 ? ":" + canonical(elements[i + 1]) : ""));
  std::string out;
  for (const std::string& one : texts) out += (out.empty() ? "" : ",") + one;
  return out;
}

std::string canonical(const Value& value) {
  switch (value.kind()) {
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
      return *repr(value);
    case Kind::real:
      return canonical_real(value.real());
    case Kind::text:
    case Kind::bytes:
      return canonical_text(value);
    case Kind::tuple:
      return "(" + joined(value.elements()) + ")";
    case Kind::list:
      return "[" + joined(value.elements()) + "]";
    case Kind::dict:
      return "{" + sorted(value.elements(), 2) + "}";
    case Kind::set:
      return "set{" + sorted(value.elements(), 1) + "}";
    case Kind::frozenset:
      return "frozenset{" + sorted(value.elements(), 1) + "}";
    default:
      return "<" + type_name(value) + ">";
  }
}

std::string simplified(const std::string& canon) {
  return std::regex_replace(std::regex_replace(canon, std::regex("#[0-9]+"), ""), std::regex("[tsb]\""),
                            "\"");
}

// Sorted again, since the vectors sort with the kinds of strings.
bool same_but_for_order(std::string a, std::string b) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  return a == b;
}

TEST(ValueTest, PrimitivesOfEveryPythonAreRead) {
  static const std::set<std::string> containers_and_atoms = {"none",
                                                             "true",
                                                             "false",
                                                             "complex",
                                                             "native_str",
                                                             "set",
                                                             "set_0",
                                                             "frozenset",
                                                             "shared_text",
                                                             "text_surrogate",
                                                             "x_value_is_method_name",
                                                             "x_value_is_ident",
                                                             "kw_item",
                                                             "kw_timeout",
                                                             "pos_timeout",
                                                             "memo_over_256",
                                                             "depth_120"};
  std::size_t seen = 0;
  for (const ValueVector& vector : vectors().values) {
    const std::string family = vector.name.substr(0, vector.name.find('_'));
    const bool primitive = containers_and_atoms.contains(vector.name) || family == "int" ||
                           family == "float" || family == "text" || family == "bytes" || family == "tuple" ||
                           family == "list" || family == "dict";
    const bool cut = vector.canon.find("... sha256") != std::string::npos;
    if (!primitive || cut || vector.name == "complex") continue;
    const Result<Value> value = decode(*picked(vector));
    ASSERT_TRUE(value) << vector.title() << value.error().detail;
    const std::string expected = simplified(vector.canon), actual = simplified(canonical(*value));
    EXPECT_TRUE(expected == actual || same_but_for_order(expected, actual)) << vector.title() << "\n"
                                                                            << expected.substr(0, 200) << "\n"
                                                                            << actual.substr(0, 200);
    ++seen;
  }
  EXPECT_GT(seen, 500u);
}

TEST(ValueTest, WhatIsWrittenIsReadAsTheSameValue) {
  for (const ValueVector& vector : vectors().values) {
    if (vector.name == "float_nan") continue;  // equals nothing
    const Result<Value> value = decode(*picked(vector));
    ASSERT_TRUE(value) << vector.title() << value.error().detail;
    const Result<Fragment> fragment = encode(*value);
    ASSERT_TRUE(fragment) << vector.title() << fragment.error().detail;
    const Result<Value> again = decode(*fragment);
    ASSERT_TRUE(again) << vector.title() << again.error().detail;
    const Result<bool> same = equal(*value, *again);
    ASSERT_TRUE(same) << vector.title() << same.error().detail;
    EXPECT_TRUE(*same) << vector.title();
  }
}

TEST(ValueTest, CallsThatStandForPrimitivesAreKnown) {
  const std::pair<const char*, const char*> known[] = {{"complex", "(1.5-2j)"},
                                                       {"bytearray", "bytearray(b'\\x00\\x01\\xfe')"},
                                                       {"slice", "slice(1, None, 2)"},
                                                       {"range", "range(0, 3)"},
                                                       {"array_i", "array('i', [1, -2, 3])"},
                                                       {"array_d", "array('d', [0.5, 1e+300])"},
                                                       {"ordereddict", "{'z': 1, 'a': 2}"}};
  std::size_t seen = 0;
  for (const ValueVector& vector : vectors().values)
    for (const auto& [name, printed] : known) {
      if (vector.name != name) continue;
      EXPECT_EQ(*repr(*decode(*picked(vector))), printed) << vector.title();
      ++seen;
    }
  EXPECT_EQ(seen, 7u * 9 - 1);  // 2.7 has no range that it would pickle
}

TEST(ValueTest, InstancesAreOpaqueWithTheirClass) {
  const std::pair<const char*, const char*> classes[] = {{"decimal", "decimal.Decimal"},
                                                         {"datetime", "datetime.datetime"},
                                                         {"deque", "collections.deque"},
                                                         {"class_ref", "veclib.Point"}};
  for (const ValueVector& vector : vectors().values)
    for (const auto& [name, class_is] : classes) {
      if (vector.name != name) continue;
      const Result<Value> value = decode(*picked(vector));
      ASSERT_EQ(value->kind(), Kind::opaque) << vector.title();
      EXPECT_EQ(class_name(value->fragment()), class_is) << vector.title();
    }
}

TEST(ValueTest, NamesOfClassesHideNothing) {
  const Value value = decoded("cev\x1b]0;pwn\x07il\nC\x1b[31m\n)\x81");
  EXPECT_EQ(*repr(value), "<ev\\x1b]0;pwn\\x07il.C\\x1b[31m object>");
  EXPECT_THAT(to_json(value).error().detail, Not(HasSubstr("\x1b")));
}

TEST(ValueTest, OpaqueIsTheElementNotTheTuple) {
  const Value value = decoded(
      "K\x02"
      "cdecimal\nDecimal\nU\x01"
      "1\x85R\x86");
  ASSERT_EQ(value.kind(), Kind::tuple);
  EXPECT_EQ(value.elements()[0].to_int64(), 2);
  EXPECT_EQ(value.elements()[1].kind(), Kind::opaque);
  EXPECT_EQ(*repr(value), "(2, <decimal.Decimal object>)");
}

TEST(ValueTest, ValueThatContainsItselfIsOpaqueAsAWhole) {
  for (const ValueVector& vector : vectors().values) {
    if (!vector.name.starts_with("cycle_")) continue;
    const Result<Value> value = decode(*picked(vector));
    ASSERT_TRUE(value) << vector.title();
    EXPECT_EQ(value->kind(), Kind::opaque) << vector.title();
  }
  // [[1, [itself]], 2]: only the first element is.
  const Value value = decoded(
      "](]r\0\0\0\0(K\x01]j\0\0\0\0aeK\x02"
      "e"s);
  ASSERT_EQ(value.kind(), Kind::list);
  EXPECT_EQ(value.elements()[0].kind(), Kind::opaque);
  EXPECT_EQ(value.elements()[1].to_int64(), 2);
}

TEST(ValueTest, DeepValuesStayOpaqueBelowTheLimit) {
  Value value = decoded(std::string(500, ']') + std::string(499, 'a'));
  EXPECT_EQ(value.depth(), 200u);
  for (int level = 0; level < 200; ++level) value = Value{value.elements()[0]};
  EXPECT_EQ(value.kind(), Kind::opaque);
  EXPECT_EQ(value.fragment().bytes.size(), 300u + 299);
  EXPECT_EQ(decoded(std::string(200, ']') + std::string(199, 'a')).depth(), 200u);
}

// ](]q0 ](h0h0e q1 …: each list holds the one before twice.
Value doubling(int levels) {
  std::string opcodes =
      "(]r\0\0\0\0(K\x01"
      "e"s;
  for (int i = 1; i < levels; ++i) {
    const std::string get = {'j', static_cast<char>(i - 1), 0, 0, 0},
                      put = {'r', static_cast<char>(i), 0, 0, 0};
    opcodes += "](" + get + get + "e" + put;
  }
  return decoded(opcodes + "l");
}

TEST(ValueTest, SharedElementsAreNeverWalkedAsATree) {
  const Limits limits{.steps_max = 10'000, .text_bytes_max = 10'000};
  const Value value = doubling(190), other = doubling(190);
  for (const Error& error : {equal(value, other, limits).error(), less(value, other, limits).error(),
                             hash(tuple({Value::of(Kind::tuple, {text("x")}), value}), limits).error(),
                             repr(value, limits).error(), encode(value, limits).error()})
    EXPECT_FALSE(error.detail.empty());
  EXPECT_TRUE(*equal(value, value));
}

TEST(ValueTest, WhatIsWrittenCanBeScannedAlsoWhereOpaquePartsAreShared) {
  const Value opaque = Value::opaque({.bytes = "cm\nC\n)R", .classes = {{"m", "C"}}});  // 3 opcodes
  const Value four = Value::of(Kind::list, {opaque, opaque, opaque, opaque});
  EXPECT_TRUE(encode(four, {.opcodes_max = 15}));
  EXPECT_THAT(encode(four, {.opcodes_max = 14}).error().detail, HasSubstr("opcodes_max"));
}

TEST(BigIntTest, BytesAndDecimalsSayTheSame) {
  for (const std::string decimal :
       {"0", "1", "-1", "127", "128", "-128", "-129", "255", "256", "-256", "4294967295", "4294967296",
        "-4294967296", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
        "18446744073709551616", "123456789012345678901234567890",
        "-100000000000000000000000000000000000000000"}) {
    const auto value = BigInt::from_decimal(decimal);
    ASSERT_TRUE(value);
    EXPECT_EQ(value->to_decimal(), decimal);
    EXPECT_EQ(BigInt::from_bytes(value->to_bytes()), *value) << decimal;
    EXPECT_EQ(value->to_int64() ? fmt::format("{}", *value->to_int64()) : decimal, decimal);
  }
  EXPECT_EQ(BigInt::from_bytes("\x80"s).to_decimal(), "-128");
  EXPECT_EQ(BigInt::from_bytes("\0\0\0\x80"s).to_decimal(), "-2147483648");
  EXPECT_EQ(BigInt::from_bytes("\xff\xff\xff\xff\xff"s).to_decimal(), "-1");
  EXPECT_EQ(BigInt::truncated(1e22).to_decimal(), "10000000000000000000000");
  EXPECT_EQ(BigInt::truncated(-2.75).to_decimal(), "-2");
  EXPECT_FALSE(BigInt::from_decimal("1x"));
  EXPECT_FALSE(BigInt::from_decimal("-"));
}

TEST(BigIntTest, WhatIsBeyondEveryFloatIsInfinite) {
  EXPECT_EQ(BigInt::truncated(1.5e308).to_double(), std::trunc(1.5e308));
  const std::string huge = std::string(1'000'000, '\x7f');
  EXPECT_EQ(BigInt::from_bytes(huge).to_double(), HUGE_VAL);
  EXPECT_EQ(BigInt::from_bytes(huge + "\x80").to_double(), -HUGE_VAL);
}

TEST(CompareTest, NumbersAreComparedAcrossTypesExactly) {
  const double two_53 = 9007199254740992.0;
  EXPECT_TRUE(*equal(integer(1), Value{1.0}));
  EXPECT_TRUE(*equal(Value{true}, Value{1.0}));
  EXPECT_TRUE(*equal(integer(9007199254740992), Value{two_53}));
  EXPECT_FALSE(*equal(integer(9007199254740993), Value{two_53}));
  EXPECT_TRUE(*less(Value{two_53}, integer(9007199254740993)));
  EXPECT_TRUE(*equal(big("1267650600228229401496703205376"), Value{std::ldexp(1.0, 100)}));
  EXPECT_FALSE(*equal(big("1267650600228229401496703205377"), Value{std::ldexp(1.0, 100)}));
  EXPECT_TRUE(*less(integer(5), big("18446744073709551616")));
  EXPECT_TRUE(*less(big("-18446744073709551616"), Value{false}));
  EXPECT_TRUE(*less(big("10" + std::string(400, '0')), Value{HUGE_VAL}));
  EXPECT_TRUE(*less(integer(-3), Value{-2.5}));
  EXPECT_FALSE(*less(integer(-2), Value{-2.5}));
  const Value nan{std::numeric_limits<double>::quiet_NaN()};
  EXPECT_FALSE(*equal(nan, nan));
  EXPECT_FALSE(*less(nan, integer(1)));
  EXPECT_FALSE(*less(integer(1), nan));
}

TEST(CompareTest, EqualValuesHaveEqualHashes) {
  const std::pair<Value, Value> same[] = {
      {integer(1), Value{true}},
      {integer(-7), Value{-7.0}},
      {big("1267650600228229401496703205376"), Value{std::ldexp(1.0, 100)}},
      {tuple({integer(0), text("a")}), tuple({Value{-0.0}, text("a")})},
      {decoded("U\x01k"), decoded("X\x01\0\0\0k"s)},
      {decoded("cdecimal\nDecimal\nX\x01\0\0\0"
               "1\x85R"s),
       decoded("X\x07\0\0\0"
               "decimalX\x07\0\0\0"
               "Decimal\x93\x8c\x01"
               "1\x85R"s)},
      {decoded("C\x01\xff"s), decoded("U\x01\xff"s)},
      {Value::of(Kind::frozenset, {integer(1), text("x")}),
       Value::of(Kind::frozenset, {text("x"), Value{1.0}})},
      {Value::of(Kind::complex, {Value{2.0}, Value{0.0}}), integer(2)},
  };
  for (const auto& [a, b] : same) {
    EXPECT_TRUE(*equal(a, b)) << *repr(a);
    EXPECT_EQ(*hash(a), *hash(b)) << *repr(a);
  }
}

TEST(CompareTest, OtherTypesAreNotEqual) {
  EXPECT_FALSE(*equal(text("1"), integer(1)));
  EXPECT_FALSE(*equal(Value::bytes("a"), text("a")));
  EXPECT_FALSE(*equal(tuple({}), list({})));
  EXPECT_FALSE(*equal(Value{}, Value{false}));
  EXPECT_FALSE(*equal(dict({text("a"), integer(1)}), dict({text("b"), integer(1)})));
  EXPECT_TRUE(*equal(dict({text("a"), integer(1), text("b"), integer(2)}),
                     dict({text("b"), integer(2), text("a"), integer(1)})));
}

TEST(CompareTest, ContainersThatChangeAreNoKeys) {
  for (const auto& [value, name] : {std::pair{list({}), "list"},
                                    {dict({}), "dict"},
                                    {Value::of(Kind::set, {}), "set"},
                                    {Value::bytearray(""), "bytearray"}}) {
    EXPECT_EQ(hash(value).error().detail, fmt::format("unhashable type: '{}'", name));
    EXPECT_FALSE(hash(tuple({value})));
  }
}

// With PYTHONHASHSEED=0 the key of Python 3.11 is zero.
TEST(KeyedHashTest, ItIsThatOfPython) {
  EXPECT_EQ(siphash13({}, "a"), 0x407448d2b89b1813u);
  EXPECT_EQ(siphash13({}, "abc"), 0xc03bc3a0042630f2u);
  EXPECT_EQ(siphash13({}, "12345678"), 0x3489982430560a87u);
  EXPECT_EQ(siphash13({}, "hello, sip hash"), 0x35f8d06503ca0f34u);
  EXPECT_NE(siphash13({1, 0}, "a"), siphash13({}, "a"));
  EXPECT_NE(siphash13({0, 1}, "a"), siphash13({}, "a"));
}

TEST(CompareTest, NobodyCanChooseKeysThatShareABucket) {
  // Multiples of a golden ratio's inverse: a hash that multiplies by it leaves them in one of `buckets`.
  constexpr std::uint64_t inverse = 0xf1de'83e1'9937'733du, buckets = 42043, count = 1000;
  static_assert(inverse * 0x9e37'79b9'7f4a'7c15u == 1);
  std::set<std::uint64_t> used;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto number = static_cast<std::int64_t>((i * buckets * inverse) ^ 7);
    used.insert(*hash(integer(number)) % buckets);
  }
  EXPECT_GT(used.size(), count * 9 / 10);
}

TEST(CompareTest, WhatStandsBehindADifferentPriorityIsNeverCompared) {
  const Value opaque = decoded("cm\nC\n)\x81");
  EXPECT_TRUE(*less(tuple({integer(1), opaque}), tuple({integer(2), text("x")})));
  const Result<bool> impossible = less(tuple({integer(1), opaque}), tuple({Value{1.0}, text("x")}));
  ASSERT_FALSE(impossible);
  EXPECT_EQ(impossible.error().detail, "'<' not supported between instances of 'C' and 'str'");
  EXPECT_FALSE(*less(tuple({integer(1), opaque}), tuple({integer(1), opaque})));
}

TEST(CompareTest, TextIsOrderedByCodePoints) {
  EXPECT_TRUE(*less(text("\xef\xbf\xbd"), text("\xf0\x9f\x98\x80")));
  EXPECT_TRUE(*less(text("a"), text("aa")));
  EXPECT_TRUE(*less(list({integer(1)}), list({integer(1), integer(0)})));
  EXPECT_EQ(less(text("a"), integer(1)).error().detail,
            "'<' not supported between instances of 'str' and 'int'");
  EXPECT_FALSE(less(Value{}, Value{}));
}

TEST(ReprTest, TextsArePrintedAsPythonDoes) {
  const std::pair<Value, const char*> printed[] = {
      {text("it's"), "\"it's\""},
      {text("\"it's\""), "'\"it\\'s\"'"},
      {text("a\nb\t\\\x01\x7f"), "'a\\nb\\t\\\\\\x01\\x7f'"},
      {text("\xed\xb2\x80"), "'\\udc80'"},
      {text("caf\xc3\xa9"), "'caf\xc3\xa9'"},
      {Value::bytes("\xff'"), "b\"\\xff'\""},
      {Value{1e16}, "1e+16"},
      {Value{123456.0}, "123456.0"},
      {Value{1e-5}, "1e-05"},
      {Value{0.0001}, "0.0001"},
      {Value{0.1}, "0.1"},
      {Value{1.5e300}, "1.5e+300"},
      {Value{-HUGE_VAL}, "-inf"},
      {tuple({integer(1)}), "(1,)"},
      {tuple({}), "()"},
      {list({Value{}, Value{true}}), "[None, True]"},
      {dict({text("a"), list({})}), "{'a': []}"},
      {Value::of(Kind::set, {}), "set()"},
      {Value::of(Kind::set, {integer(1)}), "{1}"},
      {Value::of(Kind::frozenset, {integer(1)}), "frozenset({1})"},
      {Value::of(Kind::complex, {Value{0.0}, Value{2.0}}), "2j"},
  };
  for (const auto& [value, expected] : printed) EXPECT_EQ(*repr(value), expected);
}

TEST(PiecesTest, IterationGivesWhatListWould) {
  const auto printed = [](const char* opcodes, std::size_t bytes) {
    const Result<std::vector<Fragment>> elements = iterate({.bytes = std::string(opcodes, bytes)});
    if (!elements) return elements.error().detail;
    std::string out;
    for (const Fragment& element : *elements) out += *repr(*decode(element)) + " ";
    return out;
  };
#define PRINTED(opcodes) printed(opcodes, sizeof(opcodes) - 1)
  EXPECT_EQ(PRINTED("c__builtin__\nxrange\nK\x01K\x08K\x03\x87R"), "1 4 7 ");
  EXPECT_EQ(PRINTED("c__builtin__\nlist\n](K\x01K\x02"
                    "e\x85R"),
            "1 2 ");
  EXPECT_EQ(PRINTED("X\x03\0\0\0a\xc3\xa9"), "'a' '\xc3\xa9' ");
  EXPECT_EQ(PRINTED("}(U\x01kK\x01U\x01lK\x02u"), "'k' 'l' ");
  EXPECT_EQ(PRINTED("K\x05"), "'int' object is not iterable");
#undef PRINTED
}

TEST(PiecesTest, LongTextsAndRangesAreNotSpreadOut) {
  const Limits limits{.inline_bytes_max = 20, .value_elements_max = 3};
  EXPECT_THAT(iterate({.bytes = "U\x04"
                                "abcd"},
                      limits)
                  .error()
                  .detail,
              HasSubstr("value_elements_max"));
  EXPECT_THAT(iterate({.bytes = "c__builtin__\nxrange\nK\x01K\x08K\x01\x87R"}, limits).error().detail,
              HasSubstr("value_elements_max"));
  // list(['aa…', the same, the same]) as a call: each element would be written on its own.
  const std::string shared = "c__builtin__\nlist\n](X\x64\0\0\0"s + std::string(100, 'a') + "r\0\0\0\0"s;
  const Fragment thrice{.bytes = shared + "j\0\0\0\0j\0\0\0\0e\x85R"s};
  EXPECT_THAT(iterate(thrice, {.inline_factor_max = 1, .inline_bytes_max = 20}).error().detail,
              HasSubstr("inline_bytes_max"));
  EXPECT_EQ(iterate(thrice)->size(), 3u);
}

TEST(PiecesTest, PairsGiveWhatDictWould) {
  EXPECT_EQ(pairs({.bytes = "](U\x01kK\x01\x86U\x02zye"})->size(), 4u);
  EXPECT_EQ(pairs({.bytes = "ccollections\nOrderedDict\n](](U\x01zK\x01"
                            "ee\x85R"})
                ->size(),
            2u);
  EXPECT_THAT(pairs({.bytes = "](K\x01"
                              "e"})
                  .error()
                  .detail,
              HasSubstr("element #0"));
  EXPECT_THAT(pairs({.bytes = "](U\x03"
                              "abce"})
                  .error()
                  .detail,
              HasSubstr("has length 3; 2 is required"));
}

TEST(PiecesTest, WhatPairsShareHasOneBoundForAllOfThem) {
  std::string sequence = "](";
  for (char memo = 0; memo < 3; ++memo) {
    const std::string number{memo, 0, 0, 0};
    sequence +=
        "c__builtin__\nlist\n](X\x64\0\0\0"s + std::string(100, 'a') + "r" + number + "j" + number + "e\x85R";
  }
  const Fragment fragment{.bytes = sequence + "e"};
  EXPECT_EQ(pairs(fragment)->size(), 6u);
  EXPECT_THAT(pairs(fragment, {.inline_factor_max = 1, .inline_bytes_max = 500}).error().detail,
              HasSubstr("inline_bytes_max"));
}

TEST(PiecesTest, ElementIsNotWrittenFurtherThanItsBound) {
  // OrderedDict of a list that stands for 2^18 texts of 100 bytes.
  std::string value = "X\x64\0\0\0"s + std::string(100, 'a');
  for (char memo = 0; memo < 18; ++memo) {
    const std::string number{memo, 0, 0, 0};
    value = "](" + value + "r" + number + "j" + number + "e";
  }
  const Result<std::vector<Fragment>> elements =
      pairs({.bytes = "ccollections\nOrderedDict\n)R(K\x01" + value + "u"}, {.inline_bytes_max = 1000});
  ASSERT_FALSE(elements);
  EXPECT_EQ(elements.error().code, Errc::limit_reached);
  EXPECT_THAT(elements.error().detail, HasSubstr("inline_bytes_max"));
}

}  // namespace
}  // namespace reeve::pickle
