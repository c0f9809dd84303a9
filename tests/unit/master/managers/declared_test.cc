// Objects of the configuration: what is noted of their changes, and that nothing of it gets lost unsaid. Every type with real
// Pythons and a master that is killed: tests/managers/objects_test.py.
#include "master/managers/declared.h"

#include "tests/fakes/recording_effects.h"
#include "tests/unit/master/managers/manager_fixture.h"

namespace reeve::master::managers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class DeclaredTest : public ManagerTest {
 protected:
  DeclaredTest() { connect(1); }

  Result<std::vector<std::string>> declare(std::vector<ObjectDeclaration> declared,
                                           const std::vector<Recovered::Object>& stored = {}) {
    return manager.declare(declared, stored, answers);
  }
  void made(const std::string& type, std::map<std::string, std::string, std::less<>> parameters = {}) {
    const auto declared = declare({{"it", type, std::move(parameters)}});
    ASSERT_TRUE(declared) << declared.error().detail;
    it = create("get_it");
    take_records();
  }
  // What the store has by now.
  const std::vector<Recovered::Object>& stored() {
    take_records();
    return objects_ = disk.open().objects;
  }
  // …and how many records there were since the last call.
  std::size_t take_records() {
    const std::size_t count = answers.kept.size();
    disk.apply(std::exchange(answers.kept, {}));
    return count;
  }
  // The same objects after a restart, in a Manager of their own; what it answers to a call of get_it.
  std::string after_a_restart(const std::string& type, Request (*request)(const std::string& ident),
                              std::map<std::string, std::string, std::less<>> parameters = {}) {
    const auto before = stored();
    Manager next{broker_of_next, options, *this};
    BrokerAnswers effects;
    effects.manager = &next;
    const std::vector<ObjectDeclaration> declared{{"it", type, std::move(parameters)}};
    EXPECT_TRUE(next.declare(declared, before, effects));
    EXPECT_THAT(effects.kept, IsEmpty()) << "nothing has changed";
    (void)next.request(id(900), Request{"", "accept_connection"}.text("test").done(), now, effects);
    (void)next.request(id(900), request("=it").done(), now, effects);
    return heard(900).back();
  }

  std::string it;
  fakes::DiskModel disk;

 private:
  std::vector<Recovered::Object> objects_;
  Broker broker_of_next{Limits{}, Recovered{.epoch = Epoch{2}}, now, 1};
};

TEST_F(DeclaredTest, AChangeOfALargeDictIsOneCellAndItsAnswerWaitsForTheDisk) {
  made("dict");
  for (int i = 0; i < 1'000; ++i) ask(1, Request{it, "__setitem__"}.number(i).number(i));
  EXPECT_EQ(take_records(), 1'000u);
  EXPECT_THAT(ask(1, Request{it, "__setitem__"}.number(500).text("new")), HasSubstr("#RETURN"));
  EXPECT_EQ(leaves, Leaves::when_durable);
  EXPECT_EQ(take_records(), 1u);
  EXPECT_THAT(ask(1, Request{it, "__getitem__"}.number(500)), HasSubstr("new"));
  EXPECT_EQ(leaves, Leaves::when_durable) << "what is read may not be on disk yet";
  EXPECT_EQ(take_records(), 0u);
  EXPECT_THAT(stored()[0].cells, SizeIs(1'000));
  EXPECT_THAT(
      after_a_restart("dict", [](const auto& ident) { return Request{ident, "__getitem__"}.number(500); }),
      HasSubstr("new"));
}

TEST_F(DeclaredTest, InsertionsAtOnePlaceOfALongListMoveFewOthers) {
  made("list");
  for (int i = 0; i < 2'000; ++i) ask(1, Request{it, "append"}.number(i));
  take_records();
  constexpr int insertions = 1'000;
  for (int i = 0; i < insertions; ++i) ask(1, Request{it, "insert"}.number(1'000).number(10'000 + i));
  EXPECT_LT(take_records(), insertions * 20u);
  EXPECT_THAT(stored()[0].cells, SizeIs(3'000));
  EXPECT_THAT(ask(1, Request{it, "__getitem__"}.number(1'999)), HasSubstr("I10000")) << "inserted first";
  EXPECT_THAT(
      after_a_restart("list", [](const auto& ident) { return Request{ident, "__getitem__"}.number(1'999); }),
      HasSubstr("I10000"));
}

TEST_F(DeclaredTest, ALockIsFreeAfterARestartAndLeavesNothingInTheStore) {
  made("Lock");
  EXPECT_THAT(ask(1, Request{it, "acquire"}), HasSubstr("\x88"));
  EXPECT_EQ(leaves, Leaves::now);
  EXPECT_THAT(stored(), IsEmpty());
}

TEST_F(DeclaredTest, APermitThatDidNotReachItsTakerIsCountedAgainInTheStore) {
  made("Semaphore", {{"value", "1"}});
  connect(2);
  gone.insert(2);
  ask(2, Request{it, "acquire"});
  EXPECT_EQ(stored()[0].cells[0].second, "0");
  leave(2);
  EXPECT_EQ(stored()[0].cells[0].second, "1");
}

TEST_F(DeclaredTest, WhileTheStoreCannotBeWrittenItSaysWhyAndChangesNothing) {
  made("list");
  trouble = "the store cannot be written: disk full";
  EXPECT_THAT(ask(1, Request{it, "append"}.number(1)), HasSubstr("disk full"));
  EXPECT_EQ(take_records(), 0u);
  trouble.clear();
  EXPECT_THAT(ask(1, Request{it, "__len__"}), HasSubstr(std::string{"K\0", 2}));
}

TEST_F(DeclaredTest, WhileTooMuchWaitsForTheStoreItIsRefused) {
  made("list");
  unwritten = options.objects.objects_max_bytes + 1;
  EXPECT_THAT(ask(1, Request{it, "append"}.number(1)), HasSubstr("managers-objects-max-bytes"));
  EXPECT_EQ(take_records(), 0u);
  unwritten = 0;
  EXPECT_THAT(ask(1, Request{it, "__len__"}), HasSubstr(std::string{"K\0", 2}));
}

TEST_F(DeclaredTest, AMultipliedListCountsEveryCopyOfItsItems) {
  options.objects.objects_max_bytes = 100'000;
  Manager small{broker, options, *this};
  const std::vector<ObjectDeclaration> declared{{"small", "list", {}}};
  ASSERT_TRUE(small.declare(declared, {}, answers));
  (void)small.request(id(50), Request{"", "accept_connection"}.text("test").done(), now, answers);
  const auto asked = [&](const Request& request) {
    (void)small.request(id(50), request.done(), now, answers);
    return heard(50).back();
  };
  asked(Request{"=small", "append"}.text(std::string(200, 'x')));
  take_records();
  EXPECT_THAT(asked(Request{"=small", "__imul__"}.number(1'000)), HasSubstr("managers-objects-max-bytes"));
  EXPECT_EQ(take_records(), 0u);
  EXPECT_THAT(asked(Request{"=small", "__len__"}), HasSubstr("K\1"));

  EXPECT_THAT(asked(Request{"=small", "__imul__"}.number(100)), HasSubstr("#RETURN"));
  EXPECT_EQ(take_records(), 99u) << "the first one stays where it is";
  EXPECT_THAT(asked(Request{"=small", "__imul__"}.number(10)), HasSubstr("managers-objects-max-bytes"));
  EXPECT_THAT(asked(Request{"=small", "__len__"}), HasSubstr("Kd"));
  asked(Request{"=small", "__delitem__"}.number(0));
  EXPECT_THAT(asked(Request{"=small", "__imul__"}.number(2)), HasSubstr("#RETURN"));
  EXPECT_EQ(take_records(), 100u);
}

TEST_F(DeclaredTest, WhatItTakesBesideItsItemsCountsFromTheRestartOn) {
  made("Array", {{"typecode", "i"}, {"size", "10000"}});
  options.objects.objects_max_bytes = 100'000;
  const auto grow = [](const std::string& ident) {
    const std::string_view one = "carray\narray\n(U\x01i](K\x03\x65tR";
    return Request{ident, "__setslice__"}.number(0).number(0).raw(one);
  };
  EXPECT_THAT(after_a_restart("Array", grow, {{"typecode", "i"}}), HasSubstr("managers-objects-max-bytes"));
}

TEST_F(DeclaredTest, ItHoldsAsManyItemsAsTheLimitSays) {
  options.objects.declared_items_max = 2;
  for (const std::string_view type : {"list", "dict"}) {
    Manager small{broker, options, *this};
    const std::vector<ObjectDeclaration> declared{{fmt::format("small {}", type), std::string{type}, {}}};
    ASSERT_TRUE(small.declare(declared, {}, answers));
    take_records();
    const int session = type == "list" ? 50 : 60;
    (void)small.request(id(session), Request{"", "accept_connection"}.text("test").done(), now, answers);
    const std::string ident = fmt::format("=small%20{}", type);
    for (int i = 0; i < 3; ++i) {
      const Request request = type == "list" ? Request{ident, "append"}.number(i)
                                             : Request{ident, "__setitem__"}.number(i).number(i);
      (void)small.request(id(session), request.done(), now, answers);
    }
    EXPECT_THAT(heard(session).back(), HasSubstr("managers-declared-items-max is 2"));
    EXPECT_EQ(take_records(), 2u);
  }
}

TEST_F(DeclaredTest, WhatIsNotDeclaredAnyMoreStaysAndTheLogSaysHowToDropIt) {
  made("dict");
  ask(1, Request{it, "__setitem__"}.number(1).number(1));
  const auto held = stored();
  Broker another{Limits{}, Recovered{.epoch = Epoch{3}}, now, 1};
  Manager next{another, options, *this};
  const auto remarks = next.declare({}, held, answers);
  ASSERT_TRUE(remarks);
  EXPECT_THAT(*remarks, ElementsAre(HasSubstr("type = \"none\"")));
  EXPECT_EQ(next.objects(), 1u);
  EXPECT_THAT(stored(), SizeIs(1));

  Broker third{Limits{}, Recovered{.epoch = Epoch{4}}, now, 1};
  Manager dropping{third, options, *this};
  const std::vector<ObjectDeclaration> none{{"it", "none", {}}};
  EXPECT_THAT(*dropping.declare(none, held, answers), ElementsAre(HasSubstr("dropped")));
  EXPECT_THAT(stored(), IsEmpty());
}

TEST_F(DeclaredTest, AParameterThatIsMissingOrOfAnotherTypeIsNamed) {
  const auto refused = [this](const std::string& type,
                              std::map<std::string, std::string, std::less<>> parameters) {
    const auto checked = check({"it", type, std::move(parameters)}, options.objects);
    return checked ? "fine" : checked.error().detail;
  };
  EXPECT_EQ(refused("Array", {}), "an Array needs a typecode, such as \"i\" for integers");
  EXPECT_THAT(refused("Array", {{"typecode", "z"}}), HasSubstr("bad typecode (must be b, B"));
  EXPECT_EQ(refused("Array", {{"typecode", "i"}, {"size", "1.5"}}), "size is an integer, not '1.5'");
  EXPECT_EQ(refused("Value", {{"typecode", "i"}, {"value", "1.5"}}),
            "value is an integer, not '1.5' (its typecode is i)");
  EXPECT_EQ(refused("Value", {{"typecode", "d"}, {"value", "abc"}}),
            "value is a number, not 'abc' (its typecode is d)");
  EXPECT_EQ(refused("Value", {{"typecode", "d"}, {"value", "1.5"}}), "fine");
}

TEST_F(DeclaredTest, ADamagedCellIsAnErrorThatNamesTheObject) {
  const std::vector<Recovered::Object> held{{.record = {"it", "dict", ""}, .cells = {{1, "no pair"}}}};
  const auto declared = declare({{"it", "dict", {}}}, held);
  ASSERT_FALSE(declared);
  EXPECT_EQ(declared.error().code, Errc::storage_failed);
  EXPECT_THAT(declared.error().detail, HasSubstr("[objects.it]"));
}

TEST_F(DeclaredTest, AValueThatItsReaderCannotHaveStaysInListAndDict) {
  for (const std::string type : {"list", "dict"}) {
    const std::string object = create(type);
    const int session = type == "list" ? 10 : 20;
    connect(session);
    // A class within a class has no name in Python 2.
    const std::string method = type == "list" ? std::string(
                                                    "U\x06"
                                                    "append(")
                                              : std::string("U\x0b__setitem__(K\x01");
    const std::string put = "\x80\x04(U" + std::string(1, static_cast<char>(object.size())) + object +
                            method +
                            "\x8c\x08__main__\x8c\x03"
                            "A.B\x93t}t.";
    (void)manager.request(id(session), put, now, answers);
    EXPECT_THAT(heard(session), ElementsAre(HasSubstr("#RETURN")));
    Request pop{object, "pop"};
    if (type == "dict") pop.number(1);
    EXPECT_THAT(ask(session, pop), HasSubstr("#UNSERIALIZABLE"));
    EXPECT_THAT(ask(session, Request{object, "__len__"}), HasSubstr("K\x01"));
  }
}

}  // namespace
}  // namespace reeve::master::managers
