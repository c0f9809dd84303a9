#include "master/store/packed_outcome.h"

#include <cstring>
#include <limits>
#include <string_view>

#include "common/base/assert.h"

namespace reeve::master {
namespace {

struct Header {
  std::int64_t started_us;
  std::int64_t run_us;
  std::uint32_t attempt;
  std::int32_t exit_code;
  std::uint32_t value_bytes, error_bytes, out_bytes, err_bytes;
  std::uint16_t worker_bytes;
  std::uint8_t signal;
  TaskState state;
  Encoding encoding;
  bool out_cut : 1, err_cut : 1, timed_out : 1;
};

std::uint32_t size32(const std::string& text) {
  ASSERT(text.size() <= std::numeric_limits<std::uint32_t>::max(), "{} bytes in an outcome", text.size());
  return static_cast<std::uint32_t>(text.size());
}

}  // namespace

PackedOutcome::PackedOutcome(const Outcome& o) {
  const std::string_view worker =
      std::string_view{o.worker}.substr(0, std::numeric_limits<std::uint16_t>::max());
  const Header header{.started_us = o.started.time_since_epoch().count(),
                      .run_us = o.run.count(),
                      .attempt = o.attempt,
                      .exit_code = o.exit_code,
                      .value_bytes = size32(o.value),
                      .error_bytes = size32(o.error),
                      .out_bytes = size32(o.out),
                      .err_bytes = size32(o.err),
                      .worker_bytes = static_cast<std::uint16_t>(worker.size()),
                      .signal = static_cast<std::uint8_t>(o.signal),
                      .state = o.state,
                      .encoding = o.encoding,
                      .out_cut = o.out_cut,
                      .err_cut = o.err_cut,
                      .timed_out = o.timed_out};
  bytes_ = std::make_unique_for_overwrite<char[]>(sizeof header + o.value.size() + o.error.size() +
                                                  o.out.size() + o.err.size() + worker.size());
  char* to = bytes_.get();
  const auto put = [&to](const void* from, std::size_t bytes) { std::memcpy(to, from, bytes), to += bytes; };
  put(&header, sizeof header);
  for (const std::string_view text : {std::string_view{o.value}, std::string_view{o.error},
                                      std::string_view{o.out}, std::string_view{o.err}, worker})
    put(text.data(), text.size());
}

Outcome PackedOutcome::unpack() const {
  Header header;
  std::memcpy(&header, bytes_.get(), sizeof header);
  const char* from = bytes_.get() + sizeof header;
  const auto take = [&from](std::size_t bytes) {
    std::string text{from, bytes};
    from += bytes;
    return text;
  };
  return {.state = header.state,  // the initializers run in order, as the strings were written
          .attempt = header.attempt,
          .encoding = header.encoding,
          .value = take(header.value_bytes),
          .error = take(header.error_bytes),
          .exit_code = header.exit_code,
          .signal = header.signal,
          .out = take(header.out_bytes),
          .err = take(header.err_bytes),
          .out_cut = header.out_cut,
          .err_cut = header.err_cut,
          .timed_out = header.timed_out,
          .started = WallTime{Duration{header.started_us}},
          .run = Duration{header.run_us},
          .worker = take(header.worker_bytes)};
}

}  // namespace reeve::master
