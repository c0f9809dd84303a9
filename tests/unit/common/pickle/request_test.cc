#include "common/pickle/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/pickle/pieces.h"
#include "tests/unit/common/pickle/vectors.h"

namespace reeve::pickle {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAreArray;
using namespace std::string_literals;

std::vector<std::string> dotted(const std::vector<ClassName>& classes) {
  std::vector<std::string> out;
  for (const ClassName& name : classes) out.push_back(name.module + "." + name.name);
  return out;
}

// "(I P M A)", protocol 2: what a client sends, with any opcodes as the arguments.
std::string request_of(const std::string& args) { return "\x80\x02(U\x02idU\x03put"s + args + "}t."; }

TEST(RequestTest, EveryValueThatPythonsSendIsCutOutAsTheOracleDoes) {
  for (const ValueVector& vector : vectors().values) {
    SCOPED_TRACE(vector.title());
    const Result<Request> request = parse_request(vector.request);
    ASSERT_TRUE(request) << request.error().detail;
    EXPECT_EQ(request->method, vector.method);
    EXPECT_EQ(request->ident, vectors().ident);
    const Result<Fragment> fragment = picked(vector);
    ASSERT_TRUE(fragment) << fragment.error().detail;
    // An element is cut out in two steps here, the oracle does it in one: the memo may be numbered differently.
    if (vector.pick.from != Pick::From::element) {
      EXPECT_EQ(to_hex(fragment->bytes), to_hex(vector.fragment));
      EXPECT_EQ(fragment->fixups, vector.fixups);
    }
    EXPECT_EQ(fragment->protocol, vector.protocol);
    EXPECT_EQ(fragment->python2_names, vector.python2_names);
    std::vector<std::string> classes = vector.classes;
    std::ranges::sort(classes);
    classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
    EXPECT_THAT(dotted(fragment->classes), UnorderedElementsAreArray(classes));
  }
}

TEST(RequestTest, EveryPythonIsAnsweredInItsOwnGeneration) {
  for (const ControlVector& vector : vectors().controls) {
    const Result<Request> request = parse_request(vector.request);
    ASSERT_TRUE(request) << vector.python << ' ' << vector.name;
    const Reader expected = vector.python == "2.7"                             ? Reader::python2
                            : vector.python == "3.6" || vector.python == "3.7" ? Reader::python3_old
                                                                               : Reader::python3;
    EXPECT_EQ(request->reader, expected) << vector.python;
    EXPECT_EQ(request->method, vector.method) << vector.name;
    if (vector.parsed.empty()) continue;  // what is in it has no text
    EXPECT_EQ(request->ident.has_value(), vector.parsed.starts_with("('")) << vector.parsed;
  }
}

TEST(RequestTest, HostilePayloadsAreRefusedAndOddOnesTaken) {
  const std::vector<HostileVector> hostile = hostile_vectors();
  EXPECT_EQ(hostile.size(), 65u);
  for (const HostileVector& vector : hostile) {
    const Result<Request> request = parse_request(vector.payload);
    EXPECT_EQ(request.has_value(), vector.verdict == "accept")
        << vector.name << ": " << (request ? "accepted" : request.error().detail);
  }
}

TEST(RequestTest, ValueThatIsTheMethodNameItself) {
  // q.put('put'): one string object in Python, so the value is a reference to the method's name.
  const Result<Request> request =
      parse_request("\x80\x04(\x8c\x02id\x94\x8c\x03put\x94h\x01\x85\x94}\x94t\x94."s);
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_EQ(request->args.at(0).bytes, "\x8c\x03put");
  EXPECT_EQ(request->args.at(0).memo_count, 0u);
}

TEST(RequestTest, KeywordsAreFoundByName) {
  const std::string payload =
      "\x80\x02(U\x02idU\x03get)}(U\x05"
      "block\x88U\x07timeoutG\x3f\xf0\0\0\0\0\0\0ut."s;
  const Result<Request> request = parse_request(payload);
  ASSERT_TRUE(request) << request.error().detail;
  ASSERT_NE(request->keyword("timeout"), nullptr);
  EXPECT_EQ(request->keyword("block")->bytes, "\x88");
  EXPECT_EQ(request->keyword("nope"), nullptr);
}

TEST(RequestTest, TokensInProxiesAreNoticed) {
  // RebuildProxy(ListProxy, Token('list', ('127.0.0.1', 5000), 'the ident'), 'pickle', {})
  const std::string proxy =
      "cmultiprocessing.managers\nRebuildProxy\n(cmultiprocessing.managers\nListProxy\n"
      "cmultiprocessing.managers\nToken\n)\x81(U\x04listU\t127.0.0.1M\x88\x13\x86U\tthe "
      "identtbU\x06pickle}tR";
  const Result<Request> request = parse_request(request_of("]" + proxy + "a\x85"));
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_EQ(request->args.at(0).token_idents, std::vector<std::string>{"the ident"});
}

TEST(RequestTest, ClassesAreListedOnceEach) {
  std::string list = "](";
  for (int i = 0; i < 200; ++i) list += "cm\nC" + std::to_string(i % 50) + "\n";
  const Result<Request> request = parse_request(request_of(list + "e\x85"));
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_EQ(request->args.at(0).classes.size(), 50u);
  EXPECT_EQ(request->args.at(0).classes.back(), (ClassName{"m", "C49"}));
}

TEST(RequestTest, RequestIsReadIntoTheMemoryOfTheOneBefore) {
  RequestParser parser;
  Request request;
  ASSERT_TRUE(parser.parse(request_of("(K\x01K\x02K\x03t"), request));
  EXPECT_EQ(request.args.size(), 3u);
  ASSERT_TRUE(parser.parse(request_of("(K\x04t"), request));
  ASSERT_EQ(request.args.size(), 1u);
  EXPECT_EQ(request.args.at(0).bytes, "K\x04");
}

TEST(RequestTest, ReaderIsKnownEvenWhenTheRequestIsRefused) {
  RequestParser parser;
  Request request;
  ASSERT_FALSE(parser.parse("\x80\x02(K.", request));
  EXPECT_EQ(request.reader, Reader::python2);
}

struct LimitCase {
  const char* name;
  Limits limits;
  std::string args;
};

TEST(RequestTest, ProxyThatIsSharedIsNamedOnce) {
  const std::string proxy =
      "cmultiprocessing.managers\nRebuildProxy\n(cmultiprocessing.managers\nListProxy\n"
      "cmultiprocessing.managers\nToken\n)\x81(U\x04listNU\x09the identtbU\x06pickle}tR";
  const Result<Request> request = parse_request(request_of("((" + proxy + "q\x05h\x05tt"));
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_EQ(request->args.at(0).token_idents, std::vector<std::string>{"the ident"});
}

TEST(RequestTest, EveryLimitIsNamedInItsError) {
  const std::string shared = "X\x64\0\0\0"s + std::string(100, 'a') + "q\0"s;
  std::string many_gets;
  for (int i = 0; i < 100; ++i) many_gets += "h\0"s;
  const LimitCase cases[] = {
      {"pickle_bytes_max", {.pickle_bytes_max = 10}, ")"},
      {"opcodes_max", {.opcodes_max = 9}, "(NNNNt"},
      {"stack_max", {.stack_max = 5}, "(NNNNt"},
      {"marks_max", {.marks_max = 3}, "(((ttt"},
      {"depth_max", {.depth_max = 4}, ")\x85\x85\x85\x85"},
      {"memo_max", {.memo_max = 2}, "(Nq\x01Nq\x02Nq\x03t"},
      {"decimal_digits_max", {.decimal_digits_max = 3}, "(L1234L\nt"},
      {"arguments_max", {.arguments_max = 2}, "(NNNt"},
      {"inline_factor_max",
       {.inline_factor_max = 1, .inline_extra_bytes = 0},
       shared + "0(](" + many_gets + "et"},
      {"inline_bytes_max", {.inline_bytes_max = 150}, shared + "0(h\0h\0t"s},
      {"class_names_max_bytes", {.class_names_max_bytes = 399}, shared + "0(h\0h\0\x93h\0h\0\x93t"s},
      // Each argument lists the class: twice the 100 bytes, which are copied once.
      {"inline_bytes_max",
       {.inline_bytes_max = 600},
       shared + "0h\0h\0\x93q\x01"
                "0(h\x01h\x01h\x01t"s},
  };
  for (const LimitCase& limit : cases) {
    const Result<Request> request = parse_request(request_of(limit.args), limit.limits);
    ASSERT_FALSE(request) << limit.name;
    EXPECT_EQ(request.error().code, Errc::limit_reached);
    EXPECT_THAT(request.error().detail, HasSubstr(limit.name));
    EXPECT_TRUE(parse_request(request_of(limit.args))) << limit.name;
  }
}

TEST(PiecesTest, ContainersComeApartAndAtomsDoNot) {
  const Result<Request> request =
      parse_request(request_of("(](K\x01K\x02"
                               "e}(U\x01kK\x03uU\x01st"));
  ASSERT_TRUE(request) << request.error().detail;
  const Result<Pieces> list = split(request->args.at(0)), dict = split(request->args.at(1));
  ASSERT_TRUE(list && dict);
  EXPECT_EQ(list->kind, Pieces::Kind::list);
  ASSERT_EQ(list->elements.size(), 2u);
  EXPECT_EQ(list->elements[1].bytes, "K\x02");
  EXPECT_EQ(dict->kind, Pieces::Kind::dict);
  ASSERT_EQ(dict->elements.size(), 2u);
  EXPECT_EQ(dict->elements[0].bytes, "U\x01k");
  EXPECT_FALSE(split(request->args.at(2)));
}

}  // namespace
}  // namespace reeve::pickle
