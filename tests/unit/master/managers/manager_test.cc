#include "master/managers/manager.h"

#include "common/pickle/stored.h"
#include "master/managers/objects/queue.h"
#include "tests/unit/master/managers/manager_fixture.h"

namespace reeve::master::managers {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A pickled tuple (x, last), of which x is a tuple that stands for 2^17 numbers and takes a hundred bytes.
std::string shared_tuple(int last) {
  std::string value = "K\x01";
  for (char memo = 0; memo < 17; ++memo) value = value + 'q' + memo + 'h' + memo + '\x86';
  return value + fmt::format("I{}\n", last) + '\x86';
}

TEST_F(ManagerTest, AFirstRequestIsAnsweredAndEndsTheConnectionUnlessCallsFollow) {
  EXPECT_THAT(ask(1, Request{"", "dummy"}), HasSubstr("#RETURN"));
  EXPECT_THAT(ask(2, Request{"", "frobnicate"}), HasSubstr("AssertionError: 'frobnicate'"));
  EXPECT_THAT(closing, ElementsAre(id(1), id(2)));
  connect(3);
  EXPECT_EQ(closing.size(), 2u);
}

TEST_F(ManagerTest, AnObjectLivesAsLongAsSomebodyHoldsAReference) {
  const std::string queue = create("Queue");
  EXPECT_THAT(ask(1, Request{"", "incref"}.text(queue)), HasSubstr("#RETURN"));
  EXPECT_THAT(ask(2, Request{"", "decref"}.text(queue)), HasSubstr("#RETURN"));
  EXPECT_EQ(manager.objects(), 1u);
  EXPECT_THAT(ask(3, Request{"", "decref"}.text(queue)), HasSubstr("#RETURN"));
  EXPECT_EQ(manager.objects(), 0u);
  EXPECT_THAT(ask(4, Request{"", "decref"}.text(queue)), HasSubstr("KeyError"));
}

TEST_F(ManagerTest, ANamedQueueIsTheSameForAllAndStaysWithoutReferences) {
  const std::string queue = create("get_task_queue");
  EXPECT_EQ(create("get_task_queue"), queue);
  for (int i = 0; i < 2; ++i) ask(next_short++, Request{"", "decref"}.text(queue));
  EXPECT_THAT(ask(1, Request{"", "decref"}.text(queue)), HasSubstr("\nAssertionError: nobody holds"));
  EXPECT_EQ(create("get_task_queue"), queue);
  EXPECT_NE(broker.queue("task_queue"), nullptr);
}

TEST_F(ManagerTest, WhoseOwnNameBeginsWithGetIsFoundByThatName) {
  ASSERT_TRUE(manager.declare(std::vector<ObjectDeclaration>{{"get_scores", "dict", {}}}, {}, answers));
  connect(1);
  EXPECT_THAT(ask(1, Request{create("get_scores"), "__len__"}), HasSubstr("#RETURN"));
  EXPECT_EQ(broker.queue("scores"), nullptr);
  put_natively("get_tasks", "7");
  EXPECT_THAT(ask(1, Request{create("get_tasks"), "qsize"}), HasSubstr("K\x01"));
  EXPECT_EQ(broker.queue("tasks"), nullptr);
}

TEST_F(ManagerTest, WaitingGettersAreServedInTheOrderOfTheirArrival) {
  for (const std::string_view type : {"Queue", "get_tasks"}) {
    const std::string queue = create(type);
    for (int session = 1; session <= 3; ++session) {
      if (type == "Queue") connect(session);
      EXPECT_EQ(ask(session, Request{queue, "get"}), "(waits)");
    }
    if (type == "Queue") connect(9);
    ask(9, Request{queue, "put"}.text("first"));
    ask(9, Request{queue, "put"}.text("second"));
    EXPECT_THAT(heard(1), ElementsAre(HasSubstr("first")));
    EXPECT_THAT(heard(2), ElementsAre(HasSubstr("second")));
    EXPECT_THAT(heard(3), IsEmpty());
    ask(9, Request{queue, "put"}.text("third"));
    EXPECT_THAT(heard(3), ElementsAre(HasSubstr("third")));
  }
}

TEST_F(ManagerTest, AGetThatTimesOutIsEmptyAndTakesNothing) {
  for (const std::string_view type : {"Queue", "get_tasks"}) {
    const std::string queue = create(type);
    if (type == "Queue") connect(1), connect(2);
    EXPECT_EQ(ask(1, Request{queue, "get"}.yes().real(0.5)), "(waits)");
    pass(400ms);
    EXPECT_THAT(heard(1), IsEmpty());
    pass(200ms);
    EXPECT_THAT(heard(1), ElementsAre(HasSubstr("Empty")));
    ask(2, Request{queue, "put"}.text("later"));
    EXPECT_THAT(ask(2, Request{queue, "get"}), HasSubstr("later"));
  }
}

TEST_F(ManagerTest, AClientThatIsGoneTakesNothing) {
  for (const std::string_view type : {"Queue", "get_tasks"}) {
    const std::string queue = create(type);
    const int base = type == "Queue" ? 10 : 20;
    for (int session : {base + 1, base + 2, base + 3}) connect(session);
    ask(base + 1, Request{queue, "get"});
    leave(base + 1);
    ask(base + 2, Request{queue, "get"});
    vanish(base + 2);  // it is handed the item, and that fails
    ask(base + 3, Request{queue, "put"}.text("precious"));
    leave(base + 2);
    EXPECT_THAT(ask(base + 3, Request{queue, "get"}.no()), HasSubstr("precious"));
  }
}

TEST_F(ManagerTest, AnItemThatItsReaderCannotTakeStaysAtTheFront) {
  for (const std::string_view type : {"Queue", "get_tasks"}) {
    const std::string queue = create(type);
    const int base = type == "Queue" ? 10 : 20;
    connect(base + 1), connect(base + 2);
    // A class within a class has no name in Python 2.
    const std::string nested = "\x80\x04(U" + std::string(1, static_cast<char>(queue.size())) + queue +
                               "U\x03put(\x8c\x08__main__\x8c\x03"
                               "A.B\x93t}t.";
    (void)manager.request(id(base + 1), nested, now, answers);
    EXPECT_THAT(heard(base + 1), ElementsAre(HasSubstr("#RETURN")));
    EXPECT_THAT(ask(base + 2, Request{queue, "get"}.no()), HasSubstr("#UNSERIALIZABLE"));
    EXPECT_THAT(ask(base + 2, Request{queue, "qsize"}), HasSubstr("K\x01"));
  }
}

TEST_F(ManagerTest, AnItemThatNoPythonCanReadIsToldOnceAndSetAside) {
  const std::string queue = create("get_tasks"), aside = create("get_tasks.unreadable");
  connect(1);
  put_natively("tasks", R"({"$bytes":"abc"})");
  EXPECT_THAT(ask(1, Request{queue, "get"}.no()),
              AllOf(HasSubstr("#UNSERIALIZABLE"), HasSubstr("is not in base64"), Not(HasSubstr("not JSON")),
                    HasSubstr("'reeve queue get tasks.unreadable'")));
  EXPECT_THAT(warnings, ElementsAre(AllOf(HasSubstr("queue tasks"), HasSubstr("16 bytes"))));
  EXPECT_THAT(ask(1, Request{queue, "qsize"}), HasSubstr("K\x00"s));
  EXPECT_THAT(ask(1, Request{aside, "qsize"}), HasSubstr("K\x01"));
  put_natively("tasks", "12");
  EXPECT_THAT(ask(1, Request{queue, "get"}.no()), HasSubstr("K\x0c"));
  // Nor is it moved on from there, whoever asks for it.
  EXPECT_THAT(ask(1, Request{aside, "get"}.no()), HasSubstr("#UNSERIALIZABLE"));
  EXPECT_THAT(ask(1, Request{aside, "qsize"}), HasSubstr("K\x01"));
}

TEST_F(ManagerTest, AGetThatWaitedForWhatNoPythonCanReadSetsItAsideAsWell) {
  const std::string queue = create("get_tasks");
  connect(1), connect(2);
  EXPECT_EQ(ask(1, Request{queue, "get"}), "(waits)");
  put_natively("tasks", std::string(250, '[') + std::string(250, ']'));
  EXPECT_THAT(heard(1), ElementsAre(AllOf(HasSubstr("#UNSERIALIZABLE"), HasSubstr("value_depth_max"))));
  ASSERT_TRUE(manager.wake_at());
  EXPECT_LE(*manager.wake_at(), now.mono);
  EXPECT_TRUE(manager.tick(now, answers));
  EXPECT_EQ((*broker.queues("tasks"))[0].unfinished, 0u);
  EXPECT_EQ((*broker.queues("tasks.unreadable"))[0].ready, 1u);
}

TEST_F(ManagerTest, WhatCannotBeSetAsideGoesBackToTheFrontAndTheLogSaysWhy) {
  const std::string queue = create("get_tasks");
  ASSERT_TRUE(broker.reserve_name("tasks.unreadable"));
  connect(1);
  put_natively("tasks", "{");
  EXPECT_THAT(ask(1, Request{queue, "get"}.no()), HasSubstr("#UNSERIALIZABLE"));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("is an object of Python programs")));
  EXPECT_THAT(ask(1, Request{queue, "qsize"}), HasSubstr("K\x01"));
}

TEST_F(ManagerTest, AnRLockOfAConnectionThatEndedComesFreeAndALockDoesNot) {
  const std::string reentrant = create("RLock"), plain = create("Lock");
  connect(1), connect(2);
  for (const std::string& lock : {reentrant, plain}) ask(1, Request{lock, "acquire"});
  EXPECT_EQ(ask(2, Request{reentrant, "acquire"}), "(waits)");
  leave(1);
  EXPECT_THAT(heard(2), ElementsAre(HasSubstr("\x88")));
  EXPECT_THAT(ask(2, Request{plain, "acquire"}.no()), HasSubstr("\x89"));
  EXPECT_THAT(ask(2, Request{plain, "release"}), HasSubstr("#RETURN"));
}

TEST_F(ManagerTest, AWaitAtAConditionHasTheLockAgainBeforeItReturns) {
  const std::string condition = create("Condition");
  connect(1), connect(2);
  ask(1, Request{condition, "acquire"});
  ask(1, Request{condition, "acquire"});
  EXPECT_EQ(ask(1, Request{condition, "wait"}.real(1.0)), "(waits)");
  EXPECT_THAT(ask(2, Request{condition, "acquire"}), HasSubstr("\x88"));
  EXPECT_THAT(ask(2, Request{condition, "notify"}), HasSubstr("#RETURN"));
  EXPECT_THAT(heard(1), IsEmpty());
  pass(2s);  // its time-out is over, but it was notified
  EXPECT_THAT(ask(2, Request{condition, "release"}), HasSubstr("#RETURN"));
  EXPECT_EQ(heard(1).size(), 1u);
  EXPECT_THAT(ask(2, Request{condition, "notify"}), HasSubstr("un-acquired"));
  for (int level = 0; level < 2; ++level)
    EXPECT_THAT(ask(1, Request{condition, "release"}), HasSubstr("#RETURN"));
  EXPECT_THAT(ask(1, Request{condition, "release"}), HasSubstr("RuntimeError"));
}

TEST_F(ManagerTest, TheTimeOutOfOneBreaksABarrierForAll) {
  const std::string barrier = [this] {
    const std::string answer = ask(next_short++, Request{"", "create"}.text("Barrier").number(3));
    const std::size_t at = answer.find("#RETURN");
    return answer.substr(at + 10, static_cast<std::size_t>(answer.at(at + 9)));
  }();
  connect(1), connect(2);
  ask(1, Request{barrier, "wait"});
  ask(2, Request{barrier, "wait"}.real(0.1));
  pass(200ms);
  EXPECT_THAT(heard(1), ElementsAre(HasSubstr("BrokenBarrierError")));
  EXPECT_THAT(heard(2), ElementsAre(HasSubstr("BrokenBarrierError")));
}

TEST_F(ManagerTest, AProxyInAValueKeepsItsObjectUntilItsReaderHasCountedAReference) {
  for (const std::string_view type : {"Queue", "list", "get_tasks"}) {
    SCOPED_TRACE(type);
    const std::string inner = create("list"), outer = create(type);
    const std::size_t before = manager.objects() - 1;
    const int session = next_short++;
    connect(session);
    const std::string put = type == "list" ? "append" : "put", take = type == "list" ? "pop" : "get";
    EXPECT_THAT(ask(session, with_proxy(Request{outer, put}, inner)), HasSubstr("#RETURN"));
    ask(next_short++, Request{"", "decref"}.text(inner));
    EXPECT_EQ(manager.objects(), before + 1);
    EXPECT_THAT(ask(session, Request{outer, take}), HasSubstr("RebuildProxy"));
    ask(next_short++, Request{"", "dummy"});
    EXPECT_EQ(manager.objects(), before + 1) << "its reader is about to count a reference";
    pass(Proxies::pickup_max + 1ms);
    EXPECT_EQ(manager.objects(), before);
  }
}

TEST_F(ManagerTest, AProxyInAValueKeepsItsObjectUntilItsReaderCalledTaskDone) {
  ASSERT_TRUE(broker.queue_create(Asker{}, {.name = "leased", .ack_task_done = true}, answers));
  const std::string inner = create("list"), queue = create("get_leased");
  for (const int session : {1, 2, 3}) connect(session);
  ask(1, with_proxy(Request{queue, "put"}, inner));
  ask(next_short++, Request{"", "decref"}.text(inner));
  const std::size_t all = manager.objects();
  EXPECT_THAT(ask(2, Request{queue, "get"}), HasSubstr("RebuildProxy"));
  pass(2 * Proxies::pickup_max);
  leave(2);  // and the item is back in the queue
  EXPECT_THAT(ask(3, Request{queue, "get"}), HasSubstr("RebuildProxy"));
  pass(2 * Proxies::pickup_max);
  EXPECT_EQ(manager.objects(), all);
  EXPECT_THAT(ask(3, Request{queue, "task_done"}), HasSubstr("#RETURN"));
  EXPECT_EQ(manager.objects(), all);
  pass(Proxies::pickup_max + 1ms);
  EXPECT_EQ(manager.objects(), all - 1);
}

TEST_F(ManagerTest, AValueThatNobodyGotKeepsItsObjectsNoLonger) {
  const std::string queue = create("get_tasks");
  connect(1);
  for (int i = 0; i < 200; ++i) {
    const std::string inner = create("list");
    EXPECT_THAT(ask(1, with_proxy(Request{queue, "put"}, inner)), HasSubstr("#RETURN"));
    ask(next_short++, Request{"", "decref"}.text(inner));
    const Asker asker{};
    ASSERT_TRUE(broker.queue_control(asker, "tasks", QueueAction::purge, now, answers));
  }
  EXPECT_LT(manager.objects(), 150u);
}

TEST_F(ManagerTest, AValueThatIsRefusedKeepsNoObject) {
  ASSERT_TRUE(broker.queue_create(Asker{}, {.name = "full", .maxsize = 1}, answers));
  const std::string inner = create("list"), queue = create("get_full");
  connect(1);
  ask(1, Request{queue, "put"}.number(1));
  const std::size_t all = manager.objects();
  EXPECT_THAT(ask(1, with_proxy(Request{queue, "put_nowait"}, inner)), HasSubstr("Full"));
  ask(next_short++, Request{"", "decref"}.text(inner));
  EXPECT_EQ(manager.objects(), all - 1);
}

TEST_F(ManagerTest, GarbageIsAnsweredWithATraceback) {
  connect(1);
  for (const std::string_view junk :
       {"", ".", "\x80\x02N.", "junk", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f"}) {
    (void)manager.request(id(1), junk, now, answers);
    EXPECT_THAT(heard(1), ElementsAre(HasSubstr("#TRACEBACK")));
  }
  EXPECT_THAT(ask(1, Request{"deadbeef", "get"}), HasSubstr("deadbeef"));
}

TEST_F(ManagerTest, ClientsMayNotStopTheMasterUnlessTheSettingSaysSo) {
  EXPECT_THAT(ask(1, Request{"", "shutdown"}), HasSubstr("managers-allow-shutdown"));
  EXPECT_EQ(shut_downs, 0);
  options.allow_shutdown = true;
  EXPECT_THAT(ask(2, Request{"", "shutdown"}), HasSubstr("#RETURN"));
  EXPECT_EQ(shut_downs, 1);
}

TEST_F(ManagerTest, WhileTheStoreCannotBeWrittenNamedQueuesSayWhy) {
  const std::string queue = create("get_tasks");
  connect(1);
  trouble = "the store cannot be written: disk full";
  EXPECT_THAT(ask(1, Request{queue, "put"}.number(1)), HasSubstr("disk full"));
  trouble.clear();
  EXPECT_THAT(ask(1, Request{queue, "qsize"}), HasSubstr(std::string{"K\0", 2}));
}

TEST_F(ManagerTest, WhatValuesShareIsNotComparedWithoutABoundInOneCall) {
  const std::string list = create("list");
  connect(1);
  for (int i = 0; i < 3; ++i) ask(1, Request{list, "append"}.raw(shared_tuple(i)));
  EXPECT_THAT(ask(1, Request{list, "__contains__"}.raw(shared_tuple(-1))), HasSubstr("#RETURN"));
  for (int i = 100; i > 3; --i) ask(1, Request{list, "append"}.raw(shared_tuple(i)));
  EXPECT_THAT(ask(1, Request{list, "__contains__"}.raw(shared_tuple(-1))), HasSubstr("call_steps_max"));
  EXPECT_THAT(ask(1, Request{list, "count"}.raw(shared_tuple(-1))), HasSubstr("call_steps_max"));
  EXPECT_THAT(ask(1, Request{list, "sort"}), HasSubstr("call_steps_max"));
  const std::string dict = create("dict");
  std::string keys = "](";
  for (int i = 0; i < 30; ++i) keys += shared_tuple(i) + "N\x86";
  EXPECT_THAT(ask(1, Request{dict, "update"}.raw(keys + "e")), HasSubstr("steps_max"));
}

TEST_F(ManagerTest, ElementsThatAreWrittenOneByOneHaveABoundTogether) {
  const std::string list = create("list");
  connect(1);
  // OrderedDict of values that share a text of 1 KiB, which 2^17 times is 128 MiB.
  std::string shared = "X" + std::string{"\0\x04\0\0", 4} + std::string(1024, 'a');
  for (char memo = 0; memo < 17; ++memo) shared = shared + 'q' + memo + 'h' + memo + '\x86';
  const std::string value = "ccollections\nOrderedDict\n)R(K\x01" + shared + "u";
  const std::string dict = create("dict");
  EXPECT_THAT(ask(1, Request{dict, "update"}.raw(value)), HasSubstr("inline_bytes_max"));
  EXPECT_THAT(ask(1, Request{dict, "__len__"}), HasSubstr(std::string{"K\0", 2}));
}

TEST_F(ManagerTest, ANameWhoseQueueWasRemovedMakesItAgain) {
  const std::string queue = create("get_tasks");
  ASSERT_TRUE(broker.queue_control(Asker{}, "tasks", QueueAction::remove, now, answers));
  EXPECT_THAT(ask(1, Request{"", "create"}.text("tasks")), HasSubstr("KeyError"));
  EXPECT_EQ(create("get_tasks"), queue);
  EXPECT_NE(broker.queue("tasks"), nullptr);
}

TEST_F(ManagerTest, AnItemThatCouldNotBeDeliveredIsAmongItsEqualsAgain) {
  const std::string queue = create("PriorityQueue");
  for (int session : {1, 2, 3}) connect(session);
  const auto lost = [&](int session, std::string_view item) {  // handed out, and the client is gone
    EXPECT_EQ(ask(session, Request{queue, "get"}), "(waits)");
    vanish(session);
    ask(3, Request{queue, "put"}.raw(item));
  };
  lost(1, "U\x01m");
  ask(3, Request{queue, "put"}.text("a"));
  ask(3, Request{queue, "put"}.raw(std::string_view{"X\x01\0\0\0m", 6}));
  ask(3, Request{queue, "put"}.text("z"));
  leave(1);
  for (const std::string_view next : {"U\x01\x61", "U\x01m", "X\x01", "U\x01z"})
    EXPECT_THAT(ask(3, Request{queue, "get"}.no()), HasSubstr(next));
  lost(2, "K\x05");  // cannot be compared with what comes
  ask(3, Request{queue, "put"}.text("a"));
  leave(2);
  EXPECT_THAT(ask(3, Request{queue, "get"}.no()), HasSubstr("K\x05"));
}

TEST_F(ManagerTest, ALongStepIsNoStepOfOneEitherWhereTheListIsEmpty) {
  const std::string list = create("list");
  connect(1);
  Request assign{list, "__setitem__"};
  assign.raw(
      "c__builtin__\nslice\n(NNK\x05tR](K\x01K\x02"
      "e");
  EXPECT_THAT(ask(1, assign), HasSubstr("ValueError"));
  EXPECT_THAT(ask(1, Request{list, "__len__"}), HasSubstr("K\x00"s));
}

TEST_F(ManagerTest, IndexLooksBetweenNumbersOfAnySize) {
  const std::string list = create("list");
  connect(1);
  ask(1, Request{list, "append"}.text("x"));
  constexpr std::string_view googol = "L1000000000000000000000L\n", less = "L-1000000000000000000000L\n";
  EXPECT_THAT(ask(1, Request{list, "index"}.text("x").raw(less).raw(googol)), HasSubstr("K\x00"s));
  EXPECT_THAT(ask(1, Request{list, "index"}.text("x").raw(googol)), HasSubstr("ValueError"));
  EXPECT_THAT(ask(1, Request{list, "index"}.text("x").real(1.5)), HasSubstr("TypeError"));
}

TEST_F(ManagerTest, TheProxyOfAContainerIsIterable) {
  const std::string list = create("list"), dict = create("dict"), other = create("dict");
  connect(1);
  ask(1, Request{list, "append"}.text("element"));
  EXPECT_THAT(ask(1, with_proxy(Request{list, "extend"}, list)), HasSubstr("#RETURN"));
  EXPECT_THAT(ask(1, Request{list, "__str__"}), HasSubstr("['element', 'element']"));
  ask(1, Request{dict, "__setitem__"}.text("key").text("value"));
  EXPECT_THAT(ask(1, with_proxy(Request{other, "update"}, dict)), HasSubstr("#RETURN"));
  EXPECT_THAT(ask(1, Request{other, "__str__"}), HasSubstr("{'key': 'value'}"));
  EXPECT_THAT(ask(1, with_proxy(Request{list, "extend"}, create("Lock"))),
              HasSubstr("object is not iterable"));
}

TEST_F(ManagerTest, TextsOfObjectsEndAfterAMegabyte) {
  const std::string space = create("Namespace");
  connect(1);
  for (const std::string_view name : {"a", "b", "c", "d", "e", "f"})
    ask(1, Request{space, "__setattr__"}.text(name).raw(shared_tuple(1)));
  const std::string text = ask(1, Request{space, "__str__"});
  EXPECT_THAT(text, HasSubstr("...)"));
  EXPECT_LT(text.size(), 2u * Object::repr_max_bytes);
}

TEST_F(ManagerTest, TextsOfObjectsEndAtTheFirstItemThatIsTooLong) {
  std::string endless = "K\x01";  // 2^60 numbers
  for (char memo = 0; memo < 60; ++memo) endless = endless + 'q' + memo + 'h' + memo + '\x86';
  const std::string list = create("list"), dict = create("dict"), space = create("Namespace");
  for (const int session : {1, 2, 3}) connect(session);
  for (int i = 0; i < 3; ++i) {
    ask(1, Request{list, "append"}.raw(endless));
    ask(2, Request{dict, "__setitem__"}.number(i).raw(endless));
    ask(3, Request{space, "__setattr__"}.text(fmt::format("a{}", i)).raw(endless));
  }
  EXPECT_THAT(ask(1, Request{list, "__str__"}), HasSubstr("[...]"));
  EXPECT_THAT(ask(2, Request{dict, "__str__"}), HasSubstr("{...}"));
  EXPECT_THAT(ask(3, Request{space, "__str__"}), HasSubstr("(a0=...)"));
}

TEST_F(ManagerTest, TextsOfObjectsEndWhereTheStepsOfACallAreSpent) {
  const std::string list = create("list");
  connect(1);
  // An instance of M.C, whose state is a text of nearly a megabyte.
  const std::string instance =
      "cM\nC\n)\x81X" + std::string{"\x40\x42\x0f\0", 4} + std::string(1'000'000, 'a') + 'b';
  for (int i = 0; i < 60; ++i) ask(1, Request{list, "append"}.raw(instance));
  EXPECT_THAT(ask(1, Request{list, "__str__"}), HasSubstr("<M.C object>, ...]"));
  EXPECT_THAT(ask(2, Request{"", "debug_info"}), HasSubstr("[...]"));
}

TEST_F(ManagerTest, TheTextOfAnObjectInDebugInfoEndsWithACharacter) {
  const std::string list = create("list");
  connect(1);
  std::string text;  // of two bytes each, behind [' and so at even places: the 75th byte is half of one
  for (int i = 0; i < 60; ++i) text += "\xc3\xa4";
  ask(1, Request{list, "append"}.raw(std::string{"X\x78\0\0\0", 5} + text));
  const std::string whole = text.substr(0, 72);
  (void)manager.request(id(2), "\x80\x04(NU\x0a\x64\x65\x62ug_info(t}t.", now, answers);  // Python 3
  const std::string info = heard(2).back();
  EXPECT_THAT(info, HasSubstr("['" + whole));
  EXPECT_THAT(info, testing::Not(HasSubstr("?")));
}

TEST(ItemTest, WhatItemsKeepDecodedHasABound) {
  ItemUsage usage;
  {
    const Item item{{.bytes = "](K\x01K\x02"
                              "e"},
                    {},
                    usage};
    usage.decoded_bytes = ItemUsage::decoded_max_bytes;
    EXPECT_EQ(*pickle::repr(item.value()), "[1, 2]");
    EXPECT_EQ(usage.decoded_bytes, ItemUsage::decoded_max_bytes);
    usage.decoded_bytes = 0;
    EXPECT_EQ(*pickle::repr(item.value()), "[1, 2]");
    EXPECT_GT(usage.decoded_bytes, 2 * sizeof(pickle::Value));
  }
  EXPECT_EQ(usage.decoded_bytes, 0u);
}

TEST_F(ManagerTest, ThereIsABoundOnObjects) {
  options.objects.objects_max = 2;
  Manager small{broker, options, *this};
  const std::string request = Request{"", "create"}.text("list").done();
  for (int session = 1; session <= 3; ++session) (void)small.request(id(session), request, now, answers);
  EXPECT_THAT(heard(2), ElementsAre(HasSubstr("#RETURN")));
  EXPECT_THAT(heard(3), ElementsAre(HasSubstr("managers-objects-max")));
}

}  // namespace
}  // namespace reeve::master::managers
