// Any bytes, in any pieces, as a Python client's half of the handshake: a stranger never gets in, and of one that has
// proved itself only who has also said welcome; every answer is a message that a client would read; what comes behind
// the handshake is kept, byte for byte.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "master/managers/message.h"
#include "master/managers/python_proof.h"
#include "tests/fuzz/bytes.h"

using namespace reeve::master::managers;
using reeve::fuzz::require;

namespace {

constexpr std::string_view challenge_mark = "#CHALLENGE#";
constexpr std::string_view welcome = "#WELCOME#";
constexpr std::size_t answers_max = 3;  // a challenge, a verdict, an answer

std::vector<std::string> messages_in(std::string_view bytes) {
  MessageReader reader{handshake_message_max_bytes};
  reader.feed(bytes);
  std::vector<std::string> messages;
  std::string_view message;
  reeve::Error error;
  while (reader.next(message, error) == MessageReader::Next::message) messages.emplace_back(message);
  require(reader.buffered_bytes() == 0);
  return messages;
}

// What a client that knows the key says to the first message.
std::string right_answer(const Signer& signer, Digest digest, std::string_view asked) {
  const std::string mac = signer.sign(digest, asked.substr(challenge_mark.size()));
  std::string answer;
  append_message(answer, digest == Digest::md5 ? mac : "{" + std::string{name_of(digest)} + "}" + mac);
  return answer;
}

struct Outcome {
  bool done = false;
  reeve::Errc code = reeve::Errc::ok;
  std::vector<std::size_t> answer_sizes;  // the answers themselves are to a challenge that is new each time
  bool operator==(const Outcome&) const = default;
};

Outcome shake_hands(const Signer& signer, bool legacy_md5, std::optional<Digest> knows, std::string_view rest,
                    std::size_t piece) {
  PythonProof proof{signer, legacy_md5};
  std::string out;
  proof.begin(out);
  std::string stream = knows ? right_answer(signer, *knows, messages_in(out).front()) : std::string{};
  stream += rest;
  Outcome outcome;
  std::size_t fed = 0;
  while (fed < stream.size() && !proof.done() && outcome.code == reeve::Errc::ok) {
    const std::string_view bytes = std::string_view{stream}.substr(fed, std::min(piece, proof.wants()));
    if (const auto taken = proof.feed(bytes, out); !taken) outcome.code = taken.error().code;
    fed += bytes.size();
  }
  outcome.done = proof.done();
  for (const std::string& answer : messages_in(out)) outcome.answer_sizes.push_back(answer.size());
  require(outcome.answer_sizes.size() <= answers_max);
  if (outcome.done) {
    require(knows.has_value() && outcome.code == reeve::Errc::ok);
    const std::string_view heard = std::string_view{stream}.substr(0, fed);
    require(heard.ends_with(proof.early()));
    require(heard.substr(0, heard.size() - proof.early().size()).ends_with(welcome));
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Signer signer{"the key that nobody knows"};
  constexpr std::array<std::optional<Digest>, 4> clients{std::nullopt, Digest::md5, Digest::sha256,
                                                         Digest::sha3_384};
  reeve::fuzz::Bytes bytes{data, size};
  const std::uint8_t how = bytes.u8();
  const bool legacy_md5 = (how & 1) != 0;
  const auto knows = clients[how >> 1 & 3];
  const std::size_t piece = 1 + (how >> 3);
  const std::string_view rest = bytes.take(size);
  if (knows && !signer.has(*knows)) return 0;
  const Outcome whole = shake_hands(signer, legacy_md5, knows, rest, size + handshake_message_max_bytes);
  require(shake_hands(signer, legacy_md5, knows, rest, piece) == whole);
  return 0;
}
