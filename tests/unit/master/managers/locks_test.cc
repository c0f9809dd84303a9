// Lock, RLock, Condition, Semaphore and Queue, when clients leave at the worst moment.
#include "tests/unit/master/managers/manager_fixture.h"

namespace reeve::master::managers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LocksTest : public ManagerTest {
 protected:
  LocksTest() {
    for (int session = 1; session <= 6; ++session) connect(session);
  }
  bool takes(int session, std::string_view object) {
    return ask(session, Request{object, "acquire"}.no()).find('\x88') != std::string::npos;
  }
  // What it is answered is lost.
  void takes_unheard(int session, std::string_view object) {
    vanish(session);
    EXPECT_EQ(ask(session, Request{object, "acquire"}), "(waits)");
  }
  std::string condition_of(std::string_view lock) {
    return made_by(with_proxy(Request{"", "create"}.text("Condition"), lock));
  }
  void waits(int session, std::string_view condition, double seconds = 1.0) {
    EXPECT_TRUE(takes(session, condition));
    EXPECT_EQ(ask(session, Request{condition, "wait"}.real(seconds)), "(waits)");
  }
  std::string release(int session, std::string_view object) {
    return ask(session, Request{object, "release"});
  }
};

TEST_F(LocksTest, ALockOfSomebodyElseStaysTakenWhenAnEarlierOwnerNeverHeardOfIt) {
  const std::string lock = create("Lock");
  takes_unheard(1, lock);
  EXPECT_THAT(release(2, lock), HasSubstr("#RETURN"));
  EXPECT_TRUE(takes(3, lock));
  leave(1);
  EXPECT_FALSE(takes(4, lock)) << "session 3 has it";
  release(3, lock);
  takes_unheard(5, lock);
  leave(5);
  EXPECT_TRUE(takes(4, lock));
}

TEST_F(LocksTest, ABoundedSemaphoreKeepsItsBoundWhenAClaimThatWasReleasedComesBack) {
  const std::string places = create("BoundedSemaphore");
  takes_unheard(1, places);
  EXPECT_THAT(release(2, places), HasSubstr("#RETURN"));
  leave(1);
  EXPECT_TRUE(takes(3, places));
  EXPECT_FALSE(takes(4, places));
}

TEST_F(LocksTest, ASemaphoreWithTheLargestCountTakesAClaimBack) {
  const std::string tickets = create("Semaphore");
  takes_unheard(1, tickets);
  const std::string largest = "\x8a\x08" + std::string(7, '\xff') + '\x7f';
  EXPECT_THAT(ask(2, Request{tickets, "release"}.raw(largest)), HasSubstr("#RETURN"));
  leave(1);
  EXPECT_TRUE(takes(2, tickets));
}

TEST_F(LocksTest, AWaiterThatIsGoneWhenItIsWokenLeavesTheLockToOthers) {
  for (const std::string_view kind : {"Lock", "RLock"}) {
    SCOPED_TRACE(kind);
    const std::string lock = create(kind), condition = condition_of(lock);
    int waiter = next_short;
    next_short += 3;
    for (int session = waiter; session < next_short; ++session) connect(session);

    waits(waiter, condition);  // notified, and it has the lock when the other releases it
    EXPECT_TRUE(takes(1, condition));
    EXPECT_THAT(ask(1, Request{condition, "notify"}), HasSubstr("#RETURN"));
    vanish(waiter);
    release(1, condition);
    leave(waiter);
    EXPECT_TRUE(takes(1, lock));
    release(1, lock);

    waits(++waiter, condition);  // its time is up
    vanish(waiter);
    pass(2s);
    leave(waiter);
    EXPECT_TRUE(takes(1, lock));
    release(1, lock);

    EXPECT_TRUE(takes(++waiter, condition));  // …at once
    vanish(waiter);
    ask(waiter, Request{condition, "wait"}.real(0));
    leave(waiter);
    EXPECT_TRUE(takes(1, lock));
    release(1, lock);
  }
}

TEST_F(LocksTest, AnRLockComesFreeWithItsOwnerWhicheverProxyItWasTakenThrough) {
  const std::string lock = create("RLock");
  const auto gone_before_its_owner = [&](int session, const auto& take) {
    const std::string condition = condition_of(lock);
    take(session, condition);
    ask(next_short++, Request{"", "decref"}.text(condition));
    EXPECT_THAT(ask(6, Request{condition, "release"}), HasSubstr("KeyError"));
    EXPECT_FALSE(takes(6, lock));
    leave(session);
    EXPECT_TRUE(takes(6, lock));
    release(6, lock);
  };
  gone_before_its_owner(
      1, [this](int session, std::string_view condition) { EXPECT_TRUE(takes(session, condition)); });
  gone_before_its_owner(2, [&](int session, std::string_view condition) {  // taken from the line
    EXPECT_TRUE(takes(6, lock));
    EXPECT_EQ(ask(session, Request{condition, "acquire"}), "(waits)");
    release(6, lock);
    EXPECT_EQ(heard(session).size(), 1u);
  });
  gone_before_its_owner(3, [this](int session, std::string_view condition) {  // taken again after a wait
    waits(session, condition);
    pass(2s);
    EXPECT_EQ(heard(session).size(), 1u);
  });
}

TEST_F(LocksTest, AnRLockOfAConnectionThatEndedIsNotTakenFromItsNextOwner) {
  const std::string lock = create("RLock");
  EXPECT_TRUE(takes(1, lock));
  release(1, lock);
  EXPECT_TRUE(takes(2, lock));
  leave(1);
  EXPECT_FALSE(takes(3, lock));
}

TEST_F(LocksTest, ANotifyOfAWaiterThatIsGoneGoesToTheNextThatWaitedThen) {
  for (const std::string_view kind : {"Lock", "RLock"}) {
    SCOPED_TRACE(kind);
    const std::string lock = create(kind), condition = condition_of(lock);
    const auto lose_one = [&](const auto& goes) {
      const int first = next_short++, second = next_short++, late = next_short++;
      for (const int session : {first, second, late}) connect(session);
      waits(first, condition);
      waits(second, condition);
      EXPECT_TRUE(takes(6, condition));
      EXPECT_THAT(ask(6, Request{condition, "notify"}), HasSubstr("#RETURN"));
      goes(first);
      EXPECT_THAT(heard(second), ElementsAre(HasSubstr("#RETURN")));
      release(second, condition);
      if (kind == "RLock") return;
      // Who came later than the notify() has nothing of it.
      waits(second, condition);
      EXPECT_TRUE(takes(6, condition));
      EXPECT_THAT(ask(6, Request{condition, "notify"}), HasSubstr("#RETURN"));
      vanish(second);
      release(6, condition);
      release(6, condition);  // instead of the one that was woken
      waits(late, condition);
      leave(second);
      EXPECT_THAT(heard(late), IsEmpty());
      leave(late);
    };
    lose_one([&](int first) {  // what it is answered is lost
      vanish(first);
      release(6, condition);
      leave(first);
    });
    lose_one([&](int first) {  // it is in line for the lock
      leave(first);
      release(6, condition);
    });
  }
}

TEST_F(LocksTest, AnItemThatComesBackAfterAnImmediateShutdownIsDroppedWithTheOthers) {
  const std::string queue = create("JoinableQueue");
  for (int i = 0; i < 2; ++i) ask(1, Request{queue, "put"}.number(i));
  vanish(2);
  EXPECT_EQ(ask(2, Request{queue, "get"}), "(waits)");
  ask(1, Request{queue, "shutdown"}.yes());
  EXPECT_EQ(ask(1, Request{queue, "join"}), "(waits)");
  leave(2);
  EXPECT_THAT(heard(1), ElementsAre(HasSubstr("#RETURN")));
  EXPECT_THAT(ask(3, Request{queue, "get"}), HasSubstr("ShutDown"));
}

TEST_F(LocksTest, TaskDoneIsForTheOldestItemOfItsQueueThatTheConnectionHas) {
  for (const char* const name : {"a", "b"})
    ASSERT_TRUE(broker.queue_create({}, {.name = name, .ack_task_done = true}, answers));
  const std::string a = create("get_a"), b = create("get_b");
  for (int i = 0; i < 3; ++i) ask(1, Request{a, "put"}.number(i));
  for (int i = 0; i < 2; ++i) ask(1, Request{b, "put"}.number(i + 10));
  for (const std::string& queue : {a, b, a, b, a}) ask(2, Request{queue, "get"});
  for (const std::string& queue : {b, a, a})
    EXPECT_THAT(ask(2, Request{queue, "task_done"}), HasSubstr("#RETURN"));
  leave(2);
  EXPECT_THAT(ask(1, Request{a, "get"}.no()), HasSubstr("I2\n"));
  EXPECT_THAT(ask(1, Request{b, "get"}.no()), HasSubstr("I11\n"));
  for (const std::string& queue : {a, b}) EXPECT_THAT(ask(1, Request{queue, "get"}.no()), HasSubstr("Empty"));
}

TEST(DeadlineTest, IsNowAtTheEarliestAndNoneWhenItIsLaterThanAnythingReal) {
  const TimePoint now{1'000s};
  EXPECT_EQ(deadline_after(now, -1e300), now);
  EXPECT_EQ(deadline_after(now, 1.5), now + 1'500ms);
  EXPECT_EQ(deadline_after(now, 1e300), std::nullopt);
}

}  // namespace
}  // namespace reeve::master::managers
