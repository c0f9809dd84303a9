// Tasks that come back from a worker keep their places.
#include "tests/unit/master/core/broker_fixture.h"

namespace reeve::master {
namespace {

using testing::ElementsAre;

constexpr SessionId w1{101}, w2{102};

TEST_F(BrokerTest, TasksOfALostWorkerGoToTheNextOneInTheirOrder) {
  submit(function("f"), {"1", "2", "3", "4", "5"});
  worker(w1, "one", 5);
  succeed(w1, out.grants.at(0).fence);
  succeed(w1, out.grants.at(2).fence);
  broker->worker_goodbye(w1, now, out);
  out.clear();
  worker(w2, "two", 5);
  EXPECT_THAT(granted_payloads(), ElementsAre("2", "4", "5"));
}

TEST_F(BrokerTest, GrantsThatNeverArrivedAreMadeAgainInTheirOrder) {
  submit(function("f"), {"1", "2", "3"});
  worker(w1, "one", 3);
  out.clear();
  worker(w2, "one", 3);  // it is back, and holds nothing
  EXPECT_THAT(granted_payloads(), ElementsAre("1", "2", "3"));
}

}  // namespace
}  // namespace reeve::master
