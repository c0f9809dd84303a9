// What the Manager's bounds refuse, and names and proxies after a restart: a Manager of its own with small limits.
#include "master/managers/manager.h"

#include <optional>

#include "tests/unit/master/managers/manager_fixture.h"

namespace reeve::master::managers {
namespace {

using testing::HasSubstr;

// A Manager with other limits than the usual ones.
class SmallManagerTest : public ManagerTest {
 protected:
  void start() {
    small.emplace(broker, options, static_cast<Replies&>(*this));
    answers.manager = &*small;
    send(1, Request{"", "accept_connection"}.text("test"));
  }
  std::string send(int session, const Request& request) {
    (void)small->request(id(session), request.done(), now, answers);
    return heard(session).back();
  }
  std::string call(const Request& request) { return send(1, request); }
  std::string made(const Request& create) {
    const std::string answer = send(next_short++, create);
    const std::size_t at = answer.find("#RETURN");
    EXPECT_NE(at, std::string::npos) << answer;
    return answer.substr(at + 10, static_cast<std::size_t>(answer.at(at + 9)));
  }
  // array('b', [elements])
  static std::string bytes_array(std::string_view elements) {
    return fmt::format("carray\narray\n(U\x01\x62]({}\x65tR", elements);
  }
  std::string list_of_one() {
    std::string list = made(Request{"", "create"}.text("list"));
    EXPECT_THAT(call(Request{list, "append"}.number(0)), HasSubstr("#RETURN"));
    return list;
  }

  void reply(SessionId to, std::string_view payload, Leaves, bool) override {
    replies[static_cast<int>(to.value)].emplace_back(payload);
    small->answered(to, now, answers);
  }

  std::optional<Manager> small;
};

TEST_F(SmallManagerTest, AListHoldsAsManyItemsAsTheLimitSays) {
  options.objects.list_items_max = 3;
  start();
  const std::string list = list_of_one();
  for (int i = 1; i < 3; ++i) EXPECT_THAT(call(Request{list, "append"}.number(i)), HasSubstr("#RETURN"));
  const auto refused = HasSubstr("managers-list-items-max is 3");
  EXPECT_THAT(call(Request{list, "append"}.number(3)), refused);
  EXPECT_THAT(call(Request{list, "insert"}.number(0).number(3)), refused);
  EXPECT_THAT(call(Request{list, "extend"}.raw("](K\x01K\x02K\x03K\x04\x65")), refused);
  EXPECT_THAT(call(Request{list, "__mul__"}.number(2)), refused);
  EXPECT_THAT(call(Request{list, "__imul__"}.number(2'000'000'000)), refused);
  EXPECT_THAT(call(Request{list, "__imul__"}.number(1)), HasSubstr("#RETURN"));
  EXPECT_THAT(call(Request{list, "__len__"}), HasSubstr("K\x03"));
}

TEST_F(SmallManagerTest, ADictHoldsAsManyItemsAsTheLimitSays) {
  options.objects.list_items_max = 2;
  start();
  const std::string answer = send(next_short++, Request{"", "create"}.text("dict"));
  const std::size_t at = answer.find("#RETURN");
  const std::string dict = answer.substr(at + 10, static_cast<std::size_t>(answer.at(at + 9)));
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(call(Request{dict, "__setitem__"}.number(i).number(i)), HasSubstr("#RETURN"));
  EXPECT_THAT(call(Request{dict, "__setitem__"}.number(2).number(2)),
              HasSubstr("managers-list-items-max is 2"));
  EXPECT_THAT(call(Request{dict, "setdefault"}.number(2)), HasSubstr("managers-list-items-max is 2"));
  EXPECT_THAT(call(Request{dict, "__setitem__"}.number(1).number(5)), HasSubstr("#RETURN"));
}

TEST_F(SmallManagerTest, ANamespaceAndAnArrayHoldAsManyItemsAsTheLimitSays) {
  options.objects.list_items_max = 2;
  start();
  const std::string space = made(Request{"", "create"}.text("Namespace"));
  for (const std::string_view name : {"a", "b", "a"})
    EXPECT_THAT(call(Request{space, "__setattr__"}.text(name).number(1)), HasSubstr("#RETURN"));
  const auto refused = HasSubstr("managers-list-items-max is 2");
  EXPECT_THAT(call(Request{space, "__setattr__"}.text("c").number(1)), refused);
  const std::string array = made(Request{"", "create"}.text("Array").text("b").raw("](K\x01K\x02\x65"));
  EXPECT_THAT(call(Request{array, "__setslice__"}.number(0).number(0).raw(bytes_array("K\x03"))), refused);
  EXPECT_THAT(call(Request{array, "__setslice__"}.number(0).number(1).raw(bytes_array("K\x03"))),
              HasSubstr("#RETURN"));
}

TEST_F(SmallManagerTest, WhatAnObjectTakesBesideItsItemsCountsInTheBytesOfObjects) {
  options.objects.objects_max_bytes = 1'000'000;
  start();
  const auto refused = HasSubstr("managers-objects-max-bytes");
  const std::string array = made(Request{"", "create"}.text("Array").text("b").raw("](K\x01\x65"));
  std::string numbers;
  for (int i = 0; i < 40'000; ++i) numbers += "K\x01";
  const Request grow = Request{array, "__setslice__"}.number(0).number(0).raw(bytes_array(numbers));
  EXPECT_THAT(call(grow), HasSubstr("#RETURN"));
  EXPECT_THAT(call(grow), refused);
  EXPECT_THAT(send(next_short++, Request{"", "create"}.text("Array").text("b").raw("](" + numbers + "\x65")),
              refused);
  const std::string machine_values =
      "\x96" + std::string{"\x40\x9c\0\0\0\0\0\0", 8} + std::string(40'000, 'a');
  EXPECT_THAT(send(next_short++, Request{"", "create"}.text("Array").text("b").raw(machine_values)), refused);
  send(next_short++, Request{"", "decref"}.text(array));

  const std::string dict = made(Request{"", "create"}.text("dict"));
  for (int i = 0; i < 1'000; ++i) call(Request{dict, "__setitem__"}.number(i).number(i));
  std::string answer;
  for (int i = 0; i < 100 && !answer.contains("MemoryError"); ++i) answer = call(Request{dict, "__iter__"});
  EXPECT_THAT(answer, refused);
  send(next_short++, Request{"", "decref"}.text(dict));
}

TEST_F(SmallManagerTest, NamesOfClassesCountInTheBytesOfObjects) {
  options.objects.objects_max_bytes = 1'000'000;
  start();
  const std::string list = list_of_one();
  // A tuple of ten classes of one module, whose name of 60,000 bytes is memoised.
  std::string classes = "(X" + std::string{"\x60\xea\0\0", 4} + std::string(60'000, 'a') + "q\x01" + "0";
  for (char name = 'a'; name < 'k'; ++name) classes = classes + "h\x01\x8c\x01" + name + '\x93';
  EXPECT_THAT(call(Request{list, "append"}.raw(classes + "t")), HasSubstr("#RETURN"));
  EXPECT_THAT(call(Request{list, "append"}.raw(classes + "t")), HasSubstr("managers-objects-max-bytes"));
}

TEST_F(SmallManagerTest, OneCallAddsAsManyElementsAsTheLimitSays) {
  options.objects.call_elements_max = 4;
  start();
  const auto refused = HasSubstr("managers-call-elements-max is 4");
  const std::string list = list_of_one();
  EXPECT_THAT(call(Request{list, "extend"}.raw("](K\x01K\x02K\x03K\x04\x65")), HasSubstr("#RETURN"));
  EXPECT_THAT(call(Request{list, "extend"}.raw("](K\x01K\x02K\x03K\x04K\x05\x65")), refused);
  EXPECT_THAT(call(Request{list, "extend"}.raw("](" + std::string(50, 'N') + "\x65")), refused);
  EXPECT_THAT(call(Request{list, "extend"}.text("12345")), refused);
  EXPECT_THAT(call(Request{list, "extend"}.raw("c__builtin__\nxrange\n(K\x01K\x06K\x01tR")), refused);
  EXPECT_THAT(call(Request{list, "extend"}.raw("](K\x01\x65")), HasSubstr("#RETURN"));
  EXPECT_THAT(call(with_proxy(Request{list, "extend"}, list)), refused) << "it holds six";
  EXPECT_THAT(call(Request{list, "__len__"}), HasSubstr("K\x06"));
  const auto dict_of = [this](int entries) {
    std::string made = "}(";
    for (int i = 0; i < entries; ++i) made += fmt::format("I{}\nN", i);
    return send(next_short++, Request{"", "create"}.text("dict").raw(made + "u"));
  };
  EXPECT_THAT(dict_of(2), HasSubstr("#RETURN"));
  EXPECT_THAT(dict_of(3), refused);
  const auto array_of = [this](std::string_view elements) {
    return send(next_short++, Request{"", "create"}.text("Array").text("b").raw(elements));
  };
  EXPECT_THAT(array_of("](K\x01K\x02K\x03K\x04\x65"), HasSubstr("#RETURN"));
  EXPECT_THAT(array_of("](K\x01K\x02K\x03K\x04K\x05\x65"), refused);
  EXPECT_THAT(array_of("(K\x01K\x02K\x03K\x04K\x05t"), refused);
  EXPECT_THAT(array_of(std::string{"\x96\x05\0\0\0\0\0\0\0", 9} + "12345"), refused);
}

TEST_F(SmallManagerTest, PlacesOfAListCountInTheBytesOfObjects) {
  options.objects.objects_max_bytes = 1'000'000;
  start();
  const std::string first = list_of_one(), second = list_of_one();
  EXPECT_THAT(call(Request{first, "__imul__"}.number(40'000)), HasSubstr("#RETURN"));
  EXPECT_THAT(call(Request{second, "__imul__"}.number(40'000)), HasSubstr("managers-objects-max-bytes"));
  EXPECT_THAT(call(Request{second, "__mul__"}.number(40'000)), HasSubstr("managers-objects-max-bytes"));
  send(next_short++, Request{"", "decref"}.text(first));
  EXPECT_THAT(call(Request{second, "__imul__"}.number(40'000)), HasSubstr("#RETURN"));
}

TEST_F(SmallManagerTest, AValueWithAProxyTakesNoRoomWhenItIsGone) {
  options.objects.objects_max_bytes = 100'000;
  start();
  const std::string list = list_of_one(), inner = list_of_one();
  const std::string text = "X" + std::string{"\x30\x75\0\0", 4} + std::string(30'000, 'a');
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(call(with_proxy(Request{list, "append"}.raw("("), inner).raw(text + "t")),
                HasSubstr("#RETURN"));
    EXPECT_THAT(call(Request{list, "pop"}), HasSubstr("RebuildProxy"));
  }
}

TEST_F(SmallManagerTest, AProxyOfANamedQueueIsGoodAfterARestartBeforeAnybodyAsksForItsName) {
  const std::string queue = "=task%20queue";
  ASSERT_TRUE(broker.queue_open("task queue", now, answers));
  start();
  EXPECT_THAT(send(2, Request{"", "incref"}.text(queue)), HasSubstr("#RETURN"));
  EXPECT_THAT(call(with_proxy(Request{queue, "put"}, queue)), HasSubstr("#RETURN"));
  EXPECT_THAT(call(Request{queue, "get"}), HasSubstr("RebuildProxy"));
  start();
  EXPECT_THAT(call(Request{queue, "put"}.text("first")), HasSubstr("#RETURN"));
  start();
  const Request token = Request{"", "get_methods"}
                            .raw("cmultiprocessing.managers\nToken\n)\x81(")
                            .text("get_task queue")
                            .raw(
                                "(U\x09"
                                "127.0.0.1I5000\nt")
                            .text(queue)
                            .raw("tb");
  EXPECT_THAT(send(3, token), HasSubstr("task_done"));
}

TEST_F(SmallManagerTest, AProxyOfAQueueThatWasRemovedMakesItAgainWithItsFirstPut) {
  start();
  EXPECT_THAT(send(2, Request{"", "incref"}.text("=tasks")), HasSubstr("#RETURN"));
  EXPECT_EQ(broker.queue("tasks"), nullptr);
  EXPECT_THAT(call(Request{"=tasks", "put"}.text("first")), HasSubstr("#RETURN"));
  EXPECT_NE(broker.queue("tasks"), nullptr);
}

TEST_F(SmallManagerTest, AnIdentThatNoNameHasLeadsToNothing) {
  start();
  for (const std::string_view ident : {"=", "=%41", "=a b", "=%", "=%2"})
    EXPECT_THAT(call(Request{ident, "qsize"}), HasSubstr("KeyError")) << ident;
}

TEST_F(SmallManagerTest, QueuesThatWereRemovedTakeNoRoomOfObjects) {
  options.objects.objects_max = 2;
  start();
  for (int i = 0; i < 200; ++i) {
    const std::string name = fmt::format("reply{}", i);
    EXPECT_THAT(send(next_short++, Request{"", "create"}.text("get_" + name)), HasSubstr("#RETURN"));
    ASSERT_TRUE(broker.queue_control(Asker{}, name, QueueAction::remove, now, answers));
  }
  EXPECT_LE(small->objects(), 64u);
  EXPECT_THAT(call(Request{"=reply0", "put"}.text("late")), HasSubstr("#RETURN"));
  EXPECT_THAT(send(next_short++, Request{"", "create"}.text("list")), HasSubstr("#RETURN"));
}

}  // namespace
}  // namespace reeve::master::managers
