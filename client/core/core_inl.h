// The templates of core.h.
#pragma once

#include "client/core/core.h"
#include "proto/convert.h"
#include "reeve/errors.h"

namespace reeve::client {

template <typename Answer>
Result<Answer> parse_answer(const Frame& frame) {
  const auto parse = [&](auto& message) {
    return message.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size()));
  };
  if (frame.type == answer_type<Answer>()) {
    Answer answer;
    if (!parse(answer)) return fail(Errc::protocol_error, "the master sent a malformed answer");
    if constexpr (requires { answer.error(); }) {
      if (answer.has_error() && answer.error().code() != 0) return fail(from_wire(answer.error()));
    }
    return answer;
  }
  wire::Done refusal;
  if (frame.type == FrameType::done && parse(refusal) && refusal.error().code() != 0)
    return fail(from_wire(refusal.error()));
  return fail(Errc::protocol_error, "the master answered with frame type {}", static_cast<int>(frame.type));
}

template <typename Answer>
Answer answer_in(const Slot& slot) {
  slot.check();
  Result<Answer> answer = parse_answer<Answer>(Frame{slot.type, slot.bytes});
  if (!answer) throw_error(answer.error());
  return std::move(*answer);
}

template <typename Question>
SlotPtr Core::ask(FrameType type, Question& question, bool repeatable, std::uint64_t* id) {
  auto request = std::make_unique<Request>();
  request->id = next_request();
  request->repeatable = repeatable;
  request->takes_values = type == FrameType::get;
  question.set_request(request->id);
  append_frame(request->frame, type, question);
  if (id != nullptr) *id = request->id;
  SlotPtr slot = slot_for(*request);
  issue(std::move(request));
  return slot;
}

template <typename Answer, typename Question>
Answer Core::call(FrameType type, Question& question, bool repeatable) {
  check_may_wait();
  const SlotPtr slot = ask(type, question, repeatable);
  await(slot);
  return answer_in<Answer>(*slot);
}

template <typename Question>
std::uint64_t Core::change(FrameType type, Question& question, Errc done_before) {
  check_may_wait();
  const SlotPtr slot = ask(type, question, true);
  await(slot);
  try {
    return answer_in<wire::Done>(*slot).count();
  } catch (const Exception& error) {
    if (slot->repeated && error.code() == done_before) return 0;
    throw;
  }
}

template <typename Question>
void Core::ask_now(FrameType type, Question& question,
                   std::function<void(const Request&, const Result<Frame>&)> done) {
  auto request = std::make_unique<Request>();
  request->id = next_request();
  request->repeatable = false;
  request->is_watch = type == FrameType::watch;
  question.set_request(request->id);
  append_frame(request->frame, type, question);
  request->done = std::move(done);
  if (up()) return send(std::move(request));
  if (request->done) request->done(*request, fail(Errc::unavailable, "there is no connection"));
}

}  // namespace reeve::client
