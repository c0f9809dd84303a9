#include "master/managers/challenge.h"

#include <gtest/gtest.h>

#include "master/managers/message.h"

namespace reeve::master::managers {
namespace {

constexpr std::string_view key = "harness-key";

// The client's half, in either generation, with a digest of its choice.
struct Client {
  std::optional<Digest> digest;  // none: bare MD5
  Signer signer{key};

  std::string proof(std::string_view challenge) const {
    const std::string mac = signer.sign(digest.value_or(Digest::md5), challenge);
    return digest ? "{" + std::string{name_of(*digest)} + "}" + mac : mac;
  }
  std::string question() const {
    if (!digest) return std::string(20, 'q');
    return "{" + std::string{name_of(*digest)} + "}" + std::string(40, 'q');
  }
};

class ChallengeTest : public ::testing::Test {
 protected:
  // What the server sent since the last call, as messages.
  std::vector<std::string> sent() {
    MessageReader reader{1'000};
    reader.feed(out);
    out.clear();
    std::vector<std::string> messages;
    std::string_view message;
    Error error;
    while (reader.next(message, error) == MessageReader::Next::message) messages.emplace_back(message);
    return messages;
  }
  std::string challenge_of(const Challenge& challenge) {
    out.clear();
    challenge.start(out);
    const auto first = sent();
    EXPECT_EQ(first.size(), 1u);
    EXPECT_TRUE(first[0].starts_with("#CHALLENGE#"));
    return first[0].substr(11);
  }

  Signer signer{key};
  std::string out;
};

TEST_F(ChallengeTest, BothGenerationsAndEveryDigestGetIn) {
  const std::vector<std::optional<Digest>> all{std::nullopt,   Digest::md5,      Digest::sha256,
                                               Digest::sha384, Digest::sha3_256, Digest::sha3_384};
  for (const auto& digest : all) {
    const Client client{.digest = digest};
    Challenge challenge{signer, true, Challenge::random_nonce()};
    const std::string asked = challenge_of(challenge);
    EXPECT_TRUE(asked.starts_with("{sha256}"));
    EXPECT_EQ(asked.size(), 48u);
    ASSERT_TRUE(challenge.feed(client.proof(asked), out));
    EXPECT_EQ(sent(), std::vector<std::string>{"#WELCOME#"});
    ASSERT_TRUE(challenge.feed("#CHALLENGE#" + client.question(), out));
    EXPECT_EQ(sent(), std::vector<std::string>{client.proof(client.question())});
    EXPECT_FALSE(challenge.done());
    ASSERT_TRUE(challenge.feed("#WELCOME#", out));
    EXPECT_TRUE(challenge.done());
    EXPECT_TRUE(out.empty());
  }
}

TEST_F(ChallengeTest, TheKnownAnswerOfPythonIsAccepted) {
  // hmac.new(b'harness-key', b'{sha256}' + bytes(40), 'md5' / 'sha256').digest() as CPython computes it.
  const std::string text = "{sha256}" + std::string(40, '\0');
  const auto hex = [](std::string_view bytes) {
    std::string digits;
    for (const char byte : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return digits;
  };
  EXPECT_EQ(hex(signer.sign(Digest::md5, text)), "eb6e1eb662e98894ea57358329d55194");
  EXPECT_EQ(hex(signer.sign(Digest::sha256, text)),
            "e66e947d17b071f42d6619e9a58479154a75f90426ed3bfebfdeeaa014d40e1a");
  EXPECT_EQ(hex(signer.sign(Digest::sha3_384, text)).substr(0, 32), "65036876d1e16a85525f86419447cc8a");
}

TEST_F(ChallengeTest, AWrongProofIsToldAndEndsTheHandshake) {
  const std::string asked = challenge_of(Challenge{signer, true, {}});
  const std::string right = signer.sign(Digest::sha256, asked);
  for (const std::string& wrong :
       {std::string{}, std::string{"x"}, std::string(16, '\0'), std::string{"{sha256}"},
        "{sha256}" + std::string(32, '\0'), "{sha256}" + right.substr(0, 31), "{sha384}" + right,
        "{nope}" + right, right, std::string{"{"}, std::string{"#WELCOME#"}, std::string(20, 'x'),
        std::string(256, '\xff')}) {
    Challenge challenge{signer, true, {}};
    const auto fed = challenge.feed(wrong, out);
    ASSERT_FALSE(fed) << wrong;
    EXPECT_EQ(fed.error().code, Errc::authentication_failed);
    EXPECT_EQ(sent(), std::vector<std::string>{"#FAILURE#"});
  }
}

TEST_F(ChallengeTest, WithoutTheSettingNobodyGetsInWithMd5) {
  for (const auto& digest : {std::optional<Digest>{}, std::optional{Digest::md5}}) {
    const Client client{.digest = digest};
    Challenge challenge{signer, false, {}};
    const auto fed = challenge.feed(client.proof(challenge_of(challenge)), out);
    ASSERT_FALSE(fed);
    EXPECT_NE(fed.error().detail.find("managers-legacy-md5"), std::string::npos);
    EXPECT_EQ(sent(), std::vector<std::string>{"#FAILURE#"});
  }
  // …nor is the key used for an MD5 that a modern client asks for.
  Challenge challenge{signer, false, {}};
  ASSERT_TRUE(challenge.feed(Client{.digest = Digest::sha256}.proof(challenge_of(challenge)), out));
  EXPECT_FALSE(challenge.feed("#CHALLENGE#" + std::string(20, 'q'), out));
}

TEST_F(ChallengeTest, AClientThatDoubtsTheServerIsNotLetIn) {
  const Client client{.digest = Digest::sha256};
  for (const std::string last : {"#FAILURE#", "", "#WELCOME", "#CHALLENGE#x"}) {
    Challenge challenge{signer, true, {}};
    ASSERT_TRUE(challenge.feed(client.proof(challenge_of(challenge)), out));
    ASSERT_TRUE(challenge.feed("#CHALLENGE#" + client.question(), out));
    EXPECT_FALSE(challenge.feed(last, out));
    EXPECT_FALSE(challenge.done());
  }
}

TEST_F(ChallengeTest, AQuestionThatIsNoChallengeIsRefused) {
  const Client client{.digest = Digest::sha256};
  for (const std::string question :
       {"", "#CHALLENGE#", "#CHALLENGE#{nope}xxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "hello"}) {
    Challenge challenge{signer, true, {}};
    ASSERT_TRUE(challenge.feed(client.proof(challenge_of(challenge)), out));
    EXPECT_FALSE(challenge.feed(question, out));
  }
}

}  // namespace
}  // namespace reeve::master::managers
