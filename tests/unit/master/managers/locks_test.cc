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

}  // namespace
}  // namespace reeve::master::managers
