#include "common/net/handshake.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

constexpr std::string_view key = "a shared secret";

// Carries bytes between the two machines until both are done or one fails.
struct Exchange {
  Exchange(std::string_view client_key, std::string_view server_key, Role role = Role::client)
      : client(client_key, role, random_nonce()), server(server_key, random_nonce()) {
    client.start(to_server);
    while (server_result && client_result && !(server.done() && client.done())) {
      if (to_server.size() >= server.wants() && !server.done())
        server_result = server.feed(take(to_server, server.wants()), to_client);
      if (to_client.size() >= client.wants() && !client.done())
        client_result = client.feed(take(to_client, client.wants()), to_server);
    }
  }
  static std::string take(std::string& bytes, std::size_t count) {
    std::string taken = bytes.substr(0, count);
    bytes.erase(0, count);
    return taken;
  }
  std::string to_server, to_client;
  ClientHandshake client;
  ServerHandshake server;
  Result<void> client_result, server_result;
};

TEST(HandshakeTest, TwoSidesWithTheSameKeyWelcomeEachOther) {
  const Exchange exchange{key, key, Role::worker};
  EXPECT_TRUE(exchange.client.done());
  EXPECT_TRUE(exchange.server.done());
  EXPECT_EQ(exchange.server.role(), Role::worker);
  EXPECT_TRUE(exchange.to_client.empty());
}

TEST(HandshakeTest, AWrongKeyFailsOnBothSidesAndRevealsNothing) {
  const Exchange exchange{"another secret", key};
  ASSERT_FALSE(exchange.server_result);
  EXPECT_EQ(exchange.server_result.error().code, Errc::authentication_failed);
  ASSERT_FALSE(exchange.client_result);
  EXPECT_EQ(exchange.client_result.error().code, Errc::authentication_failed);
  EXPECT_FALSE(exchange.server.done());
}

TEST(HandshakeTest, AClientAtThePortOfPythonProgramsSaysSo) {
  ClientHandshake client{key, Role::client, random_nonce()};
  std::string challenge = std::string("\0\0\0\x3b", 4) + "#CHALLENGE#{sha256}" + std::string(40, 'n');
  const auto fed = client.feed(Exchange::take(challenge, client.wants()), challenge);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::protocol_error);
  EXPECT_NE(fed.error().detail.find("a port for Python programs"), std::string::npos) << fed.error().detail;
}

TEST(HandshakeTest, AMasterThatDoesNotKnowTheKeyIsRefusedByTheClient) {
  ClientHandshake client{key, Role::client, random_nonce()};
  std::string out;
  std::string challenge;
  append_refusal(challenge, HandshakeStatus::ok);  // a hello with a nonce of zeros
  ASSERT_TRUE(client.feed(challenge, out));
  const auto verdict = client.feed(std::string(1, '\0') + std::string(32, 'x'), out);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, Errc::authentication_failed);
}

TEST(HandshakeTest, AProofOfOneExchangeIsWorthNothingInAnother) {
  ClientHandshake client{key, Role::client, random_nonce()};
  ServerHandshake server{key, random_nonce()}, another{key, random_nonce()};
  std::string hello, challenge, proof, unused;
  client.start(hello);
  ASSERT_TRUE(server.feed(hello, challenge));
  ASSERT_TRUE(client.feed(challenge, proof));
  ASSERT_TRUE(another.feed(hello, unused));
  EXPECT_FALSE(another.feed(proof, unused));
  EXPECT_TRUE(server.feed(proof, unused));
}

TEST(HandshakeTest, GarbageInsteadOfAHelloIsAProtocolErrorWithoutAnAnswer) {
  ServerHandshake server{key, random_nonce()};
  std::string out;
  const auto fed = server.feed(std::string(server.wants(), 'G'), out);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::protocol_error);
  EXPECT_TRUE(out.empty());
}

TEST(HandshakeTest, GarbageIsKnownByItsFirstByte) {
  EXPECT_TRUE(may_be_hello(""));
  EXPECT_TRUE(may_be_hello("RV"));
  EXPECT_TRUE(may_be_hello("RVE1 and more"));
  EXPECT_FALSE(may_be_hello("G"));
  EXPECT_FALSE(may_be_hello("RVX"));
}

TEST(HandshakeTest, AnUnknownRoleIsAProtocolError) {
  ServerHandshake server{key, random_nonce()};
  std::string out;
  std::string hello = "RVE1";
  hello.push_back(9);
  hello.resize(40);
  const auto fed = server.feed(hello, out);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::protocol_error);
}

TEST(HandshakeTest, AnotherVersionIsToldApartFromGarbage) {
  ServerHandshake server{key, random_nonce()};
  std::string hello = "RVE9";
  hello.resize(40);
  std::string out;
  ASSERT_FALSE(server.feed(hello, out));
  ClientHandshake client{key, Role::client, random_nonce()};
  std::string unused;
  ASSERT_EQ(out.size(), client.wants());
  const auto fed = client.feed(out, unused);
  ASSERT_FALSE(fed);
  EXPECT_NE(fed.error().detail.find("version"), std::string::npos) << fed.error().detail;
}

TEST(HandshakeTest, SomethingElseThanAMasterIsAProtocolErrorToTheClient) {
  ClientHandshake client{key, Role::client, random_nonce()};
  std::string unused;
  const auto fed = client.feed(std::string(40, 'H'), unused);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::protocol_error);
}

}  // namespace
}  // namespace reeve
