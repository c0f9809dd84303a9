#include "master/managers/challenge.h"

#include <openssl/rand.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/assert.h"
#include "master/managers/message.h"

namespace reeve::master::managers {
namespace {

constexpr std::string_view challenge_mark = "#CHALLENGE#";
constexpr std::string_view welcome = "#WELCOME#";
constexpr std::string_view failure = "#FAILURE#";
constexpr std::string_view preferred = "{sha256}";
constexpr std::size_t md5_bytes = 16;
constexpr std::size_t legacy_challenge_bytes = 20;

struct Prefixed {
  Digest digest;
  std::string_view rest;
};

// "{digest}rest", when the digest is a known one.
std::optional<Prefixed> split(std::string_view text) {
  const std::size_t end = text.substr(0, 12).find('}');
  if (!text.starts_with('{') || end == std::string_view::npos) return std::nullopt;
  const auto digest = digest_named(text.substr(1, end - 1));
  if (!digest) return std::nullopt;
  return Prefixed{*digest, text.substr(end + 1)};
}

}  // namespace

Challenge::Nonce Challenge::random_nonce() {
  Nonce nonce;
  ASSERT(RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) == 1, "the system has no random numbers");
  return nonce;
}

Challenge::Challenge(const Signer& signer, bool legacy_md5, const Nonce& nonce)
    : signer_(&signer), legacy_md5_(legacy_md5) {
  static_assert(preferred.size() + nonce_bytes == std::tuple_size_v<decltype(text_)>);
  std::ranges::copy(nonce, std::ranges::copy(preferred, text_.begin()).out);
}

void Challenge::start(std::string& out) const {
  append_message_header(out, challenge_mark.size() + text_.size());
  out.append(challenge_mark).append(text_.data(), text_.size());
}

Result<void> Challenge::feed(std::string_view message, std::string& out) {
  ASSERT(!done());
  switch (step_) {
    case Step::proof:
      return check_proof(message, out);
    case Step::question:
      return answer(message, out);
    default:
      if (message != welcome)
        return fail(Errc::authentication_failed,
                    "the client says that this server does not know the authkey");
      step_ = Step::done;
      return {};
  }
}

Result<void> Challenge::check_proof(std::string_view message, std::string& out) {
  const std::string_view text{text_.data(), text_.size()};
  const bool legacy = message.size() == md5_bytes;
  const auto prefixed = legacy ? Prefixed{Digest::md5, message} : split(message);
  const bool known = prefixed && signer_->verify(prefixed->digest, text, prefixed->rest);
  if (!known || (prefixed->digest == Digest::md5 && !legacy_md5_)) {
    append_message(out, failure);
    if (!known) return fail(Errc::authentication_failed, "the client does not know the authkey");
    return fail(Errc::authentication_failed,
                "a client (of Python 3.11 or older) proved itself with HMAC-MD5, which the setting "
                "managers-legacy-md5 = off refuses");
  }
  append_message(out, welcome);
  step_ = Step::question;
  return {};
}

Result<void> Challenge::answer(std::string_view message, std::string& out) {
  if (!message.starts_with(challenge_mark))
    return fail(Errc::protocol_error, "the client sent no challenge of its own");
  const std::string_view question = message.substr(challenge_mark.size());
  if (question.size() == legacy_challenge_bytes && legacy_md5_ && signer_->has(Digest::md5)) {
    append_message(out, signer_->sign(Digest::md5, question));
  } else {
    const auto prefixed = split(question);
    if (!prefixed || !signer_->has(prefixed->digest) || (prefixed->digest == Digest::md5 && !legacy_md5_))
      return fail(Errc::protocol_error, "the client's challenge is none that this server answers");
    const std::string mac = signer_->sign(prefixed->digest, question);
    const std::string_view name = name_of(prefixed->digest);
    append_message_header(out, name.size() + 2 + mac.size());
    out.append("{").append(name).append("}").append(mac);
  }
  step_ = Step::verdict;
  return {};
}

}  // namespace reeve::master::managers
