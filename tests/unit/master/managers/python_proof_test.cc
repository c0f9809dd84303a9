#include "master/managers/python_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reeve::master::managers {
namespace {

using testing::HasSubstr;

class PythonProofTest : public testing::Test {
 protected:
  Signer signer{"a key for tests"};
  PythonProof proof{signer, false};
  std::string out;
};

TEST_F(PythonProofTest, AClientOfTheOtherPortIsToldApart) {
  std::string hello;
  ClientHandshake{"a key for tests", Role::worker, random_nonce()}.start(hello);
  const auto fed = proof.feed(hello, out);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::protocol_error);
  EXPECT_THAT(fed.error().detail,
              HasSubstr("a reeve client or worker, which belongs to the port of --listen"));
}

TEST_F(PythonProofTest, OtherStrangersThatAnnounceTooMuchAreStillThat) {
  const auto fed = proof.feed("GET / HTTP/1.1\r\n", out);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::too_large);
  EXPECT_THAT(fed.error().detail, HasSubstr("announces"));
}

}  // namespace
}  // namespace reeve::master::managers
