#include "reeve/errors.h"

#include <fmt/format.h>

#include "reeve/payload.h"

namespace reeve {

TaskFailed::TaskFailed(std::uint64_t job, std::uint32_t index, Outcome outcome)
    : Exception({outcome.state == TaskState::cancelled ? Errc::cancelled : Errc::internal,
                 fmt::format("task {}.{} {}: {}", job, index, name_of(outcome.state), outcome.error)}),
      job_(job),
      index_(index),
      outcome_(std::move(outcome)) {}

void throw_error(const Error& error) {
  switch (error.code) {
    case Errc::queue_empty:
      throw QueueEmpty(error);
    case Errc::queue_full:
      throw QueueFull(error);
    case Errc::timed_out:
      throw TimedOut(error);
    case Errc::not_found:
      throw NotFound(error);
    case Errc::unavailable:
      throw Unavailable(error);
    case Errc::authentication_failed:
      throw AuthenticationFailed(error);
    default:
      throw Exception(error);
  }
}

Payload Payload::json_string(std::string_view utf8) {
  std::string text = "\"";
  for (const char c : utf8) {
    switch (c) {
      case '"':
        text += "\\\"";
        break;
      case '\\':
        text += "\\\\";
        break;
      case '\n':
        text += "\\n";
        break;
      case '\r':
        text += "\\r";
        break;
      case '\t':
        text += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          fmt::format_to(std::back_inserter(text), "\\u{:04x}", static_cast<unsigned>(c));
        else
          text += c;
    }
  }
  text += '"';
  return json(std::move(text));
}

}  // namespace reeve
