#include "worker/runners/program_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "common/base/base64.h"
#include "common/base/utf8.h"
#include "common/pickle/convert.h"
#include "common/pickle/limits.h"
#include "common/pickle/stored.h"
#include "worker/runners/json_form.h"
#include "worker/runners/runner.h"

namespace reeve::worker {
namespace {

namespace json = boost::json;

// Takes values that are nested as deep as Python clients take them. `around`: objects around the value.
json::value parse(std::string_view text, std::size_t around, boost::system::error_code& error) {
  json::parse_options options;
  options.max_depth = pickle::Limits{}.value_depth_max + 1 + around;  // bytes are an object in JSON
  return json::parse({text.data(), text.size()}, error, {}, options);
}

std::string describe(boost::system::error_code error) {
  if (error != json::error::too_deep) return error.message();
  return fmt::format("it is nested too deep; value_depth_max is {}", pickle::Limits{}.value_depth_max);
}

Result<std::string> payload_field(Encoding encoding, const std::string& payload) {
  switch (encoding) {
    case Encoding::json: {
      if (payload.empty()) return std::string{R"("payload":null)"};
      boost::system::error_code error;
      parse(payload, 0, error);
      if (error) return fail(Errc::invalid_argument, "the payload is not JSON: {}", describe(error));
      std::string field = R"("payload":)" + payload;
      // Within a JSON string there is none of these, so they are only layout.
      std::ranges::replace_if(field, [](char c) { return c == '\n' || c == '\r'; }, ' ');
      return field;
    }
    case Encoding::raw:
      if (is_utf8(payload))
        return fmt::format(R"("payload":{})",
                           json::serialize(json::string_view{payload.data(), payload.size()}));
      [[fallthrough]];
    case Encoding::pickle:
      break;
  }
  return fmt::format(R"("payload_base64":"{}")", to_base64(payload));
}

// The text of the only member's value, so that numbers keep every digit. Pre: `line` is an object with one
// member whose name has no colon.
std::string only_value(std::string_view line) {
  const auto first = line.find(':') + 1;
  std::string_view text = line.substr(first, line.rfind('}') - first);
  constexpr std::string_view space = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(space), text.size()));
  text = text.substr(0, text.find_last_not_of(space) + 1);
  return std::string{text};
}

// A pickle for whichever Python 3 runs the function: what Python 2 wrote is not always readable there. What has no such
// form stays as it is, for the function's interpreter to say so.
std::string readable_pickle(const std::string& payload) {
  constexpr auto reader = pickle::Reader::python3_old;
  if (pickle::plain_stored(payload, reader)) return payload;
  const Result<pickle::Fragment> fragment = pickle::from_stored(payload);
  if (!fragment || !pickle::needs_conversion(*fragment, reader)) return payload;
  const Result<pickle::Fragment> form = pickle::convert(*fragment, reader);
  return form ? pickle::to_stored(*form) : payload;
}

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

Result<void> read_bytes(const json::object& answer, Outcome& outcome) {
  const auto& text = answer.at("value_base64");
  if (!text.is_string()) return fail(Errc::protocol_error, "its value_base64 is no string");
  auto bytes = from_base64(std::string_view(text.get_string()));
  if (!bytes) return fail(Errc::protocol_error, "its value_base64 is not base64");
  const auto* const encoding = answer.if_contains("encoding");
  const std::string name = encoding != nullptr ? text_of(*encoding) : "raw";
  if (name != "raw" && name != "pickle")
    return fail(Errc::protocol_error, "it names the encoding '{}'", name);
  outcome.encoding = name == "raw" ? Encoding::raw : Encoding::pickle;
  outcome.value = std::move(*bytes);
  return {};
}

}  // namespace

Result<std::string> program_request(const Work& work, bool reads_pickles) {
  const bool to_python = reads_pickles && work.spec->encoding == Encoding::pickle;
  const auto other_form = to_python ? std::optional{readable_pickle(work.payload)} : json_form(work);
  const Encoding encoding = other_form && !to_python ? Encoding::json : work.spec->encoding;
  const auto payload = payload_field(encoding, other_form ? *other_form : work.payload);
  if (!payload) return fail(payload.error());
  const Fence& fence = work.fence;
  return fmt::format(R"({{"task":"{}","job":{},"index":{},"attempt":{},"queue":{},"encoding":"{}",{}}})"
                     "\n",
                     fence.task, fence.task.job, fence.task.index, fence.attempt,
                     json::serialize(json::string_view{work.spec->queue.data(), work.spec->queue.size()}),
                     name_of(encoding), *payload);
}

Result<void> read_program_answer(std::string_view line, const Work& work, Outcome& outcome) {
  boost::system::error_code error;
  const json::value parsed = parse(line, 1, error);
  if (error)
    return fail(Errc::protocol_error, "its answer is not a line with a JSON object: {}", describe(error));
  if (!parsed.is_object()) return fail(Errc::protocol_error, "its answer is not a line with a JSON object");
  const json::object& answer = parsed.get_object();
  if (const auto* const task = answer.if_contains("task");
      task != nullptr && text_of(*task) != fmt::format("{}", work.fence.task))
    return fail(Errc::protocol_error, "it answered for the task {}", text_of(*task));
  if (const auto* const message = answer.if_contains("error")) {
    const std::string text = text_of(*message);
    set_failed(outcome, text.empty() ? "the program reported an error" : text);
    return {};
  }
  if (answer.contains("value_base64")) return read_bytes(answer, outcome);
  const auto* const value = answer.if_contains("value");
  if (value == nullptr) return fail(Errc::protocol_error, "its answer has neither \"value\" nor \"error\"");
  outcome.encoding = Encoding::json;
  outcome.value = answer.size() == 1 ? only_value(line) : json::serialize(*value);
  return {};
}

}  // namespace reeve::worker
